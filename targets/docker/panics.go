package docker

import (
	"bytes"
	"fmt"
	"regexp"
)

// commonPanics are the first words of programs that end because they are broken, whatever
// the system: of Go's runtime, of Java's and of the kernel by way of a shell.
var commonPanics = []string{
	`^panic: `, `^fatal error: `, `^# A fatal error has been detected by the Java Runtime`, `\(core dumped\)`,
}

// Bounds of what is looked at and told.
const (
	longestLine = 4096
	panicsTold  = 5 // of one node: a crash loop says the same again and again
)

// lineWatch looks for lines in a node's log that must never be there.
type lineWatch struct {
	patterns []*regexp.Regexp
	line     []byte
	told     int
	tell     func(line string)
}

func newLineWatch(patterns []string, tell func(line string)) (*lineWatch, error) {
	w := &lineWatch{tell: tell}
	for _, p := range append(commonPanics[:len(commonPanics):len(commonPanics)], patterns...) {
		r, err := regexp.Compile(p)
		if err != nil {
			return nil, fmt.Errorf("pattern of lines that must never be in a log: %w", err)
		}
		w.patterns = append(w.patterns, r)
	}
	return w, nil
}

// look takes the next part of the log.
func (w *lineWatch) look(b []byte) {
	for len(b) > 0 {
		part, rest, whole := bytes.Cut(b, []byte("\n"))
		w.line = append(w.line, part[:min(len(part), max(0, longestLine-len(w.line)))]...)
		if whole {
			w.judge()
			w.line = w.line[:0]
		}
		b = rest
	}
}

func (w *lineWatch) judge() {
	for _, p := range w.patterns {
		if p.Match(w.line) {
			if w.told++; w.told <= panicsTold {
				w.tell(string(bytes.TrimSpace(w.line)))
			}
			return
		}
	}
}
