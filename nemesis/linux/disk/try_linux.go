package disk

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Try finds out whether a layer can be put over a directory here, by doing so in a place of
// its own.
func Try() (err error) {
	dir, err := os.MkdirTemp("", "faultline-disk-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	m := Mount{Under: dir}
	for _, sub := range []string{dataDir, trashDir, pointDir} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			return err
		}
	}
	if _, err := mount(m.Data(), filepath.Join(dir, trashDir), m.Point()); err != nil {
		return fmt.Errorf("mount a file system of our own (FUSE): %w", err)
	}
	defer func() { err = errors.Join(err, unmount(m.Point())) }()
	want := []byte("written through the layer")
	if err := os.WriteFile(filepath.Join(m.Point(), "file"), want, 0o600); err != nil {
		return err
	}
	got, err := os.ReadFile(filepath.Join(m.Data(), "file"))
	if err == nil && !bytes.Equal(got, want) {
		err = errors.New("what is written through a mounted layer does not arrive")
	}
	return err
}
