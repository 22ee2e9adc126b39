package arch

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/faultline-dev/faultline"

// listed is a package as go list tells it.
type listed struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string
	Export     string
}

// list runs go list on patterns, from the module's root.
func list(t *testing.T, args ...string) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-json=ImportPath,Dir,GoFiles,Imports,Export"}, args...)...)
	cmd.Dir = "../.."
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// room names a package of this module from its root.
func room(path string) (string, bool) {
	if path == module {
		return ".", true
	}
	return strings.CutPrefix(path, module+"/")
}

func TestImports(t *testing.T) {
	packages := 0
	for _, p := range list(t, "./...") {
		from, _ := room(p.ImportPath)
		if strings.HasPrefix(from, "internal/") || strings.HasPrefix(from, "examples/") {
			continue
		}
		packages++
		for _, imported := range p.Imports {
			if to, ours := room(imported); ours {
				if why := Import(from, to); why != "" {
					t.Errorf("%s imports %s: %s", from, to, why)
				}
			}
		}
	}
	if packages < 20 {
		t.Errorf("only %d packages were looked at", packages)
	}
}

// TestImportRules shows that the rules bite.
func TestImportRules(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{"harness", "nemesis", ""},
		{"targets/raft", "targets/embedded/raft", ""},
		{"targets/etcd", "targets/docker", ""},
		{"checkers/linearizable", "checkers", ""},
		{"cmd/faultline", ".", ""},
		{"nemesis", "harness", "below"},
		{"harness/history", "harness/generator", "below"},
		{"harness/sim", "harness/cluster", "below"},
		{"targets/raft", "targets/dynamo", "siblings"},
		{"checkers", "checkers/set", "siblings"},
		{"checkers/set", "checkers/linearizable", "siblings"},
		{"checkers/set", "harness/cluster", "nothing of clusters"},
		{"checkers/linearizable", "checkers/engine/search", ""},
		{"checkers/engine/search", "checkers", "below"},
		{"targets/embedded/raft", "harness/history", "harness/node alone"},
		{"targets/embedded/sharded", "targets/embedded/dynamo", "siblings"},
		{"nemesis/linux/net", "harness/cluster", "injectors"},
		{"report", ".", "below"},
		{"odd/corner", "harness", "no room"},
		{"harness", "odd/corner", "no room"},
	} {
		got := Import(c.from, c.to)
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s imports %s: %q, want %q", c.from, c.to, got, c.want)
		}
	}
}

// deterministic are the packages of which a seed decides everything.
var deterministic = []string{"./harness/sim", "./harness/node", "./harness/generator", "./targets/embedded/..."}

func TestDeterministicCode(t *testing.T) {
	exports := map[string]string{}
	for _, p := range list(t, append([]string{"-export", "-deps"}, deterministic...)...) {
		exports[p.ImportPath] = p.Export
	}
	checked := 0
	for _, p := range list(t, deterministic...) {
		var files []string
		for _, name := range p.GoFiles {
			files = append(files, filepath.Join(p.Dir, name))
		}
		for _, what := range inspect(t, p.ImportPath, files, exports) {
			t.Error(what)
		}
		checked += len(files)
	}
	if checked < 20 {
		t.Errorf("only %d files were looked at", checked)
	}
}

// TestDeterminismRules shows that each rule bites: a line of the fixture that ends in a
// comment "want" is an offence, and no other is.
func TestDeterminismRules(t *testing.T) {
	const fixture = "testdata/offences.go.txt"
	exports := map[string]string{}
	for _, p := range list(t, "-export", "-deps", "time", "math/rand/v2", "crypto/rand", "maps") {
		exports[p.ImportPath] = p.Export
	}
	text, err := os.ReadFile(fixture)
	if err != nil {
		t.Fatal(err)
	}
	var want []int
	for i, line := range strings.Split(string(text), "\n") {
		if strings.HasSuffix(line, "// want") {
			want = append(want, i+1)
		}
	}
	var got []int
	for _, what := range inspect(t, "fixture", []string{fixture}, exports) {
		var n int
		if _, err := fmt.Sscanf(strings.TrimPrefix(what, fixture+":"), "%d", &n); err != nil {
			t.Fatal(what)
		}
		if !slices.Contains(got, n) {
			got = append(got, n)
		}
	}
	if !slices.Equal(got, want) || len(want) < 12 {
		t.Errorf("offences in lines %v, want %v", got, want)
	}
}

// inspect type-checks files with the export data of what they import and looks at them.
func inspect(t *testing.T, path string, names []string, exports map[string]string) []string {
	t.Helper()
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range names {
		f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	lookup := func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, fmt.Errorf("no export data of %s", path)
		}
		return os.Open(exports[path])
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: importer.ForCompiler(fset, "gc", lookup)}
	if _, err := config.Check(path, fset, files, info); err != nil {
		t.Fatal(err)
	}
	return Determinism(fset, files, info)
}
