package clock

import (
	"bufio"
	"fmt"
	"io"
	"time"
)

// Probe is the program that Try starts: it says what time it is for each line that it
// gets, in nanoseconds.
func Probe(in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if _, err := fmt.Fprintln(out, time.Now().UnixNano()); err != nil {
			return err
		}
	}
	return lines.Err()
}
