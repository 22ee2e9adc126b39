package faultline

import (
	"io"
	"os"
	"testing"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/store"
	"github.com/faultline-dev/faultline/targets/docker"
	"github.com/faultline-dev/faultline/targets/host"
)

// Check is a run inside go test: it runs what the settings say with these extensions and
// fails the test unless the verdict is valid. The run directory is kept when it is not,
// and named. It returns the results for further assertions.
//
// With On: "docker", a reference system's containers run this very test binary: each is
// started with the test that called Check, which becomes a node in this call. What comes
// before it in the test therefore runs there too, in an image that holds nothing else.
func Check(t testing.TB, s Settings, extensions ...any) *store.Results {
	t.Helper()
	res := Try(t, s, extensions...)
	if res.Valid != checkers.Valid {
		t.Errorf("%s: %s\nseed: %d\nreproduce: %s", res.Valid, res.Summary, res.Seed, res.Reproduce)
	}
	return res
}

// Try is Check without a demand on the verdict: for tests that expect an anomaly. It
// fails the test if the harness itself fails.
func Try(t testing.TB, s Settings, extensions ...any) *store.Results {
	t.Helper()
	reg, err := newRegistry(extensions)
	if err != nil {
		t.Fatal(err)
	}
	host.ServeInTest(reg.targets)
	docker.ServeDisksInTest()
	keep := s.Store != ""
	if !keep {
		if s.Store, err = os.MkdirTemp("", "faultline-check-"); err != nil {
			t.Fatal(err)
		}
	}
	a := &app{registry: reg, out: io.Discard, err: io.Discard, interrupt: &interruption{}}
	run, res, err := a.one(host.WithTest(t.Context(), t.Name()), s, false)
	if res == nil || err != nil {
		t.Fatalf("faultline: %v", err)
	}
	if res.Valid == checkers.Valid && !keep {
		if err := os.RemoveAll(s.Store); err != nil {
			t.Error(err)
		}
	} else {
		t.Logf("run kept in %s", run.Dir)
	}
	return res
}
