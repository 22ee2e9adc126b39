package faultline_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestBenchCheck measures rows at a small size, each in a process of its own: every verdict is
// there, porcupine's too, and none is wrong.
func TestBenchCheck(t *testing.T) {
	t.Setenv(asProgram, "1") // of the children
	code, stdout, stderr := command("bench", "check", "--operations", "200", "--rows", "register-1m,edn", "--limit", "2s")
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	lines := strings.Split(stdout, "\n")
	valid, invalid := 0, 0
	for _, l := range lines {
		if strings.Contains(l, "| - | valid |") {
			valid++
		}
		if strings.Contains(l, "| stale-read | invalid |") || strings.Contains(l, "| taken-twice | invalid |") {
			invalid++
		}
	}
	if valid != 3 || invalid != 4 {
		t.Errorf("%d valid and %d invalid histories:\n%s", valid, invalid, stdout)
	}
	if !strings.Contains(stdout, "- register-1m: register operations=200 clients=50 crashed=100 seed=1") {
		t.Errorf("the parameters are not told:\n%s", stdout)
	}
}

func TestBenchCheckSizes(t *testing.T) {
	t.Setenv(asProgram, "1")
	code, stdout, stderr := command("bench", "check", "--sizes", "--operations", "10000", "--rows", "register")
	if code != 0 || strings.Count(stdout, "\n") != 3 || !strings.Contains(stdout, "| 10k |") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
}

// TestBenchCheckLimits: what takes too much is stopped and told, by the measured line.
func TestBenchCheckLimits(t *testing.T) {
	t.Setenv(asProgram, "1")
	code, stdout, stderr := command("bench", "check", "--operations", "3000", "--rows", "cas-20", "--limit", "300ms", "--json")
	if code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	unknown := 0
	for dec := json.NewDecoder(strings.NewReader(stdout)); dec.More(); {
		var m struct {
			Job     struct{ Engine string }
			Verdict string
			Stopped string
			Seconds float64
		}
		if err := dec.Decode(&m); err != nil {
			t.Fatal(err)
		}
		if m.Job.Engine == "porcupine" && m.Verdict == "unknown" && m.Stopped != "" && m.Seconds >= 0.3 {
			unknown++
		}
	}
	if unknown == 0 {
		t.Errorf("porcupine was never stopped:\n%s", stdout)
	}
}

// TestDifferential is a short run of the comparison with oracles.
func TestDifferential(t *testing.T) {
	code, stdout, stderr := command("bench", "check", "--differential", "100")
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	rows, engines, _ := strings.Cut(stdout, "\n\n")
	for _, line := range strings.Split(rows, "\n")[2:] {
		cell := strings.Split(line, " | ")
		if strings.Contains(line, "planted") && !strings.Contains(line, "undecided") && cell[3] != cell[5] {
			t.Errorf("not all were caught: %s", line)
		}
	}
	seen := map[string]bool{}
	for _, line := range strings.Split(strings.TrimSpace(engines), "\n")[2:] {
		cell := strings.Split(strings.Trim(line, "| "), " | ")
		seen[cell[0]] = true
		if cell[6] != "0" {
			t.Errorf("disagreements: %s", line)
		}
		allInvalid, allValid := cell[0] == "lock checker", cell[0] == "search of set" // whose invalid ones are mostly so by parts
		if cell[0] != "undecided" && (cell[2] == "0" || cell[3] == "0" && !allValid || cell[1] == cell[3] && !allInvalid) {
			t.Errorf("too few of a kind to mean anything: %s", line)
		}
	}
	for _, engine := range []string{"zones", "words of register", "words of cas-register", "words of set", "search of register", "search of multi-register", "monitor of set", "parts of set", "set checker", "list checker", "search of list",
		"monitor of queue", "search of queue", "parts of bag", "search of bag", "monitor of stack", "monitor of priority-queue", "monitor of counter", "search of counter",
		"monitor of mutex", "monitor of fenced-lock", "search in every way", "counter checker", "porcupine checker", "lock checker", "coherence checker", "sequential checker",
		"monotonic-reads checker", "read-your-writes checker", "monotonic-writes checker", "writes-follow-reads checker", "staleness checker"} {
		if !seen[engine] {
			t.Errorf("nothing was decided by %s", engine)
		}
	}
}

func TestBenchCheckRefuses(t *testing.T) {
	for _, args := range [][]string{{"--rows", "teapot"}, {"--limit", "-1s"}, {"--memory", "1"}, {"--operations", "-1"}, {"--differential", "-1"}} {
		if code, _, stderr := command(append([]string{"bench", "check"}, args...)...); code != 254 || stderr == "" {
			t.Errorf("%v: exit code %d, %s", args, code, stderr)
		}
	}
}

// TestBenchCheckAbsent: where porcupine's histories are not, that is said.
func TestBenchCheckAbsent(t *testing.T) {
	code, stdout, stderr := command("bench", "check", "--rows", "porcupine", "--porcupine", t.TempDir())
	if code != 0 || !strings.Contains(stdout, "were not found") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
}

// TestBenchCheckRaft: a real run is simulated and judged.
func TestBenchCheckRaft(t *testing.T) {
	code, stdout, stderr := command("bench", "check", "--rows", "raft", "--operations", "2000")
	if code != 0 || !strings.Contains(stdout, "| 2000 | ") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
}
