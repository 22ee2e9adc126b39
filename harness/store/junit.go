package store

import (
	"encoding/xml"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/faultline-dev/faultline/checkers"
)

// Case is one run as JUnit readers show it.
type Case struct {
	Suite   string // target
	Name    string // workload, nemeses, seed
	Took    time.Duration
	Valid   checkers.Validity
	Message string // one line, unless valid
	Detail  string // whatever helps: anomaly, seed, report, the command that reproduces it
	Crashed bool   // the harness failed
}

// The elements of the JUnit format that CI systems agree on.
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitProblem `xml:"failure"`
		Error   *junitProblem `xml:"error"`
	}
	junitProblem struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes a JUnit file. Invalid is a failure; unknown and crashed are errors:
// neither may pass for success.
func WriteJUnit(file string, cases []Case) error {
	suites := map[string]*junitSuite{}
	took := map[string]time.Duration{}
	var order []string
	for _, c := range cases {
		s := suites[c.Suite]
		if s == nil {
			s = &junitSuite{Name: c.Suite}
			suites[c.Suite] = s
			order = append(order, c.Suite)
		}
		jc := junitCase{Class: c.Suite, Name: clean(c.Name), Time: seconds(c.Took)}
		problem := &junitProblem{Message: clean(c.Message), Type: c.Valid.String(), Text: clean(c.Detail)}
		switch {
		case c.Valid == checkers.Invalid:
			jc.Failure = problem
			s.Failures++
		case c.Crashed || c.Valid == checkers.Unknown:
			if c.Crashed {
				problem.Type = "crashed"
			}
			jc.Error = problem
			s.Errors++
		}
		s.Tests++
		took[c.Suite] += c.Took
		s.Cases = append(s.Cases, jc)
	}
	all := junitSuites{}
	for _, name := range order {
		suites[name].Time = seconds(took[name])
		all.Suites = append(all.Suites, *suites[name])
	}
	b, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("encode JUnit: %w", err)
	}
	if err := os.WriteFile(file, append([]byte(xml.Header), append(b, '\n')...), 0o644); err != nil {
		return fmt.Errorf("write JUnit: %w", err)
	}
	return nil
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

// clean drops what XML 1.0 cannot hold, so that no error message breaks the file.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r != 0xFFFE && r != 0xFFFF {
			return r
		}
		return -1
	}, strings.ToValidUTF8(s, "�"))
}
