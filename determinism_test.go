package faultline_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// The same seed gives the same bytes, in separate processes and whatever the number of
// cores; each embedded target, all nemeses. The sweep over more seeds, and against a build
// with the race detector, is in .ci/determinism.
func TestSameSeedSameBytes(t *testing.T) {
	seeds := 6
	if testing.Short() {
		seeds = 2
	}
	for _, target := range []string{"raft", "dynamo", "paxos", "caspaxos"} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			for seed := 1; seed <= seeds; seed++ {
				one, two := historyOf(t, target, seed, "1"), historyOf(t, target, seed, "2")
				if one != two {
					t.Errorf("seed %d gave %s with one core and %s with two", seed, one, two)
				}
			}
		})
	}
}

func historyOf(t *testing.T, target string, seed int, cores string) string {
	t.Helper()
	root := t.TempDir()
	cmd := program(t, "run", "--target", target, "--workload", "register", "--nemesis", "partition,kill,pause,clock,packet",
		"--time", "10s", "--seed", fmt.Sprint(seed), "--store", root)
	cmd.Env = append(cmd.Env, "GOMAXPROCS="+cores)
	if code := exitCode(t, cmd.Run()); code == 255 || code == 254 {
		t.Fatalf("exit code %d", code)
	}
	bytes, err := os.ReadFile(filepath.Join(root, "latest", "history.flh"))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d bytes, %x", len(bytes), sha256.Sum256(bytes))
}
