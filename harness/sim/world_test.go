package sim

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/harness/runtime"
)

// probe is a message of the test system: the receiver notes it down.
type probe struct {
	what string
	n    int
}

func (p probe) AppendBinary(b []byte) ([]byte, error) {
	return binary.AppendVarint(append(b, p.what...), int64(p.n)), nil
}

// scribe is a node that does what it is asked to and tells the test all that it sees.
type scribe struct {
	env   node.Env
	start func(*scribe)
	recv  func(*scribe, node.ID, probe)
	ask   func(*scribe, node.RequestID, probe)
}

func (s *scribe) Start(env node.Env) {
	s.env = env
	if s.start != nil {
		s.start(s)
	}
}

func (s *scribe) Receive(from node.ID, m node.Message) {
	if s.recv != nil {
		s.recv(s, from, m.(probe))
	}
}

func (s *scribe) Request(id node.RequestID, m node.Message) {
	if s.ask != nil {
		s.ask(s, id, m.(probe))
		return
	}
	s.env.Reply(id, m)
}

// scene is a world of scribes and what they have noted.
type scene struct {
	*World
	t     *testing.T
	notes []history.Event
	nodes map[node.ID]*scribe // of the last life
}

func newScene(t *testing.T, seed uint64, n int, template scribe) *scene {
	s := &scene{t: t, nodes: map[node.ID]*scribe{}}
	var ids []node.ID
	for i := range n {
		ids = append(ids, node.ID(fmt.Sprintf("n%d", i+1)))
	}
	begin := template.start
	template.start = func(me *scribe) {
		s.nodes[me.env.ID()] = me
		if begin != nil {
			begin(me)
		}
	}
	s.World = New(Config{
		Seed: seed, Nodes: ids, Note: func(e history.Event) { s.notes = append(s.notes, e) },
		System: node.System{New: func() node.Node { scribe := template; return &scribe }},
	})
	return s
}

// play starts all nodes and runs a test's main task.
func (s *scene) play(main func()) {
	s.Run(func() {
		for _, h := range s.hosts {
			if err := s.Start(h.id); err != nil {
				s.t.Error(err)
			}
		}
		main()
	})
}

func (s *scene) pass(d time.Duration) { _ = s.Sleep(context.Background(), d) }

func within(d time.Duration, w *World) context.Context {
	return runtime.NewDeadline(context.Background(), time.Time{}, w.Now()+d)
}

// received collects the numbers of the probes that n2 gets.
func received(into *[]int) scribe {
	return scribe{recv: func(s *scribe, _ node.ID, p probe) {
		if s.env.ID() == "n2" {
			*into = append(*into, p.n)
		}
	}}
}

func (s *scene) burst(from, to int) {
	for i := from; i < to; i++ {
		s.nodes["n1"].env.Send("n2", probe{n: i})
	}
	s.pass(time.Second)
}

func TestLinksKeepOrderAndLoseNothing(t *testing.T) {
	var got []int
	s := newScene(t, 1, 2, received(&got))
	s.play(func() { s.burst(0, 1000) })
	if len(got) != 1000 {
		t.Fatalf("%d of 1000 arrived", len(got))
	}
	for i, n := range got {
		if n != i {
			t.Fatalf("probe %d came at place %d", n, i)
		}
	}
}

func TestCutIsOneWayAndCounted(t *testing.T) {
	var got []int
	s := newScene(t, 1, 2, received(&got))
	s.play(func() {
		s.nodes["n1"].env.Send("n2", probe{n: 99}) // under way when the cut comes
		s.Cut(func(from, to node.ID) bool { return from == "n1" && to == "n2" })
		s.burst(0, 10)
		if len(got) != 0 || s.Dropped() != 11 {
			t.Errorf("%d arrived and %d were dropped through the cut, want 0 and 11", len(got), s.Dropped())
		}
		s.Cut(func(from, to node.ID) bool { return from == "n2" && to == "n1" })
		s.burst(10, 20)
		if len(got) != 10 || s.Dropped() != 0 {
			t.Errorf("the cut of the other direction: %d arrived, %d dropped", len(got), s.Dropped())
		}
		s.Cut(func(node.ID, node.ID) bool { return true })
		s.Uncut()
		s.burst(20, 30)
		if len(got) != 20 {
			t.Errorf("%d arrived after healing, want 20", len(got))
		}
	})
}

