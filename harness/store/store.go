// Package store keeps runs on disk: one directory a run, made atomically, with everything
// needed to judge it again, to read about it and to run it again.
//
//	store/<test>/<UTC timestamp>-<seed>[-n]/
//	    test.yaml      what was run: the resolved configuration
//	    history.flh    what happened, growing while it happens
//	    results.json   what the checkers say
//	    report.html    the same for people
//	    harness.log    what the harness did
//	    nodes/<node>/  what the nodes logged
//	store/latest       points at the newest
//
// Start with Create and Open.
package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/faultline-dev/faultline/harness/history"
)

// Run is a run's directory.
type Run struct {
	Dir string
}

// Names of the files in a run's directory.
const (
	ConfigFile  = "test.yaml"
	HistoryFile = "history.flh"
	ResultsFile = "results.json"
	ReportFile  = "report.html"
	LogFile     = "harness.log"
)

// Create makes the directory of a new run below root. Runs started in the same second
// with the same seed get a number; two never share a directory.
func Create(root, test string, seed uint64, now time.Time) (*Run, error) {
	parent := filepath.Join(root, test)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return nil, fmt.Errorf("create the store: %w", err)
	}
	base := fmt.Sprintf("%s-%d", now.UTC().Format("20060102T150405Z"), seed)
	const tries = 10000
	for n := range tries {
		name := base
		if n > 0 {
			name = fmt.Sprintf("%s-%d", base, n+1)
		}
		dir := filepath.Join(parent, name)
		err := os.Mkdir(dir, 0o755)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("create the run directory: %w", err)
		}
		pointLatest(root, filepath.Join(test, name))
		return &Run{Dir: dir}, nil
	}
	return nil, fmt.Errorf("create the run directory: %d runs named %s exist in %s", tries, base, parent)
}

// pointLatest replaces store/latest. It is a convenience: where links are not to be had
// (or another run wins the race) nothing is lost, so errors are ignored.
func pointLatest(root, target string) {
	link := filepath.Join(root, "latest")
	next := fmt.Sprintf("%s.%d", link, os.Getpid())
	if os.Symlink(target, next) == nil {
		if os.Rename(next, link) != nil {
			_ = os.Remove(next)
		}
	}
}

// Open opens the directory of a run that exists. It follows store/latest.
func Open(dir string) (*Run, error) {
	resolved, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, fmt.Errorf("open run: %w", err)
	}
	if _, err := os.Stat(filepath.Join(resolved, HistoryFile)); err != nil {
		return nil, fmt.Errorf("open run: %s is not a run directory: it holds no %s", dir, HistoryFile)
	}
	return &Run{Dir: resolved}, nil
}

// Path names a file of the run.
func (r *Run) Path(file string) string { return filepath.Join(r.Dir, file) }

// History reads the run's history, as far as it was written.
func (r *Run) History() (*history.History, *history.FileInfo, error) {
	return history.Open(r.Path(HistoryFile))
}

// WriteConfig writes test.yaml.
func (r *Run) WriteConfig(c Config) error {
	b, err := yaml.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode %s: %w", ConfigFile, err)
	}
	return r.write(ConfigFile, b)
}

// Config reads test.yaml.
func (r *Run) Config() (Config, error) {
	var c Config
	b, err := os.ReadFile(r.Path(ConfigFile))
	if err != nil {
		return c, fmt.Errorf("read the run's configuration: %w", err)
	}
	dec := yaml.NewDecoder(strings.NewReader(string(b)))
	dec.KnownFields(true)
	if err := dec.Decode(&c); err != nil {
		return c, fmt.Errorf("read %s: %w", r.Path(ConfigFile), err)
	}
	return c, nil
}

// WriteResults writes results.json.
func (r *Run) WriteResults(res *Results) error {
	b, err := json.MarshalIndent(res, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", ResultsFile, err)
	}
	return r.write(ResultsFile, append(b, '\n'))
}

// Results reads results.json.
func (r *Run) Results() (*Results, error) {
	b, err := os.ReadFile(r.Path(ResultsFile))
	if err != nil {
		return nil, fmt.Errorf("read the run's results: %w", err)
	}
	var res Results
	if err := json.Unmarshal(b, &res); err != nil {
		return nil, fmt.Errorf("read %s: %w", r.Path(ResultsFile), err)
	}
	if res.Schema != Schema {
		return nil, fmt.Errorf("read %s: schema %d, this program knows %d; run faultline check on the run to renew it", r.Path(ResultsFile), res.Schema, Schema)
	}
	return &res, nil
}

// write replaces a file whole, so that a reader never sees half of it.
func (r *Run) write(file string, b []byte) error {
	next := r.Path(file + ".new")
	if err := os.WriteFile(next, b, 0o644); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	if err := os.Rename(next, r.Path(file)); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return nil
}
