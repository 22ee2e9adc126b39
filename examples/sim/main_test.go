package main

import (
	"bytes"
	"testing"

	"github.com/faultline-dev/faultline"
)

// The commands of the README find the bug, and nothing once it is fixed.
func TestLedger(t *testing.T) {
	power := []string{"--nemesis", "disk", "--set", "disk=lose-unsynced", "--set", "disk-nodes=leader", "--time", "20s", "--seed", "1"}
	for _, c := range []struct {
		name  string
		fixed bool
		args  []string
		code  int
	}{
		{"kill", false, []string{"--nemesis", "kill", "--runs", "3", "--time", "10s", "--seed", "1"}, 0},
		{"power failure", false, power, 1},
		{"power failure, fixed", true, power, 0},
		{"all but power, fixed", true, []string{"--nemesis", "partition,kill,pause,restart,crash-loop,clock", "--interval", "2s", "--runs", "3", "--time", "20s", "--seed", "1"}, 0},
		{"power and more, fixed", true, []string{"--nemesis", "partition,disk,clock", "--set", "disk-nodes=leader,all", "--runs", "3", "--time", "20s", "--seed", "1"}, 0},
		{"packets", true, []string{"--nemesis", "packet", "--set", "packet=duplicate", "--time", "20s", "--seed", "1"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer func(before bool) { syncFirst = before }(syncFirst)
			syncFirst = c.fixed
			var out, errs bytes.Buffer
			args := append([]string{"run", "--target", "ledger", "--workload", "register", "--store", t.TempDir()}, c.args...)
			if code := faultline.Run(args, &out, &errs, target); code != c.code {
				t.Errorf("exit code %d, want %d\n%s%s", code, c.code, out.String(), errs.String())
			}
		})
	}
}
