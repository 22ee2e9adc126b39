package dynamo

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
)

// world is a small simulated world for the tests of this package: messages take a
// millisecond (or a random time), so do syncs, and a crash takes back what was not synced.
type world struct {
	t      testing.TB
	rand   *rand.Rand
	jitter time.Duration // on top of a message's millisecond
	loss   float64
	now    time.Duration
	events events
	seq    int
	sys    node.System
	hosts  []*host
	lost   func(from, to node.ID, m node.Message) bool
	trace  *strings.Builder
	calls  map[node.RequestID]func(*kv.Reply)
	reqs   node.RequestID
	seen   Context // of the last answer in context
}

type event struct {
	at  time.Duration
	seq int
	do  func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].seq < e[j].seq
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	old := *e
	last := old[len(old)-1]
	*e = old[:len(old)-1]
	return last
}

func newWorld(t testing.TB, c Config, nodes int, seed uint64) *world {
	w := &world{t: t, rand: rand.New(rand.NewPCG(seed, 0)), calls: map[node.RequestID]func(*kv.Reply){}}
	w.lost = func(node.ID, node.ID, node.Message) bool { return false }
	sys, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	w.sys = sys
	for i := range nodes {
		w.hosts = append(w.hosts, &host{world: w, id: node.ID(fmt.Sprintf("n%d", i+1))})
	}
	for _, h := range w.hosts {
		h.start()
	}
	return w
}

func (w *world) after(d time.Duration, do func()) {
	w.seq++
	heap.Push(&w.events, event{w.now + d, w.seq, do})
}

// run lets the world go on until the given time or until done says so.
func (w *world) run(until time.Duration, done func() bool) {
	for !done() {
		if len(w.events) == 0 || w.events[0].at > until {
			w.now = until
			return
		}
		e := heap.Pop(&w.events).(event)
		w.now = e.at
		e.do()
	}
}

func (w *world) pass(d time.Duration) { w.run(w.now+d, func() bool { return false }) }

func (w *world) host(id string) *host {
	i := slices.IndexFunc(w.hosts, func(h *host) bool { return string(h.id) == id })
	if i < 0 {
		w.t.Fatalf("no node %q", id)
	}
	return w.hosts[i]
}

// request hands a client's request to a node; done gets the reply, nil if the node is down.
func (w *world) request(h *host, r node.Message, done func(*kv.Reply)) {
	if h.server == nil {
		done(nil)
		return
	}
	w.reqs++
	w.calls[w.reqs] = done
	h.calls = append(h.calls, w.reqs)
	h.server.Request(w.reqs, r)
}

func (w *world) latency() time.Duration {
	d := time.Millisecond
	if w.jitter > 0 {
		d += time.Duration(w.rand.Int64N(int64(w.jitter)))
	}
	return d
}

func (w *world) tracef(format string, args ...any) {
	if w.trace != nil {
		fmt.Fprintf(w.trace, "%6s  %s\n", w.now, fmt.Sprintf(format, args...))
	}
}

// host is a machine with a node on it.
type host struct {
	world  *world
	id     node.ID
	server *server // nil: down
	lives  int
	skew   time.Duration
	synced []byte // what the disk keeps over a crash
	cached []byte // what it reads back
	calls  []node.RequestID
}

func (h *host) start() {
	h.lives++
	h.cached = slices.Clone(h.synced)
	h.server = h.world.sys.New().(*server)
	h.server.Start(&life{host: h, number: h.lives})
}

// crash ends the node's life. Of what was not synced a random part is kept, if tear is set.
func (h *host) crash(tear bool) {
	if tear && len(h.cached) > len(h.synced) && slices.Equal(h.cached[:len(h.synced)], h.synced) {
		h.synced = h.cached[:len(h.synced)+h.world.rand.IntN(len(h.cached)-len(h.synced))]
	}
	h.server = nil
	for _, id := range h.calls {
		if done := h.world.calls[id]; done != nil {
			delete(h.world.calls, id)
			done(nil)
		}
	}
	h.calls = nil
}

// life is a node's Env and Disk from a start to a crash.
type life struct {
	*host
	number int
}

func (l *life) alive() bool { return l.server != nil && l.lives == l.number }

func (l *life) ID() node.ID { return l.id }
func (l *life) Peers() []node.ID {
	var ids []node.ID
	for _, h := range l.world.hosts {
		ids = append(ids, h.id)
	}
	return ids
}

