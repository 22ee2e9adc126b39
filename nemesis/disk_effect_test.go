package nemesis_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/runtime"
)

// onAll are the disks of all nodes.
var onAll = map[string]string{"disk-nodes": "all"}

// storm has a client write at every node all the time until the returned function is called,
// which returns what was acknowledged.
func (s *stage) storm() (stop func() (keys []int64)) {
	rt := s.cl.Runtime()
	over, running := false, 0
	var keys []int64
	for _, node := range s.cl.Nodes() {
		running++
		rt.Go("client", func() {
			defer func() { running-- }()
			for !over {
				s.key++
				key := s.key
				ctx := runtime.NewDeadline(context.Background(), time.Time{}, rt.Now()+time.Second)
				conn, err := s.cl.Connect(ctx, node)
				if err == nil {
					if err = conn.(cluster.Register).Write(ctx, key, key); err == nil {
						keys = append(keys, key)
					}
					_ = conn.Close()
				}
				_ = rt.Sleep(context.Background(), 5*time.Millisecond)
			}
		})
	}
	return func() []int64 {
		for over = true; running > 0; {
			_ = rt.Sleep(context.Background(), 10*time.Millisecond)
		}
		return keys
	}
}

// missing are those of the keys that n1 does not know any more.
func (s *stage) missing(keys []int64) (lost []int64) {
	ctx := context.Background()
	conn, err := s.cl.Connect(ctx, "n1")
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	for _, key := range keys {
		if v, found, err := conn.(cluster.Register).Read(ctx, key); err != nil || !found || v != key {
			lost = append(lost, key)
		}
	}
	return lost
}

// A power failure of all nodes at once takes what they had not synced, and nothing that was
// acknowledged; from a store that acknowledges before it syncs it takes that.
func TestPowerFailuresBite(t *testing.T) {
	for _, kind := range []string{"lose-unsynced", "torn-write"} {
		for _, bug := range []string{"none", "replica-ack-before-sync"} {
			t.Run(kind+"/"+bug, func(t *testing.T) {
				performOn(t, map[string]string{"mode": "abd", "n": "5", "bug": bug}, onAll, []string{"disk"}, func(s *stage) {
					stop := s.storm()
					_ = s.cl.Runtime().Sleep(context.Background(), 1500*time.Millisecond)
					evidence := s.do("start-disk", kind)
					if strings.Count(evidence, "process of") != 5 || !strings.Contains(evidence, "writes") {
						t.Errorf("evidence %q", evidence)
					}
					keys := stop()
					s.do("stop-disk", "")
					if end := s.last(history.EventFaultEnd); end.N < 5 {
						t.Errorf("%d writes were taken back", end.N)
					}
					if err := s.nem.Confirm(context.Background()); err != nil {
						t.Error(err)
					}
					lost := s.missing(keys)
					if len(keys) < 100 || bug == "none" && len(lost) > 0 || bug != "none" && kind == "lose-unsynced" && len(lost) == 0 {
						t.Errorf("of %d acknowledged writes %d are gone", len(keys), len(lost))
					}
				})
			})
		}
	}
}

// Processes that are killed, or asked to end, lose nothing that they wrote, even of a store that
// hardly syncs.
func TestKillsLoseNoWrite(t *testing.T) {
	for _, c := range []struct{ nemesis, start, stop string }{{"kill", "kill", "restart"}, {"restart", "stop-node", "start-node"}} {
		t.Run(c.nemesis, func(t *testing.T) {
			performOn(t, map[string]string{"mode": "abd", "n": "5", "bug": "replica-ack-before-sync"}, nil, []string{c.nemesis}, func(s *stage) {
				stop := s.storm()
				_ = s.cl.Runtime().Sleep(context.Background(), 1500*time.Millisecond)
				keys := stop()
				_ = s.cl.Runtime().Sleep(context.Background(), time.Second) // until all is written
				s.do(c.start, "all")
				s.do(c.stop, "")
				if err := s.nem.Confirm(context.Background()); err != nil {
					t.Error(err)
				}
				if lost := s.missing(keys); len(lost) > 0 {
					t.Errorf("of %d acknowledged writes %d are gone", len(keys), len(lost))
				}
			})
		})
	}
}

