package nemesis_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/runtime"
	"github.com/faultline-dev/faultline/nemesis"
	"github.com/faultline-dev/faultline/targets/dynamo"
	"github.com/faultline-dev/faultline/targets/simulated"
)

// stage is a live simulated cluster with one nemesis.
type stage struct {
	t     *testing.T
	cl    cluster.Cluster
	nem   *nemesis.Composite
	notes []history.Event
	key   int64
}

// perform runs a scene on a stage: dynamo with linearizable registers on five nodes, whose
// writes need a majority of each key's homes.
func perform(t *testing.T, settings map[string]string, names []string, scene func(*stage)) {
	t.Helper()
	performOn(t, map[string]string{"mode": "abd", "n": "5"}, settings, names, scene)
}

// performOn is perform with other options of the store.
func performOn(t *testing.T, store, settings map[string]string, names []string, scene func(*stage)) {
	t.Helper()
	options, err := cluster.Resolve(append(dynamo.Target.Options, cluster.Option{Name: "bug", Default: "none"}), store)
	if err != nil {
		t.Fatal(err)
	}
	var all []cluster.Option
	for _, name := range names {
		n, err := nemesis.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, n.Options...)
	}
	chosen, err := cluster.Resolve(all, settings)
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t}
	note := func(e history.Event) { s.notes = append(s.notes, e) }
	s.cl, err = simulated.Opener(dynamo.Target.Reference)(context.Background(), cluster.Spec{
		Nodes: []string{"n1", "n2", "n3", "n4", "n5"}, Options: options, Seed: 1, Log: io.Discard, Note: note,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.nem, err = nemesis.Compose(nemesis.Plan{Names: names, Options: chosen, Seed: 1, Time: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.nem.Bind(s.cl, cluster.Sim, note); err != nil {
		t.Fatal(err)
	}
	s.cl.Runtime().Run(func() {
		if err := s.cl.Start(context.Background()); err != nil {
			t.Error(err)
			return
		}
		scene(s)
	})
	if err := s.cl.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// do carries out a nemesis operation and returns its evidence.
func (s *stage) do(f, kind string) string {
	done := s.nem.Invoke(context.Background(), history.Op{F: f, Value: history.Text(kind)})
	if done.Error != "" || done.Type != history.Info {
		s.t.Errorf("%s %s completed as %s: %s", f, kind, done.Type, done.Error)
	}
	return done.Value.S
}

// writes tries a write of a fresh key at every node and returns who could, as "+-+++", and
// how long the slowest success took.
func (s *stage) writes() (who string, slowest time.Duration) {
	rt := s.cl.Runtime()
	for _, node := range s.cl.Nodes() {
		s.key++
		start := rt.Now()
		ctx := runtime.NewDeadline(context.Background(), time.Time{}, start+time.Second)
		conn, err := s.cl.Connect(ctx, node)
		if err == nil {
			err = conn.(cluster.Register).Write(ctx, s.key, 1)
			_ = conn.Close()
		}
		if err != nil {
			who += "-"
			continue
		}
		who += "+"
		slowest = max(slowest, rt.Now()-start)
	}
	return who, slowest
}

func (s *stage) last(kind history.EventKind) history.Event {
	for i := len(s.notes) - 1; i >= 0; i-- {
		if s.notes[i].Kind == kind {
			return s.notes[i]
		}
	}
	s.t.Fatalf("no event of kind %s", kind)
	return history.Event{}
}

// TestPartitionsBite shows what each kind of partition does to who can write, and that
// healing undoes it.
func TestPartitionsBite(t *testing.T) {
	cases := []struct {
		kind string
		able []int // nodes that may still be able to write
	}{
		{"one", []int{4}},
		{"halves", []int{3}},
		{"majority", []int{3, 4}},
		{"majorities-ring", []int{5}},
		{"bridge", []int{5, 1, 3}},
		{"leader", []int{4}},
		{"one-way", []int{0, 1, 2, 3, 4}},
	}
	for _, c := range cases {
		t.Run(c.kind, func(t *testing.T) {
			perform(t, map[string]string{"partition": c.kind}, []string{"partition"}, func(s *stage) {
				before, _ := s.writes()
				evidence := s.do("start-partition", c.kind)
				if !strings.HasPrefix(evidence, c.kind+": ") || !strings.Contains(evidence, "nothing of") {
					t.Errorf("evidence %q", evidence)
				}
				during, _ := s.writes()
				s.do("stop-partition", "")
				after, _ := s.writes()
				if before != "+++++" || after != "+++++" {
					t.Errorf("writes before %s, after %s", before, after)
				}
				able := strings.Count(during, "+")
				ok := false
				for _, n := range c.able {
					ok = ok || able == n
				}
				if !ok {
					t.Errorf("during it %s could write (%s)", during, evidence)
				}
				if end := s.last(history.EventFaultEnd); end.N == 0 {
					t.Errorf("not one packet was dropped: %+v", end)
				}
			})
		})
	}
}

func TestKillsAndPausesBite(t *testing.T) {
	for _, c := range []struct{ nemesis, start, stop string }{{"kill", "kill", "restart"}, {"pause", "pause", "resume"}, {"restart", "stop-node", "start-node"}} {
		for kind, able := range map[string]string{"one": "4", "minority": "34", "majority": "0", "all": "0", "leader": "4"} {
			t.Run(c.nemesis+"/"+kind, func(t *testing.T) {
				perform(t, nil, []string{c.nemesis}, func(s *stage) {
					s.do(c.start, kind)
					during, _ := s.writes()
					if !strings.Contains(able, fmt.Sprint(strings.Count(during, "+"))) {
						t.Errorf("during it %s could write, want one of %s", during, able)
					}
					s.do(c.stop, "")
					if err := s.nem.Confirm(context.Background()); err != nil {
						t.Error(err)
					}
					if after, _ := s.writes(); after != "+++++" {
						t.Errorf("after it %s could write", after)
					}
				})
			})
		}
	}
}

// A crash loop takes nodes down several times, leaves them down while it lasts, and they
// recover from it.
func TestCrashLoopsBite(t *testing.T) {
	for kind, able := range map[string]string{"one": "4", "minority": "34", "majority": "0", "all": "0", "leader": "4"} {
		t.Run(kind, func(t *testing.T) {
			perform(t, nil, []string{"crash-loop"}, func(s *stage) {
				evidence := s.do("crash", kind)
				for _, part := range strings.Split(strings.TrimPrefix(evidence, kind+": "), ", ") {
					var node string
					var times int
					if n, err := fmt.Sscanf(part, "%s gone %d times", &node, &times); n != 2 || times < 3 || times > 5 {
						t.Errorf("evidence %q: %v", evidence, err)
					}
				}
				downs := 0
				for _, e := range s.notes {
					if e.Kind == history.EventNodeDown {
						downs++
					}
				}
				if downs < 3 {
					t.Errorf("nodes went down %d times", downs)
				}
				if during, _ := s.writes(); !strings.Contains(able, fmt.Sprint(strings.Count(during, "+"))) {
					t.Errorf("during it %s could write, want one of %s", during, able)
				}
				s.do("end-crashes", "")
				if err := s.nem.Confirm(context.Background()); err != nil {
					t.Error(err)
				}
				if after, _ := s.writes(); after != "+++++" {
					t.Errorf("after it %s could write", after)
				}
			})
		})
	}
}

// What the simulated world cannot do is refused, and not left out in silence.
func TestOptionsThatTakeMoreAreRefused(t *testing.T) {
	for _, set := range []struct {
		nemesis string
		options cluster.Options
	}{
		{"kill", cluster.Options{"kill-process": "redis-server"}},
		{"pause", cluster.Options{"pause-how": "stop"}},
		{"pause", cluster.Options{"pause-process": "redis-server"}},
	} {
		perform(t, nil, []string{"kill"}, func(s *stage) {
			c, err := nemesis.Compose(nemesis.Plan{Names: []string{set.nemesis}, Options: set.options})
			if err == nil {
				err = c.Bind(s.cl, cluster.Sim, func(history.Event) {})
			}
			if err == nil || !strings.Contains(err.Error(), "not available on sim") {
				t.Errorf("%s %v: %v", set.nemesis, set.options, err)
			}
		})
	}
}

// A node that one fault holds is not free for another.
func TestHeldVictimsAreSkipped(t *testing.T) {
	perform(t, nil, []string{"kill", "pause"}, func(s *stage) {
		s.do("kill", "all")
		if evidence := s.do("pause", "all"); !strings.Contains(evidence, "skipped") {
			t.Errorf("pausing dead nodes: %s", evidence)
		}
		if err := s.nem.Heal(context.Background()); err != nil {
			t.Error(err)
		}
		sums := s.nem.Summaries()
		if sums[0].Bit != 1 || sums[1].Skipped != 1 || sums[1].Injected != 0 {
			t.Errorf("summaries %+v", sums)
		}
	})
}

func TestPacketFaultsBite(t *testing.T) {
	for _, kind := range []string{"delay", "loss", "duplicate", "reorder", "corrupt", "rate"} {
		t.Run(kind, func(t *testing.T) {
			perform(t, map[string]string{"packet-nodes": "all"}, []string{"packet"}, func(s *stage) {
				_, before := s.writes()
				s.do("start-packet", kind)
				for range 10 {
					_, during := s.writes()
					if kind == "delay" && during < before+20*time.Millisecond {
						t.Errorf("a write took %s before and %s with delay", before, during)
					}
				}
				s.do("stop-packet", "")
				if end := s.last(history.EventFaultEnd); end.N == 0 {
					t.Errorf("not one packet was touched: %+v", end)
				}
				if who, after := s.writes(); who != "+++++" || after > before+30*time.Millisecond {
					t.Errorf("after it %s wrote, the slowest in %s", who, after)
				}
			})
		})
	}
}

// Whatever is in force, Heal undoes it, and twice is as good as once.
func TestHealUndoesEverything(t *testing.T) {
	perform(t, map[string]string{"kill": "one", "pause": "one"}, []string{"partition", "kill", "pause", "clock", "packet"}, func(s *stage) {
		s.do("start-partition", "halves")
		s.do("kill", "one")
		s.do("pause", "minority")
		s.do("skew-clock", "bump")
		s.do("start-packet", "loss")
		for range 2 {
			if err := s.nem.Heal(context.Background()); err != nil {
				t.Error(err)
			}
		}
		if err := s.nem.Confirm(context.Background()); err != nil {
			t.Error(err)
		}
		if who, _ := s.writes(); who != "+++++" {
			t.Errorf("after healing %s could write", who)
		}
		started, ended := 0, 0
		for _, e := range s.notes {
			switch e.Kind {
			case history.EventFaultStart:
				started++
			case history.EventFaultEnd:
				ended++
			case history.EventUnrecovered:
				t.Errorf("unrecovered: %+v", e)
			}
		}
		if started != 5 || ended != 5 {
			t.Errorf("%d faults started and %d ended", started, ended)
		}
	})
}

// powerless is a cluster without any fault.
type powerless struct{ cluster.Cluster }

func (powerless) Nodes() []string          { return []string{"n1", "n2"} }
func (powerless) Runtime() runtime.Runtime { return runtime.NewWall() }

func TestMissingCapabilitiesAreRefused(t *testing.T) {
	for _, n := range nemesis.All {
		c, err := nemesis.Compose(nemesis.Plan{Names: []string{n.Name}})
		if err != nil {
			t.Fatal(err)
		}
		if err = c.Bind(powerless{}, cluster.Docker, func(history.Event) {}); err == nil {
			err = c.Supports(struct{ cluster.Conn }{}, cluster.Docker)
		}
		if err == nil || !strings.Contains(err.Error(), "nemesis "+n.Name+" is not available on docker") {
			t.Errorf("%s: %v", n.Name, err)
		}
	}
}
