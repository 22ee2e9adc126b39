package sim

import (
	"fmt"
	"io"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"time"

	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/node"
)

// host is a machine: what a node stands on, and what outlives the node's lives.
type host struct {
	w     *World
	index int
	id    node.ID
	osc   oscillator
	wall  wall
	disk  disk
	rand  *rand.Rand
	log   io.Writer
	lives int
	now   *life // nil: the node is down
}

// backlogLimit bounds the packets that wait for a paused node, as socket buffers do.
const backlogLimit = 4096

// life is a node from a start to its end. It is the node's Env and Disk.
type life struct {
	*host
	node     node.Node
	peers    []node.ID
	over     bool
	paused   bool
	backlog  []func() // what has happened to a paused node
	leads    bool
	term     uint64
	requests uint64
	calls    map[node.RequestID]*Conn
	conns    []*Conn // in the order of their making
}

func newHost(w *World, index int, id node.ID) *host {
	h := &host{w: w, index: index, id: id, log: io.Discard}
	h.rand = w.stream("node/" + string(id))
	h.disk.rand = w.stream("disk/" + string(id))
	h.osc = oscillator{1 + w.config.Drift*(2*w.stream("oscillator/"+string(id)).Float64()-1)}
	h.wall.rate = 1
	if w.config.Log != nil {
		h.log = w.config.Log(id)
	}
	return h
}

// Start starts a node that is down.
func (w *World) Start(id node.ID) error {
	h := w.host(id)
	if h == nil {
		return fmt.Errorf("no node %s", id)
	}
	if h.now != nil {
		return nil
	}
	h.lives++
	l := &life{host: h, node: w.config.System.New(), calls: map[node.RequestID]*Conn{}}
	for _, peer := range w.hosts {
		l.peers = append(l.peers, peer.id)
	}
	h.now = l
	w.config.Note(history.Event{Kind: history.EventNodeUp, Node: string(id)})
	l.enter(func() { l.node.Start(l) })
	return nil
}

// Kill ends a node's life at once, as kill -9 does. What it had written is there in its next
// life, synced or not: the machine and its cache go on. It reports whether there was a life
// to end.
func (w *World) Kill(id node.ID) bool {
	h := w.host(id)
	if h == nil || h.now == nil {
		return false
	}
	h.now.end("killed")
	return true
}

// Up reports whether a node is alive, paused or not.
func (w *World) Up(id node.ID) bool { h := w.host(id); return h != nil && h.now != nil }

// Paused reports whether a node is frozen.
func (w *World) Paused(id node.ID) bool { return w.Up(id) && w.host(id).now.paused }

// Pause freezes a node: nothing happens in it until Resume, while the world goes on.
func (w *World) Pause(id node.ID) {
	if w.Up(id) {
		w.host(id).now.paused = true
	}
}

// Resume lets a frozen node go on with all that has come in meanwhile.
func (w *World) Resume(id node.ID) {
	if !w.Paused(id) {
		return
	}
	l := w.host(id).now
	l.paused = false
	backlog := l.backlog
	l.backlog = nil
	for _, f := range backlog {
		w.at(w.now, func() { l.do(f) })
	}
}

// Skew makes a node's wall clock ahead by offset from now on, and run at rate besides.
func (w *World) Skew(id node.ID, offset time.Duration, rate float64) {
	w.host(id).wall = wall{since: w.now, offset: int64(offset), rate: rate}
}

// Strobe flips a node's wall clock between offset and true time every period.
func (w *World) Strobe(id node.ID, offset, period time.Duration) {
	w.host(id).wall = wall{since: w.now, offset: int64(offset), rate: 1, period: int64(period)}
}

// Offset is how far ahead of true time a node's wall clock is.
func (w *World) Offset(id node.ID) time.Duration {
	h := w.host(id)
	return time.Duration(h.wall.ahead(w.now))
}

// Leaders are the nodes that believe that they lead, the one of the latest term first.
func (w *World) Leaders() []node.ID {
	var leaders []node.ID
	var top uint64
	for _, h := range w.hosts {
		if h.now == nil || !h.now.leads {
			continue
		}
		if h.now.term > top && len(leaders) > 0 {
			leaders = append([]node.ID{h.id}, leaders...)
		} else {
			leaders = append(leaders, h.id)
		}
		top = max(top, h.now.term)
	}
	return leaders
}

// end ends a life. Its clients hear of it a little later.
func (l *life) end(how string) {
	if l.over {
		return
	}
	l.over, l.backlog = true, nil
	l.host.now = nil
	l.disk.abandon()
	l.w.config.Note(history.Event{Kind: history.EventNodeDown, Node: string(l.id), Text: how})
	for _, c := range l.conns {
		l.w.after(l.w.config.Client.draw(l.w.network.rand), c.reset)
	}
	l.conns, l.calls = nil, nil
}

