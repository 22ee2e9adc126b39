package nemesis_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/nemesis"
)

func TestClocksAreSkewedAndReset(t *testing.T) {
	for _, kind := range []string{"bump", "strobe", "drift"} {
		t.Run(kind, func(t *testing.T) {
			perform(t, map[string]string{"clock-nodes": "all"}, []string{"clock"}, func(s *stage) {
				skewer := s.cl.(cluster.ClockSkewer)
				s.do("skew-clock", kind)
				off := map[string]bool{}
				for range 40 {
					_ = s.cl.Runtime().Sleep(context.Background(), 97*time.Millisecond)
					for _, node := range s.cl.Nodes() {
						if d, err := skewer.Offset(context.Background(), node); err != nil || d != 0 {
							off[node] = true
						}
					}
				}
				if len(off) != 5 {
					t.Errorf("only the clocks of %v were ever wrong", off)
				}
				s.do("reset-clock", "")
				for _, node := range s.cl.Nodes() {
					if d, err := skewer.Offset(context.Background(), node); err != nil || d != 0 {
						t.Errorf("%s is off by %s after the reset (%v)", node, d, err)
					}
				}
				if kind != "strobe" && s.last(history.EventFaultEnd).N != 5 {
					t.Errorf("bit %d nodes", s.last(history.EventFaultEnd).N)
				}
			})
		})
	}
}

// An offset that is asked for is what clocks are off by.
func TestClockOffsetIsFixed(t *testing.T) {
	perform(t, map[string]string{"clock-nodes": "one", "clock-offset": "-2s"}, []string{"clock"}, func(s *stage) {
		for range 5 {
			if said := s.do("skew-clock", "bump"); !strings.Contains(said, "jumps by -2s") {
				t.Errorf("the evidence is %q", said)
			}
			if said := s.do("reset-clock", ""); !strings.Contains(said, "was off by -2s, now by 0s") {
				t.Errorf("the evidence is %q", said)
			}
		}
	})
	n, err := nemesis.Find("clock")
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{"0s", "two", "", "1000000h"} {
		if _, err := cluster.Resolve(n.Options, map[string]string{"clock-offset": value}); err == nil {
			t.Errorf("clock-offset=%s passes", value)
		}
	}
}

// halfFrozen is a cluster whose clocks can be reached on n1 alone, and whose n1 has a
// witness.
type halfFrozen struct {
	powerless
	offset time.Duration
	gone   bool // n1 has ended meanwhile
}

func (h *halfFrozen) Skew(_ context.Context, node string, offset time.Duration, rate float64) error {
	if node != "n1" && (offset != 0 || rate != 1) {
		return cluster.ErrSkipped
	}
	if node == "n1" {
		h.offset = offset
	}
	return nil
}

func (h *halfFrozen) Strobe(ctx context.Context, node string, offset, _ time.Duration) error {
	return h.Skew(ctx, node, offset, 1)
}

func (h *halfFrozen) Offset(context.Context, string) (time.Duration, error) {
	if h.gone {
		return 0, cluster.ErrSkipped
	}
	return h.offset, nil
}

func (h *halfFrozen) ClockReading(context.Context, string) (string, error) {
	return "pid 7 reads " + h.offset.String(), nil
}

// A victim whose clock cannot be reached is left out; without any the fault is skipped. One
// that ends under its skew counts even so.
func TestClockSkipsWhomItCannotReach(t *testing.T) {
	options := cluster.Options{"clock": "bump", "clock-nodes": "all", "clock-offset": "2s"}
	h := &halfFrozen{}
	var notes []history.Event
	nem, err := nemesis.Compose(nemesis.Plan{Names: []string{"clock"}, Options: options, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := nem.Bind(h, cluster.Docker, func(e history.Event) { notes = append(notes, e) }); err != nil {
		t.Fatal(err)
	}
	do := func(f, kind string) string {
		t.Helper()
		done := nem.Invoke(context.Background(), history.Op{F: f, Value: history.Text(kind)})
		if done.Error != "" {
			t.Errorf("%s: %s", f, done.Error)
		}
		return done.Value.S
	}
	if said := do("skew-clock", "bump"); said != "bump: n1 jumps by 2s: pid 7 reads 2s" {
		t.Errorf("the evidence is %q", said)
	}
	h.gone = true
	if said := do("reset-clock", ""); said != "n1 was off by 2s, and runs no more" {
		t.Errorf("the evidence is %q", said)
	}
	if sum := nem.Summaries()[0]; sum.Bit != 1 || sum.Injected != 1 {
		t.Errorf("%+v", sum)
	}
}
