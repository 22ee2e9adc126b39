package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/faultline-dev/faultline"
	"github.com/faultline-dev/faultline/targets/all"
)

// TestDocs holds that the generated pages say what the registries say.
func TestDocs(t *testing.T) {
	fresh, docs := t.TempDir(), filepath.Join("..", "..", "docs")
	// The figures of the last sweep are not made anew, but told by a page.
	figures, err := os.ReadFile(filepath.Join(docs, "detection.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(fresh, "detection.json"), figures, 0o600); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	if code := faultline.Run([]string{"docs", fresh}, &said, &said, all.Targets); code != 0 {
		t.Fatalf("exit code %d: %s", code, &said)
	}
	err = filepath.WalkDir(fresh, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(fresh, path)
		if err != nil {
			return err
		}
		want, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if got, err := os.ReadFile(filepath.Join(docs, name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("docs/%s is not what the registries say: go run ./cmd/faultline docs docs", filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := os.ReadDir(filepath.Join(docs, "targets"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pages {
		if _, err := os.Stat(filepath.Join(fresh, "targets", p.Name())); err != nil {
			t.Errorf("docs/targets/%s is of no target", p.Name())
		}
	}
}
