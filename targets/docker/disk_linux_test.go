package docker

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/nemesis/linux/disk"
	"github.com/faultline-dev/faultline/targets/host"
)

// logger is a system whose nodes write two logs, of which they sync one. What was synced is
// told on the node's standard output. The image has something in the volume already.
var logger = System{
	Name: "logger",
	Image: func(context.Context, cluster.Options) (Image, error) {
		return Image{Context: sleeperFiles("RUN mkdir /data && echo image > /data/image && chown 7:8 /data/image && chmod 640 /data/image && ln -s image /data/link && chmod 1777 /data\n")}, nil
	},
	Container: func(Node, []Node, cluster.Options) Container {
		return Container{Volumes: []string{"/data"}, Entrypoint: []string{"sh", "-c", `
			n=0
			while :; do
				n=$((n+1))
				echo $n >> /data/unsynced || echo refused
				echo $n >> /data/synced && sync /data/synced && echo synced $n
			done`}}
	},
	Connect: sleeper.Connect,
}

// onDisks brings up two loggers on disks of ours.
func onDisks(t *testing.T, name string) (*containers, *member) {
	t.Helper()
	needEngine(t)
	if err := disk.Try(); err != nil {
		t.Skip(err)
	}
	spec := specOf(runName(name), os.Stderr)
	spec.Faults, spec.Dir = []string{"disk"}, t.TempDir()
	c, err := open(host.WithTest(t.Context(), t.Name()), logger, spec)
	must(t, err)
	dir := c.disks.dir
	t.Cleanup(func() {
		must(t, c.Close(context.Background()))
		leftNothing(t, dir)
	})
	must(t, c.Start(t.Context()))
	awaitSynced(t, c, c.nodes[0], 10)
	return c, c.nodes[0]
}

// leftNothing makes sure that a directory of disks is gone, with its mounts and helper.
func leftNothing(t *testing.T, dir string) {
	t.Helper()
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left: %v", dir, err)
	}
	if mounts, _ := os.ReadFile("/proc/self/mountinfo"); bytes.Contains(mounts, []byte(dir)) {
		t.Error("it is still mounted")
	}
	if helpers := helpersOf(dir); len(helpers) > 0 {
		t.Errorf("helpers %v are left", helpers)
	}
}

// helpersOf are the processes that live in a directory.
func helpersOf(dir string) (pids []string) {
	links, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, link := range links {
		if where, err := os.Readlink(link); err == nil && strings.TrimSuffix(where, " (deleted)") == dir {
			pids = append(pids, filepath.Base(filepath.Dir(link)))
		}
	}
	return pids
}

// below is a file of a node's volume, under the layer.
func below(c *containers, m *member, name string) string {
	return filepath.Join(c.disks.mount(m, 0).Data(), name)
}

func lines(t *testing.T, path string) int {
	t.Helper()
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0
	}
	must(t, err)
	return bytes.Count(b, []byte("\n"))
}

// awaitSynced waits until a node has synced n lines.
func awaitSynced(t *testing.T, c *containers, m *member, n int) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); lines(t, below(c, m, "synced")) < n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it does not get to %d lines", n)
		}
	}
}

// saidSynced is the last number that a node said to be synced.
func saidSynced(t *testing.T, m *member) (n int) {
	t.Helper()
	b, err := exec.Command("docker", "logs", "--tail", "5", m.id).Output()
	must(t, err)
	for line := range strings.Lines(string(b)) {
		if k, err := strconv.Atoi(strings.TrimPrefix(strings.TrimSpace(line), "synced ")); err == nil {
			n = k
		}
	}
	return n
}

