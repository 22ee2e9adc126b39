package host

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// drive is an open disk of a directory. Its reports run at once, one at a time.
type drive struct {
	*disk
	stop func()
}

func openDrive(t interface{ Fatal(...any) }, dir string) drive {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	var mu sync.Mutex
	d, err := openDisk(ctx, &wg, dir, func(f func()) {
		mu.Lock()
		defer mu.Unlock()
		f()
	})
	if err != nil {
		t.Fatal(err)
	}
	return drive{d, func() { cancel(); wg.Wait() }}
}

// A disk behaves as a map of files does, its reports come in order, and it holds what it
// held when it is opened again.
func TestDiskIsAMapOfFiles(t *testing.T) {
	top := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp(top, "")
		if err != nil {
			t.Fatal(err)
		}
		d := openDrive(t, dir)
		defer func() { d.stop() }()
		model := map[string]string{}
		var mu sync.Mutex
		asked, reported := map[string]int{}, map[string]int{}
		file := rapid.SampledFrom([]string{"log", "state"})
		data := rapid.StringOfN(rapid.RuneFrom([]rune("abc")), 0, 8, -1)
		request := func(name string) func(error) {
			nth := asked[name]
			asked[name]++
			return func(err error) {
				mu.Lock()
				defer mu.Unlock()
				if err != nil || reported[name] != nth {
					t.Errorf("request %d on %s was reported after %d others, with %v", nth, name, reported[name], err)
				}
				reported[name]++
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				name, s := file.Draw(t, "file"), data.Draw(t, "data")
				buf := []byte(s)
				d.Append(name, buf, request(name))
				clear(buf) // the caller's again
				model[name] += s
			},
			"replace": func(t *rapid.T) {
				name, s := file.Draw(t, "file"), data.Draw(t, "data")
				d.Replace(name, []byte(s), request(name))
				model[name] = s
			},
			"sync": func(t *rapid.T) { name := file.Draw(t, "file"); d.Sync(name, request(name)) },
			"reopen": func(t *rapid.T) {
				for _, name := range []string{"log", "state"} { // what is under way at an end may be lost
					if _, err := d.Read(name); err != nil {
						t.Fatal(err)
					}
				}
				d.stop()
				d = openDrive(t, dir)
			},
			"": func(t *rapid.T) {
				for _, name := range []string{"log", "state"} {
					got, err := d.Read(name)
					if err != nil || string(got) != model[name] {
						t.Fatalf("%s holds %q, %v instead of %q", name, got, err, model[name])
					}
				}
				mu.Lock()
				defer mu.Unlock()
				for name, n := range asked {
					if reported[name] != n {
						t.Fatalf("of %d requests on %s %d were reported", n, name, reported[name])
					}
				}
			},
		})
	})
}

// Of a crash amid a replacement the half of the new content is forgotten.
func TestReplacementCutShort(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"state": "old", "state" + fresh: "ne"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	d := openDrive(t, dir)
	defer d.stop()
	if got, err := d.Read("state"); string(got) != "old" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "state"+fresh)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the new content is still there: %v", err)
	}
}

func TestFilesOutsideAreRefused(t *testing.T) {
	d := openDrive(t, t.TempDir())
	defer d.stop()
	for _, name := range []string{"", ".", "..", "../up", "/etc/passwd", "a/b", `a\b`, ".hidden", "a" + fresh} {
		told := false
		d.Append(name, []byte("x"), func(err error) { told = err != nil })
		if _, err := d.Read(name); err == nil || !told {
			t.Errorf("%q is taken for a name", name)
		}
	}
}

// An error of the file system reaches the node that asked.
func TestDiskErrors(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "log"), 0o755); err != nil {
		t.Fatal(err)
	}
	d := openDrive(t, dir)
	defer d.stop()
	var errs []string
	note := func(err error) { errs = append(errs, errText(err)) }
	d.Append("log", []byte("x"), note)
	d.Replace("log", []byte("x"), note)
	d.Sync("log", note)
	d.files["log"].settle()
	if len(errs) != 3 || strings.Contains(strings.Join(errs, ","), "none") {
		t.Errorf("a directory in the place of a file: %q", errs)
	}
}

func errText(err error) string {
	if err == nil {
		return "none"
	}
	return err.Error()
}

func BenchmarkSyncedAppends(b *testing.B) {
	d := openDrive(b, b.TempDir())
	defer d.stop()
	record, synced := make([]byte, 100), make(chan error)
	for b.Loop() {
		d.Append("log", record, nil)
		d.Sync("log", func(err error) { synced <- err })
		if err := <-synced; err != nil {
			b.Fatal(err)
		}
	}
}