func (l *life) Send(to node.ID, m node.Message) {
	w := l.world
	if w.lost(l.id, to, m) || w.rand.Float64() < w.loss {
		w.tracef("%s -> %s  %s  LOST", l.id, to, describe(m))
		return
	}
	w.tracef("%s -> %s  %s", l.id, to, describe(m))
	dest := w.host(string(to))
	w.after(w.latency(), func() {
		if dest.server != nil {
			dest.server.Receive(l.id, m)
		}
	})
}

func (l *life) Reply(id node.RequestID, m node.Message) {
	done := l.world.calls[id]
	if done == nil {
		l.world.t.Errorf("%s answered request %d twice", l.id, id)
		return
	}
	delete(l.world.calls, id)
	if a, ok := m.(*Answer); ok {
		l.world.seen = Context{}
		for _, seen := range a.Seen {
			l.world.seen = l.world.seen.Join(seen)
		}
		m = &a.Reply
	}
	done(m.(*kv.Reply))
}

type stopper struct{ stopped bool }

func (s *stopper) Stop() { s.stopped = true }

func (l *life) After(d time.Duration, f func()) node.Timer {
	s := &stopper{}
	l.world.after(d, func() {
		if !s.stopped && l.alive() {
			f()
		}
	})
	return s
}

func (l *life) Now() time.Duration { return l.world.now }

// epoch is the wall clock's reading at the world's start.
const epoch = int64(1_000_000 * time.Millisecond)

func (l *life) Wall() int64          { return epoch + int64(l.world.now+l.skew) }
func (l *life) Disk() node.Disk      { return l }
func (l *life) Rand() *rand.Rand     { return l.world.rand }
func (l *life) Leading(uint64, bool) {}
func (l *life) Logf(format string, args ...any) {
	l.world.tracef("%s: "+format, append([]any{l.id}, args...)...)
}

func (l *life) Fatalf(format string, args ...any) {
	l.world.t.Errorf("%s died: "+format, append([]any{l.id}, args...)...)
	l.crash(false)
}

func (l *life) Read(string) ([]byte, error) { return slices.Clone(l.cached), nil }

func (l *life) Append(_ string, data []byte, _ func(error)) {
	if l.alive() {
		l.cached = append(l.cached[:len(l.cached):len(l.cached)], data...)
	}
}

func (l *life) Replace(_ string, data []byte, _ func(error)) {
	if l.alive() {
		l.cached = slices.Clone(data)
	}
}

func (l *life) Sync(_ string, done func(error)) {
	content := l.cached
	l.world.after(time.Millisecond, func() {
		if !l.alive() {
			return
		}
		l.synced = content
		if done != nil {
			done(nil)
		}
	})
}

// describe is a message in words.
func describe(m node.Message) string {
	switch m := m.(type) {
	case *Get:
		return "get " + m.Key.String()
	case *Put:
		s := fmt.Sprintf("put %s %s", m.Key, m.Value)
		if m.For != "" {
			s += " as a hint for " + string(m.For)
		}
		return s
	case *Held:
		return "held " + m.Value.String()
	case *Compare:
		if m.Child == theRoot {
			return "compare the root"
		}
		return fmt.Sprintf("compare child %d", m.Child)
	case *View:
		return fmt.Sprintf("view %v", m.Seats)
	case *Viewed:
		return fmt.Sprintf("viewed %v", m.Seats)
	case *Want:
		return fmt.Sprintf("want leaf %d", m.Leaf)
	case Probe:
		return "probe"
	case Alive:
		return "alive"
	}
	return fmt.Sprintf("%T", m)
}

func (k Key) String() string { return fmt.Sprintf("%s%d", []string{"r", "s"}[k.Kind], k.ID) }

func (v Value) String() string {
	switch {
	case len(v.Elements) > 0:
		return fmt.Sprint(v.Elements)
	case len(v.Versions) > 0:
		return fmt.Sprint(v.Versions)
	case v.Stamp.Node == "":
		return "-"
	}
	when := fmt.Sprint(v.Stamp.Time)
	if v.Stamp.Time >= epoch/2 {
		when = time.Duration(v.Stamp.Time - epoch).String()
	}
	return fmt.Sprintf("%d (%s by %s)", v.Int, when, v.Stamp.Node)
}

func (v Version) String() string {
	text := strconv.FormatInt(v.Int, 10)
	switch {
	case v.Gone:
		text = fmt.Sprintf("not %d", v.Item)
	case v.Item != 0:
		text = strconv.FormatInt(v.Item, 10)
	}
	text += " by " + v.Dot.String()
	if past := append(slices.Clone(v.Past.Upto), v.Past.Dots...); len(past) > 0 {
		text += fmt.Sprintf(" after %v", past)
	}
	return text
}

func (d Dot) String() string { return fmt.Sprintf("%s.%d.%d", d.Node, d.Life, d.Number) }