func TestPowerFailureOfANode(t *testing.T) {
	c, m := onDisks(t, "power")
	earlier := 0 // lines, of the node's lives before
	for _, torn := range []bool{false, true} {
		out, err := c.PowerFail(t.Context(), []string{"n1"}, torn, 1)
		must(t, err)
		if len(out) != 1 || out[0].Node != "n1" || out[0].Lost == 0 || !strings.Contains(out[0].Evidence, "of n1 gone") {
			t.Fatalf("%+v", out)
		}
		synced, unsynced, said := lines(t, below(c, m, "synced")), lines(t, below(c, m, "unsynced")), saidSynced(t, m)
		t.Logf("torn %v: %d synced lines are left of %d, %d unsynced ones; %s", torn, synced, said, unsynced, out[0].Evidence)
		if synced < earlier+said || said == 0 {
			t.Errorf("%d lines are left of %d and %d that were synced", synced, earlier, said)
		}
		earlier = synced
		if !torn && unsynced != 0 {
			t.Errorf("%d lines are left that were never synced", unsynced)
		}
		if out, err := c.PowerFail(t.Context(), []string{"n1"}, torn, 1); err != nil || len(out) != 0 {
			t.Errorf("a dead node: %+v, %v", out, err)
		}
		must(t, c.Restart(t.Context(), "n1"))
		awaitSynced(t, c, m, synced+10)
	}
	if lines(t, below(c, c.nodes[1], "unsynced")) == 0 {
		t.Error("the other node lost something too")
	}
}

// A node finds what the image has in its volume, as on a volume of the engine's.
func TestDisksHaveWhatTheImageHas(t *testing.T) {
	_, m := onDisks(t, "image")
	said, err := exec.Command("docker", "exec", m.id, "sh", "-c", "stat -c '%n %u %g %a' /data /data/image; readlink /data/link; cat /data/link").Output()
	must(t, err)
	if want := "/data 0 0 1777\n/data/image 7 8 640\nimage\nimage\n"; string(said) != want {
		t.Errorf("it has\n%swant\n%s", said, want)
	}
}

func TestTroubledDisks(t *testing.T) {
	c, m := onDisks(t, "trouble")
	count := func() int { return lines(t, below(c, m, "synced")) }
	met := func() int64 {
		n, err := c.Troubled(t.Context(), "n1")
		must(t, err)
		return n
	}
	awaitMet := func() {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); met() == 0; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("no request meets it")
			}
		}
	}

	must(t, c.TroubleDisk(t.Context(), "n1", cluster.DiskTrouble{Stall: true}))
	awaitMet()
	before := count()
	time.Sleep(200 * time.Millisecond)
	if after := count(); after != before {
		t.Errorf("on a stalled disk it went from %d to %d lines", before, after)
	}
	must(t, c.TroubleDisk(t.Context(), "n1", cluster.DiskTrouble{}))
	awaitSynced(t, c, m, before+10)
	if met() != 0 {
		t.Error("a good disk has trouble")
	}

	const delay = 50 * time.Millisecond
	must(t, c.TroubleDisk(t.Context(), "n1", cluster.DiskTrouble{Delay: delay}))
	before = count()
	start := time.Now()
	awaitSynced(t, c, m, before+4)
	if took := time.Since(start); took < 3*2*delay { // of each line at least a write and a sync
		t.Errorf("on a slow disk four lines took %s", took)
	}
	awaitMet()

	must(t, c.TroubleDisk(t.Context(), "n1", cluster.DiskTrouble{Full: true, Room: 20}))
	awaitMet()
	full := count()
	if said, err := exec.Command("docker", "exec", m.id, "sh", "-c", "echo more | tee -a /data/image").CombinedOutput(); err == nil || !strings.Contains(string(said), "No space left") {
		t.Errorf("a write to a full disk: %v: %s", err, said)
	}
	must(t, c.TroubleDisk(t.Context(), "n1", cluster.DiskTrouble{}))
	awaitSynced(t, c, m, full+10)
}

