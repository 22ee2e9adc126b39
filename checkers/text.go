package checkers

import (
	"strconv"
	"time"
)

// At writes a moment of the run as sentences and pictures name it: "12.345 s".
func At(ns int64) string {
	return strconv.FormatFloat(float64(ns)/1e9, 'f', 3, 64) + " s"
}

// Span writes a length of time with three figures at most: "1.2 s", "35 ms", "120 µs".
func Span(ns int64) string {
	d := time.Duration(ns)
	for _, unit := range [...]struct {
		size time.Duration
		name string
	}{{time.Second, " s"}, {time.Millisecond, " ms"}, {time.Microsecond, " µs"}} {
		if d >= unit.size {
			return strconv.FormatFloat(float64(d)/float64(unit.size), 'g', 3, 64) + unit.name
		}
	}
	return strconv.FormatInt(ns, 10) + " ns"
}
