package sim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/faultline-dev/faultline/harness/node"
)

// kept runs a life that does something to its disk, ends it after a while, and returns what
// its next life reads.
func kept(t *testing.T, seed uint64, work func(node.Disk), after time.Duration, end func(*World)) (content []byte) {
	t.Helper()
	lives := 0
	s := newScene(t, seed, 1, scribe{start: func(me *scribe) {
		if lives++; lives == 1 {
			work(me.env.Disk())
			return
		}
		content, _ = me.env.Disk().Read("log")
	}})
	s.play(func() {
		_ = s.Sleep(context.Background(), after)
		end(s.World)
		_ = s.World.Start("n1")
	})
	return content
}

// What was written survives the death of a process; of what was under way a part does.
func TestKillKeepsWhatWasWritten(t *testing.T) {
	kill := func(w *World) { w.Kill("n1") }
	write := func(d node.Disk) {
		d.Append("log", []byte("first"), nil)
		d.Append("log", make([]byte, 1<<20), nil) // takes 5 ms
		d.Append("log", []byte("third"), nil)
	}
	if got := kept(t, 1, write, time.Second, kill); len(got) != 5+1<<20+5 {
		t.Errorf("%d bytes are left of what had been written", len(got))
	}
	parts := map[int]bool{}
	for seed := range uint64(20) {
		got := kept(t, seed, write, 2*time.Millisecond, kill)
		if !bytes.HasPrefix(got, []byte("first")) || bytes.HasSuffix(got, []byte("third")) {
			t.Errorf("%d bytes are left", len(got))
		}
		parts[len(got)] = true
	}
	if len(parts) < 10 {
		t.Errorf("the write under way was always cut at %v", parts)
	}
}

// A power failure takes what was not synced, also what an earlier life left unsynced.
func TestPowerFailureTakesThePageCache(t *testing.T) {
	fail := func(w *World) {
		if lost, ended := w.PowerFail("n1", false, 1); !ended || lost.Writes != 1 {
			t.Errorf("%+v, %t", lost, ended)
		}
	}
	write := func(d node.Disk) {
		d.Append("log", []byte("synced"), nil)
		d.Sync("log", nil)
		d.Append("log", []byte("unsynced"), nil)
	}
	if got := kept(t, 1, write, time.Second, fail); string(got) != "synced" {
		t.Errorf("%q is left", got)
	}
	twice := func(w *World) {
		w.Kill("n1")
		_ = w.Start("n1") // and reads the unsynced end
		fail(w)
	}
	if got := kept(t, 1, write, time.Second, twice); string(got) != "synced" {
		t.Errorf("%q is left", got)
	}
}

// Each trouble does what it says, is counted, and ends.
func TestDiskTroubles(t *testing.T) {
	const patience = time.Second
	for _, c := range []struct {
		trouble Trouble
		during  string // how the write ends
		after   string // how it has ended once the disk is good again
		least   int64
	}{
		{Trouble{Delay: 100 * time.Millisecond}, "done in 200ms", "", 2},
		{Trouble{Delay: 2 * time.Second}, "", "done", 1},
		{Trouble{Stall: true}, "", "done", 2},
		{Trouble{Full: true, Room: 99}, "no space left on the disk", "", 1},
		{Trouble{Full: true, Room: 100}, "done in 0s", "", 0},
		{Trouble{}, "done in 0s", "", 0},
	} {
		t.Run(fmt.Sprintf("%+v", c.trouble), func(t *testing.T) {
			s := newScene(t, 1, 1, scribe{})
			s.play(func() {
				disk := s.nodes["n1"].env.Disk()
				s.TroubleDisk("n1", c.trouble)
				began, how := s.Now(), ""
				disk.Append("log", make([]byte, 100), func(err error) {
					if how = ""; err != nil {
						how = err.Error()
						if !errors.Is(err, ErrFull) {
							t.Error(err)
						}
					}
				})
				disk.Sync("log", func(err error) {
					if err == nil && how == "" {
						how = fmt.Sprintf("done in %s", (s.Now() - began).Round(10*time.Millisecond))
					}
				})
				s.pass(patience)
				if how != c.during {
					t.Errorf("during it the write was %q, want %q", how, c.during)
				}
				if met := s.Troubled("n1"); met < c.least {
					t.Errorf("%d requests met it", met)
				}
				s.TroubleDisk("n1", Trouble{})
				s.pass(2 * patience)
				if c.after == "done" && how == "" {
					t.Error("the write never ended")
				}
			})
		})
	}
}