func TestShapes(t *testing.T) {
	cases := []struct {
		name  string
		shape Shape
		check func(got []int) string
	}{
		{"loss", Shape{Loss: 0.3}, func(got []int) string {
			if len(got) < 600 || len(got) > 800 {
				return fmt.Sprintf("%d of 1000 arrived at 30%% loss", len(got))
			}
			return ""
		}},
		{"duplicate", Shape{Duplicate: 0.3}, func(got []int) string {
			if len(got) < 1200 || len(got) > 1400 {
				return fmt.Sprintf("%d arrived of 1000 with 30%% doubled", len(got))
			}
			return ""
		}},
		{"rate", Shape{Rate: 8 * headers * 500}, func(got []int) string {
			// 10,000 a second come to a link for 500, whose queue holds half a second of them.
			if len(got) < 250 || len(got) > 320 {
				return fmt.Sprintf("%d of 1000 arrived", len(got))
			}
			return ""
		}},
		{"reorder", Shape{Reorder: 0.3}, func(got []int) string {
			late := 0
			for i := 1; i < len(got); i++ {
				if got[i] < got[i-1] {
					late++
				}
			}
			if late < 5 || len(got) != 1000 {
				return fmt.Sprintf("%d arrived, %d of them overtaken", len(got), late)
			}
			return ""
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var got []int
			s := newScene(t, 7, 3, received(&got))
			s.play(func() {
				s.World.Shape([]node.ID{"n2"}, c.shape)
				for i := range 1000 {
					s.nodes["n1"].env.Send("n2", probe{n: i})
					s.pass(100 * time.Microsecond)
				}
				s.pass(time.Second)
				if why := c.check(got); why != "" {
					t.Error(why)
				}
				if touched := s.Shaped(); (touched < 200 || touched > 400) && (c.shape.Rate == 0 || touched != 1000) {
					t.Errorf("%d packets counted as touched", touched)
				}
				got = nil
				s.Unshape()
				s.burst(0, 100)
				if len(got) != 100 {
					t.Errorf("%d of 100 arrived on restored links", len(got))
				}
			})
		})
	}
}

func TestDelayShape(t *testing.T) {
	var arrived time.Duration
	var s *scene
	s = newScene(t, 1, 2, scribe{recv: func(*scribe, node.ID, probe) { arrived = s.World.Now() }})
	s.play(func() {
		s.World.Shape([]node.ID{"n1"}, Shape{Delay: 200 * time.Millisecond})
		start := s.World.Now()
		s.burst(0, 1)
		if took := arrived - start; took < 200*time.Millisecond || took > 220*time.Millisecond {
			t.Errorf("a packet delayed by 200ms took %s", took)
		}
	})
}

func TestConnections(t *testing.T) {
	s := newScene(t, 1, 1, scribe{ask: func(me *scribe, id node.RequestID, p probe) {
		if p.what != "silence" {
			me.env.Reply(id, p)
		}
	}})
	s.play(func() {
		c, err := s.Dial(context.Background(), "n1")
		if err != nil {
			t.Fatal(err)
		}
		if m, err := c.Call(within(time.Second, s.World), probe{n: 4}); err != nil || m.(probe).n != 4 {
			t.Errorf("the node answered %v, %v", m, err)
		}
		start := s.World.Now()
		_, err = c.Call(within(time.Second, s.World), probe{what: "silence"})
		if !errors.Is(err, context.DeadlineExceeded) || s.World.Now()-start != time.Second {
			t.Errorf("an unanswered request ended after %s with %v", s.World.Now()-start, err)
		}
		s.Go("killer", func() {
			s.pass(100 * time.Millisecond)
			s.Kill("n1")
		})
		if _, err = c.Call(within(time.Second, s.World), probe{what: "silence"}); !errors.Is(err, ErrLost) {
			t.Errorf("a request at a node that is killed ended with %v", err)
		}
		if _, err = c.Call(within(time.Second, s.World), probe{}); !errors.Is(err, ErrReset) {
			t.Errorf("a request on a broken connection ended with %v", err)
		}
		if _, err := s.Dial(context.Background(), "n1"); !errors.Is(err, ErrRefused) {
			t.Errorf("a dead node answered a connection with %v", err)
		}
	})
}

// What a client sent to a frozen node takes effect when the node goes on, long after the
// client gave up.
func TestPauseHoldsEverythingBack(t *testing.T) {
	var did []int
	ticks := 0
	var tick func(me *scribe)
	tick = func(me *scribe) {
		ticks++
		me.env.After(10*time.Millisecond, func() { tick(me) })
	}
	s := newScene(t, 1, 1, scribe{start: tick, ask: func(me *scribe, id node.RequestID, p probe) {
		did = append(did, p.n)
		me.env.Reply(id, p)
	}})
	s.play(func() {
		c, _ := s.Dial(context.Background(), "n1")
		s.Pause("n1")
		before := ticks
		if _, err := c.Call(within(time.Second, s.World), probe{n: 5}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a frozen node answered: %v", err)
		}
		_ = c.Close()
		if len(did) > 0 || ticks != before {
			t.Errorf("a frozen node did %v and ticked %d times", did, ticks-before)
		}
		s.Resume("n1")
		s.pass(time.Second)
		if len(did) != 1 || ticks < before+90 {
			t.Errorf("after its pause the node did %v and ticked %d times", did, ticks-before)
		}
	})
}