// Disks that are slow make writes slow, those that stall end them, and both get well again.
func TestSlowAndStalledDisksBite(t *testing.T) {
	perform(t, onAll, []string{"disk"}, func(s *stage) {
		_, before := s.writes()
		evidence := s.do("start-disk", "slow")
		var longer time.Duration
		for _, word := range strings.Fields(evidence) {
			if d, err := time.ParseDuration(word); err == nil {
				longer = d
			}
		}
		if who, during := s.writes(); longer == 0 || during < before+longer {
			t.Errorf("%s; the slowest write took %s before and %s during it (%s)", evidence, before, during, who)
		}
		s.do("stop-disk", "")
		if end := s.last(history.EventFaultEnd); end.N == 0 {
			t.Errorf("no request met it: %+v", end)
		}
		s.do("start-disk", "stall")
		if who, _ := s.writes(); who != "-----" {
			t.Errorf("with all disks stalled %s could write", who)
		}
		s.do("stop-disk", "")
		if end := s.last(history.EventFaultEnd); end.N == 0 {
			t.Errorf("no request met it: %+v", end)
		}
		if err := s.nem.Confirm(context.Background()); err != nil {
			t.Error(err)
		}
		if who, after := s.writes(); who != "+++++" || after > before+30*time.Millisecond {
			t.Errorf("after it %s wrote, the slowest in %s", who, after)
		}
	})
}

// A store whose disks are full says so in its log and ends, rather than acknowledge what it
// could not write.
func TestFullDisksBite(t *testing.T) {
	perform(t, map[string]string{"disk": "full", "disk-nodes": "all"}, []string{"disk"}, func(s *stage) {
		stop := s.storm()
		s.do("start-disk", "full")
		died := func() string {
			for _, e := range s.notes {
				if e.Kind == history.EventNodeDown {
					return e.Text
				}
			}
			return ""
		}
		for i := 0; died() == "" && i < 600; i++ {
			_ = s.cl.Runtime().Sleep(context.Background(), 100*time.Millisecond)
		}
		if why := died(); !strings.Contains(why, "no space left on the disk") {
			t.Errorf("a node died because %q", why)
		}
		keys := stop()
		s.do("stop-disk", "")
		if err := s.nem.Confirm(context.Background()); err != nil {
			t.Error(err)
		}
		if lost := s.missing(keys); len(lost) > 0 {
			t.Errorf("of %d acknowledged writes %d are gone", len(keys), len(lost))
		}
	})
}

// A flipped bit of a log is noticed when it is read back: the node says so and ends.
func TestFlippedBitsAreNoticed(t *testing.T) {
	for seed := range 20 {
		perform(t, map[string]string{"disk": "bit-flip", "disk-nodes": "one"}, []string{"disk"}, func(s *stage) {
			stop := s.storm()
			_ = s.cl.Runtime().Sleep(context.Background(), time.Duration(seed)*100*time.Millisecond)
			evidence := s.do("start-disk", "bit-flip")
			if !strings.Contains(evidence, "turned over") {
				t.Errorf("evidence %q", evidence)
			}
			s.do("stop-disk", "")
			_ = s.cl.Runtime().Sleep(context.Background(), time.Second)
			stop()
			if down := s.last(history.EventNodeDown); !strings.Contains(down.Text, "is damaged after byte") {
				t.Errorf("after %s the last end of a node was %q", evidence, down.Text)
			}
		})
	}
}

// A truncated file is shorter than it was.
func TestTruncationsBite(t *testing.T) {
	perform(t, map[string]string{"disk": "truncate", "disk-nodes": "one", "disk-files": "l*g"}, []string{"disk"}, func(s *stage) {
		s.writes()
		evidence := s.do("start-disk", "truncate")
		var before, after int
		if _, cut, ok := strings.Cut(evidence, "log cut from "); !ok {
			t.Errorf("evidence %q", evidence)
		} else if n, err := fmt.Sscanf(cut, "%d to %d bytes", &before, &after); n != 2 || after >= before {
			t.Errorf("evidence %q: %v", evidence, err)
		}
		s.do("stop-disk", "")
	})
}
