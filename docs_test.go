package faultline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/faultline-dev/faultline/checkers/object"
	"github.com/faultline-dev/faultline/harness/store"
)

// TestCheckingPage runs the examples of docs/checking.md: "$ cat FILE" shows a file, and
// "$ faultline ..." what comes of a command. Results in JSON are left out there.
func TestCheckingPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("docs", "checking.md"))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	commands := 0
	for _, block := range strings.Split(examples(string(page)), "$ ")[1:] {
		line, rest, _ := strings.Cut(block, "\n")
		rest = strings.TrimRight(rest, "\n") + "\n"
		words := strings.Fields(line)
		if words[0] == "cat" {
			if err := os.WriteFile(words[1], []byte(rest), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		commands++
		var stdout, stderr bytes.Buffer
		code := Run(words[1:], &stdout, &stderr)
		got := stdout.String() + stderr.String()
		if strings.Contains(line, "--json") {
			if !json.Valid(stdout.Bytes()) {
				t.Errorf("%s printed no JSON:\n%s", line, got)
			}
			got = ""
		}
		if code != 0 {
			got += fmt.Sprintf("[exit code %d]\n", code)
		}
		if got != rest {
			t.Errorf("%s printed\n%s\nand docs/checking.md says\n%s", line, got, rest)
		}
	}
	if commands < 5 {
		t.Errorf("only %d examples were found", commands)
	}
}

// examples are the indented lines of a page, and the empty ones between them.
func examples(page string) string {
	var b strings.Builder
	for _, line := range strings.Split(page, "\n") {
		if text, ok := strings.CutPrefix(line, "    "); ok || line == "" {
			b.WriteString(text + "\n")
		}
	}
	return b.String()
}

// TestResultsPage holds that docs/results.md names every field that --json prints.
func TestResultsPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("docs", "results.md"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[reflect.Type]bool{}
	var walk func(of reflect.Type)
	walk = func(of reflect.Type) {
		for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
			of = of.Elem()
		}
		// The configuration is test.yaml's, and not told again.
		if of.Kind() != reflect.Struct || seen[of] || of == reflect.TypeFor[store.Config]() {
			return
		}
		seen[of] = true
		for i := range of.NumField() {
			f := of.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if !strings.Contains(string(page), "`"+name+"`") {
				t.Errorf("docs/results.md does not name %s.%s, which is %q", of, f.Name, name)
			}
			walk(f.Type)
		}
	}
	walk(reflect.TypeFor[checkedFiles]())
	walk(reflect.TypeFor[object.Detail]())
	if len(seen) < 7 {
		t.Errorf("only %d types were looked at", len(seen))
	}
}
