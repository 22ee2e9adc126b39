package cluster

import (
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/agnivade/levenshtein"
)

// Option is a setting that a target, workload or nemesis understands: --set name=value.
type Option struct {
	Name    string
	Default string
	Doc     string
	Values  []string // the values allowed; nil: any that Check accepts
	Check   func(value string) error
}

// Options are resolved settings: every option has a value and every value was checked.
type Options map[string]string

// Resolve checks the settings against the options and fills in defaults.
func Resolve(options []Option, settings map[string]string) (Options, error) {
	resolved := Options{}
	names := make([]string, 0, len(options))
	for _, o := range options {
		resolved[o.Name] = o.Default
		names = append(names, o.Name)
	}
	given := make([]string, 0, len(settings))
	for name := range settings {
		given = append(given, name)
	}
	sort.Strings(given)
	for _, name := range given {
		i := slices.IndexFunc(options, func(o Option) bool { return o.Name == name })
		if i < 0 {
			return nil, Unknown("option", name, names)
		}
		o, value := options[i], settings[name]
		if o.Values != nil && !slices.Contains(o.Values, value) {
			return nil, fmt.Errorf("option %s: %w", name, Unknown("value", value, o.Values))
		}
		if o.Check != nil {
			if err := o.Check(value); err != nil {
				return nil, fmt.Errorf("option %s: %w", name, err)
			}
		}
		resolved[name] = value
	}
	return resolved, nil
}

// Int returns an option as a number; it was checked by IsInt.
func (o Options) Int(name string) int { n, _ := strconv.Atoi(o[name]); return n }

// Bool returns an option whose values are true and false.
func (o Options) Bool(name string) bool { return o[name] == "true" }

// Duration returns an option as a duration; it was checked by IsDuration.
func (o Options) Duration(name string) time.Duration { d, _ := time.ParseDuration(o[name]); return d }

// IsInt is a Check for a number between lo and hi.
func IsInt(lo, hi int) func(string) error {
	return func(value string) error {
		if n, err := strconv.Atoi(value); err != nil || n < lo || n > hi {
			return fmt.Errorf("%q is not a number from %d to %d", value, lo, hi)
		}
		return nil
	}
}

var size = regexp.MustCompile(`^[1-9]\d{0,5}[kmg]$`)

// IsSize is a Check for an amount of memory.
func IsSize(value string) error {
	if !size.MatchString(value) {
		return fmt.Errorf("%q is not a size such as 256m", value)
	}
	return nil
}

// IsDuration is a Check for a duration between lo and hi.
func IsDuration(lo, hi time.Duration) func(string) error {
	return func(value string) error {
		if d, err := time.ParseDuration(value); err != nil || d < lo || d > hi {
			return fmt.Errorf("%q is not a duration from %s to %s (like 500ms)", value, lo, hi)
		}
		return nil
	}
}

// Unknown is the error for a name that is not among the known ones: it suggests the
// nearest and lists them all.
func Unknown(what, name string, known []string) error {
	best, distance := "", 1+len(name)/2
	for _, k := range known {
		if d := levenshtein.ComputeDistance(strings.ToLower(name), k); d < distance {
			best, distance = k, d
		}
	}
	hint := ""
	if best != "" {
		hint = fmt.Sprintf(" (did you mean %q?)", best)
	}
	if len(known) == 0 {
		return fmt.Errorf("unknown %s %q: there are none", what, name)
	}
	return fmt.Errorf("unknown %s %q%s; there are: %s", what, name, hint, strings.Join(known, ", "))
}