func TestClocks(t *testing.T) {
	s := newScene(t, 3, 1, scribe{})
	s.play(func() {
		env := s.nodes["n1"].env
		wall := func() time.Duration { return time.Duration(env.Wall() - epoch - s.now) }
		if wall() != 0 {
			t.Errorf("an untouched clock is off by %s", wall())
		}
		s.Skew("n1", -time.Hour, 1)
		s.pass(time.Second)
		if wall() != -time.Hour || s.Offset("n1") != -time.Hour {
			t.Errorf("bumped by -1h the clock is off by %s", wall())
		}
		mono := env.Now()
		s.Skew("n1", 0, 1.1)
		s.pass(10 * time.Second)
		if off := wall(); off < 990*time.Millisecond || off > 1010*time.Millisecond {
			t.Errorf("10s at rate 1.1 made the clock be off by %s", off)
		}
		if passed := env.Now() - mono; (passed - 10*time.Second).Abs() > 2*time.Millisecond {
			t.Errorf("the monotonic clock counted %s in 10s", passed)
		}
		s.Strobe("n1", time.Minute, 100*time.Millisecond)
		seen := map[time.Duration]bool{}
		for range 10 {
			seen[wall()] = true
			s.pass(100 * time.Millisecond)
		}
		if len(seen) != 2 || !seen[0] || !seen[time.Minute] {
			t.Errorf("a strobing clock showed %v", seen)
		}
	})
}

func TestDeathsAreNoted(t *testing.T) {
	for _, c := range []struct {
		name string
		die  func(*scribe)
		want string
	}{
		{"panic", func(me *scribe) { panic("disk on fire: " + me.env.ID()) }, "panic: disk on fire: n1"},
		{"fatal", func(me *scribe) { me.env.Fatalf("disk %s", "on fire") }, "died by itself: disk on fire"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t, 1, 1, scribe{ask: func(me *scribe, _ node.RequestID, _ probe) { c.die(me) }})
			s.play(func() {
				conn, _ := s.Dial(context.Background(), "n1")
				if _, err := conn.Call(within(time.Second, s.World), probe{}); !errors.Is(err, ErrLost) {
					t.Errorf("the client of a dying node got %v", err)
				}
			})
			last := s.notes[len(s.notes)-1]
			if last.Kind != history.EventNodeDown || !strings.Contains(last.Text, c.want) {
				t.Errorf("noted %+v, want %q", last, c.want)
			}
		})
	}
}

func TestLeaders(t *testing.T) {
	s := newScene(t, 1, 3, scribe{})
	s.play(func() {
		s.nodes["n1"].env.Leading(1, true)
		s.nodes["n3"].env.Leading(4, true)
		s.nodes["n2"].env.Leading(2, true)
		if got := fmt.Sprint(s.Leaders()); got != "[n3 n2 n1]" {
			t.Errorf("leaders %s, want the latest term first", got)
		}
		s.Kill("n3")
		s.nodes["n1"].env.Leading(2, false)
		if got := fmt.Sprint(s.Leaders()); got != "[n2]" {
			t.Errorf("leaders %s", got)
		}
	})
}

// gossip lets nodes chatter at random with everything that is random in a world in play,
// and returns all that happened.
func gossip(t *testing.T, seed uint64) string {
	var log strings.Builder
	var s *scene
	var chat func(me *scribe)
	chat = func(me *scribe) {
		peers := me.env.Peers()
		me.env.Send(peers[me.env.Rand().IntN(len(peers))], probe{n: me.env.Rand().IntN(1000)})
		me.env.Disk().Append("log", []byte{byte(me.env.Rand().IntN(256))}, nil)
		me.env.Disk().Sync("log", func(error) {
			fmt.Fprintf(&log, "%d %s synced\n", s.now, me.env.ID())
		})
		me.env.After(time.Duration(me.env.Rand().IntN(int(20*time.Millisecond))), func() { chat(me) })
	}
	s = newScene(t, seed, 3, scribe{
		start: func(me *scribe) {
			content, _ := me.env.Disk().Read("log")
			fmt.Fprintf(&log, "%d %s starts with %x\n", s.now, me.env.ID(), content)
			chat(me)
		},
		recv: func(me *scribe, from node.ID, p probe) {
			fmt.Fprintf(&log, "%d %s -> %s %d at %d\n", s.now, from, me.env.ID(), p.n, me.env.Wall())
		},
	})
	s.play(func() {
		s.World.Shape([]node.ID{"n1"}, Shape{Loss: 0.1, Duplicate: 0.1, Reorder: 0.1, Delay: 5 * time.Millisecond, Jitter: 3 * time.Millisecond})
		for range 20 {
			s.pass(100 * time.Millisecond)
			s.Kill("n2")
			s.Pause("n3")
			s.pass(50 * time.Millisecond)
			_ = s.Start("n2")
			s.Resume("n3")
		}
	})
	return log.String()
}

func TestSameSeedSameWorld(t *testing.T) {
	first := gossip(t, 5)
	if len(first) < 10_000 {
		t.Fatalf("hardly anything happened: %d bytes", len(first))
	}
	for range 3 {
		if again := gossip(t, 5); again != first {
			t.Fatal("the same seed gave another run")
		}
	}
	if gossip(t, 6) == first {
		t.Fatal("another seed gave the same run")
	}
}