func TestDamagedFiles(t *testing.T) {
	c, m := onDisks(t, "damage")
	_, err := c.Kill(t.Context(), "n1")
	must(t, err)
	before, err := os.ReadFile(below(c, m, "synced"))
	must(t, err)
	what, err := c.DamageFile(t.Context(), "n1", cluster.FlipBit, "synced", 1)
	must(t, err)
	after, err := os.ReadFile(below(c, m, "synced"))
	must(t, err)
	if len(before) != len(after) || bytes.Equal(before, after) {
		t.Errorf("%s, but it was %d bytes and is %d", what, len(before), len(after))
	}
	what, err = c.DamageFile(t.Context(), "n1", cluster.Truncate, "syn*", 1)
	must(t, err)
	if info, err := os.Stat(below(c, m, "synced")); err != nil || info.Size() >= int64(len(before)) {
		t.Errorf("%s, but it has %v bytes of %d", what, info, len(before))
	}
	if _, err := c.DamageFile(t.Context(), "n1", cluster.FlipBit, "none", 1); err == nil || !strings.Contains(err.Error(), "no file") {
		t.Errorf("a pattern that matches nothing: %v", err)
	}
}

// What a killed harness leaves: nodes that go on, on disks that a helper serves, until all
// of it is cleaned away.
func TestDisksOutliveTheHarness(t *testing.T) {
	e := needEngine(t)
	if err := disk.Try(); err != nil {
		t.Skip(err)
	}
	orphan := runName("disk-orphan")
	dir := filepath.Join(disksDir, orphan)
	owner := exec.Command(os.Args[0])
	owner.Env = append(os.Environ(), "FAULTLINE_TEST_OWNER="+orphan, "FAULTLINE_TEST_DISKS=1")
	owner.Stderr = os.Stderr
	out, err := owner.StdoutPipe()
	must(t, err)
	must(t, owner.Start())
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "started\n" {
		_ = owner.Process.Kill()
		t.Fatalf("the owner to be says %q", line)
	}
	if done, err := Clean(t.Context(), io.Discard); err != nil || slices.ContainsFunc(done, func(d string) bool { return strings.Contains(d, orphan) }) {
		t.Fatalf("while its owner lived, clean did %v, %v", done, err)
	}
	must(t, owner.Process.Kill())
	_ = owner.Wait()

	if helpers := helpersOf(dir); len(helpers) != 1 {
		t.Fatalf("the helpers are %v", helpers)
	}
	node := "faultline-" + orphan + "-n1"
	if said, err := exec.Command("docker", "exec", node, "sh", "-c", "echo still here > /data/file && sync /data/file && cat /data/file").CombinedOutput(); err != nil || string(said) != "still here\n" {
		t.Fatalf("without its harness the node's disk says %v: %s", err, said)
	}
	done, err := Clean(t.Context(), io.Discard)
	must(t, err)
	if !slices.Contains(done, "removed disks "+dir) {
		t.Errorf("clean did %v", done)
	}
	leftNothing(t, dir)
	if n, m := belongs(t, e, orphan); n+m != 0 {
		t.Errorf("%d containers and %d networks of the orphan are left", n, m)
	}
}

func TestDisksAreRefusedWhereThereAreNone(t *testing.T) {
	needEngine(t)
	spec := specOf(runName("no-volume"), os.Stderr)
	spec.Faults = []string{"disk"}
	c, err := open(host.WithTest(t.Context(), t.Name()), several, spec)
	if err == nil {
		err = errors.Join(c.Start(t.Context()), c.Close(context.Background()))
	}
	var refusal *cluster.Refusal
	if !errors.As(err, &refusal) || !strings.Contains(err.Error(), "volume") {
		t.Errorf("a system without volumes: %v", err)
	}
	spec.Faults, spec.RunID = nil, runName("no-disks")
	c, err = open(t.Context(), sleeper, spec)
	must(t, err)
	defer func() { must(t, c.Close(context.Background())) }()
	must(t, c.Start(t.Context()))
	if err := c.TroubleDisk(t.Context(), "n1", cluster.DiskTrouble{Stall: true}); err == nil {
		t.Error("a disk of the engine's own is said to stall")
	}
}