// do lets something happen to the node: now, later if it is paused, or never.
func (l *life) do(f func()) {
	switch {
	case l.over:
	case l.paused:
		if len(l.backlog) < backlogLimit {
			l.backlog = append(l.backlog, f)
		}
	default:
		l.enter(f)
	}
}

// death is what Fatalf panics with.
type death struct{ why string }

// enter runs the node's code.
func (l *life) enter(f func()) {
	defer l.guard()
	f()
}

// guard is deferred around the node's code: a panic in it is the end of this life, and a
// finding.
func (l *life) guard() {
	switch p := recover().(type) {
	case nil:
	case death:
		l.Logf("fatal: %s", p.why)
		l.end("died by itself: " + p.why)
	default:
		l.Logf("panic: %v\n%s", p, debug.Stack())
		l.end(fmt.Sprintf("died by itself: panic: %v", p))
	}
}

// receive takes a peer's packet.
func (h *host) receive(from node.ID, m node.Message) {
	l := h.now
	if l == nil {
		return
	}
	if l.paused {
		l.do(func() { l.node.Receive(from, m) })
		return
	}
	defer l.guard()
	l.node.Receive(from, m)
}

// ID implements node.Env.
func (l *life) ID() node.ID { return l.id }

// Peers implements node.Env.
func (l *life) Peers() []node.ID { return l.peers }

// Send implements node.Env.
func (l *life) Send(to node.ID, m node.Message) {
	if dest := l.w.host(to); dest != nil && !l.over {
		l.w.send(l.host, dest, m)
	}
}

// Reply implements node.Env.
func (l *life) Reply(id node.RequestID, m node.Message) {
	c := l.calls[id]
	if c == nil || l.over {
		return
	}
	delete(l.calls, id)
	l.w.after(l.w.config.Client.draw(l.w.network.rand), func() { c.answer(id, m) })
}

// timer implements node.Timer, and is the action of its own end.
type timer struct {
	l       *life
	f       func()
	stopped bool
}

// Stop implements node.Timer.
func (t *timer) Stop() { t.stopped, t.f = true, nil }

func (t *timer) act() {
	switch {
	case t.stopped || t.l.over:
	case t.l.paused:
		t.l.do(t.fire)
	default:
		defer t.l.guard()
		t.fire()
	}
}

// fire calls back, unless the timer was stopped while it waited for a paused node.
func (t *timer) fire() {
	if !t.stopped {
		t.stopped = true
		t.f()
	}
}

// After implements node.Env.
func (l *life) After(d time.Duration, f func()) node.Timer {
	t := &timer{l: l, f: f}
	l.w.plan(l.w.now+l.osc.real(int64(max(d, 0))), t)
	return t
}

// Now implements node.Env.
func (l *life) Now() time.Duration { return time.Duration(l.osc.local(l.w.now)) }

// Wall implements node.Env.
func (l *life) Wall() int64 { return epoch + l.w.now + l.host.wall.ahead(l.w.now) }

// Disk implements node.Env.
func (l *life) Disk() node.Disk { return l }

// Rand implements node.Env.
func (l *life) Rand() *rand.Rand { return l.host.rand }

// Leading implements node.Env.
func (l *life) Leading(term uint64, leads bool) {
	if l.over || l.leads == leads && l.term == term {
		return
	}
	l.leads, l.term = leads, term
	e := history.Event{Kind: history.EventLeader, Node: string(l.id), N: int64(term)}
	if !leads {
		e.Text = "stepped down"
	}
	l.w.config.Note(e)
}

// Logf implements node.Env.
func (l *life) Logf(format string, args ...any) {
	if l.log != io.Discard {
		fmt.Fprintf(l.log, "%12.6f  %s\n", time.Duration(l.w.now).Seconds(), fmt.Sprintf(format, args...))
	}
}

// Fatalf implements node.Env.
func (l *life) Fatalf(format string, args ...any) { panic(death{fmt.Sprintf(format, args...)}) }

// Read implements node.Disk.
func (l *life) Read(file string) ([]byte, error) {
	content := l.disk.read(file)
	if len(content) == 0 {
		return nil, nil
	}
	return content, nil
}

// Append implements node.Disk.
func (l *life) Append(file string, data []byte, done func(error)) {
	l.write(appendTo, file, data, done)
}

// Replace implements node.Disk.
func (l *life) Replace(file string, data []byte, done func(error)) {
	l.write(replaceAll, file, data, done)
}

func (l *life) write(kind requestKind, file string, data []byte, done func(error)) {
	if !l.over { // the node may go on using its buffer
		l.ask(request{kind, l, l.disk.file(file), slices.Clone(data), done})
	}
}

// Sync implements node.Disk. The device goes on while a paused node does not.
func (l *life) Sync(file string, done func(error)) {
	if !l.over {
		l.ask(request{syncAll, l, l.disk.file(file), nil, done})
	}
}

// completed tells the node of the end of its disk's work.
func (l *life) completed(done func(error), err error) {
	switch {
	case l.over:
	case l.paused:
		l.do(func() { done(err) })
	default:
		defer l.guard()
		done(err)
	}
}
