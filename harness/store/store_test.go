package store

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/faultline-dev/faultline/checkers"
)

func TestParallelRunsNeverShareADirectory(t *testing.T) {
	root, now := t.TempDir(), time.Now()
	var all sync.WaitGroup
	var mu sync.Mutex
	seen := map[string]bool{}
	for range 40 {
		all.Go(func() {
			r, err := Create(root, "raft-register", 7, now)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if seen[r.Dir] {
				t.Errorf("%s was given twice", r.Dir)
			}
			seen[r.Dir] = true
		})
	}
	all.Wait()
	latest, err := filepath.EvalSymlinks(filepath.Join(root, "latest"))
	if err != nil || !seen[latest] {
		t.Errorf("latest points at %q (%v), which is no run", latest, err)
	}
}

func TestConfigAndResultsComeBack(t *testing.T) {
	r, err := Create(t.TempDir(), "x", 1, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Target: "etcd@3.6.16", World: "docker", Nodes: []string{"n1"}, Seed: 1<<63 + 1, Settings: map[string]string{"a": "b: c"}}
	key := int64(3)
	res := &Results{
		Schema: Schema, Valid: checkers.Invalid, Seed: c.Seed, Config: c,
		Checkers: []checkers.Result{
			{Checker: "stats"},
			{Checker: "linearizable", Valid: checkers.Invalid, Anomalies: []checkers.Anomaly{{Name: "nonlinearizable", Key: &key, Ops: []int{1, 2}}}},
		},
	}
	if err := r.WriteConfig(c); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteResults(res); err != nil {
		t.Fatal(err)
	}
	gotC, err := r.Config()
	if err != nil || gotC.Target != c.Target || gotC.Seed != c.Seed || gotC.Settings["a"] != "b: c" {
		t.Errorf("config %+v, %v", gotC, err)
	}
	got, err := r.Results()
	if err != nil || got.Valid != checkers.Invalid || got.Seed != c.Seed {
		t.Fatalf("results %+v, %v", got, err)
	}
	if a, ok := got.FirstAnomaly(); !ok || *a.Key != 3 || a.Name != "nonlinearizable" {
		t.Errorf("first anomaly %+v", a)
	}
}

func TestWhatCannotBeReadIsExplained(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), HistoryFile) {
		t.Errorf("open of an empty folder: %v", err)
	}
	r := &Run{Dir: dir}
	for file, content := range map[string]string{ResultsFile: `{"schema": 99}`, ConfigFile: "no-such-field: 1\n"} {
		if err := os.WriteFile(r.Path(file), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Results(); err == nil || !strings.Contains(err.Error(), "schema 99") {
		t.Errorf("results of another schema: %v", err)
	}
	if _, err := r.Config(); err == nil || !strings.Contains(err.Error(), "no-such-field") {
		t.Errorf("unknown field: %v", err)
	}
}

func TestJUnitNeverPassesWhatDidNot(t *testing.T) {
	file := filepath.Join(t.TempDir(), "junit.xml")
	err := WriteJUnit(file, []Case{
		{Suite: "raft", Name: "register", Valid: checkers.Valid, Took: 1500 * time.Millisecond},
		{Suite: "raft", Name: "register", Valid: checkers.Invalid, Message: "stale \x00 <read>"},
		{Suite: "dynamo", Name: "set", Valid: checkers.Unknown},
		{Suite: "dynamo", Name: "set", Valid: checkers.Valid, Crashed: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got junitSuites
	if err := xml.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	raft, dynamo := got.Suites[0], got.Suites[1]
	if raft.Tests != 2 || raft.Failures != 1 || raft.Errors != 0 || raft.Time != "1.500" {
		t.Errorf("raft: %+v", raft)
	}
	if dynamo.Tests != 2 || dynamo.Failures != 0 || dynamo.Errors != 2 {
		t.Errorf("dynamo: %+v", dynamo)
	}
	if m := raft.Cases[1].Failure.Message; m != "stale  <read>" {
		t.Errorf("message %q", m)
	}
}
