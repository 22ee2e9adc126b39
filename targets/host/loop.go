package host

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/faultline-dev/faultline/harness/node"
)

// arrivals is how many messages and requests may wait for the loop; the connections that
// bring more wait, and TCP lets the senders feel it.
const arrivals = 1024

// loop is the goroutine that calls the node, and its Env. Except for arrive and complete,
// everything here belongs to that goroutine.
type loop struct {
	id    node.ID
	peers []node.ID
	node  node.Node
	start time.Time
	rng   *rand.Rand
	log   io.Writer
	disk  *disk
	links map[node.ID]*link

	timers  timers
	state   State
	lastReq node.RequestID
	clients map[node.RequestID]caller

	arrived chan func()

	mu        sync.Mutex
	completed []func() // what must never wait: the disk's reports, messages to itself
	wake      chan struct{}
}

// caller is whom a request came from, and the number that it gave it.
type caller struct {
	conn   *conn
	number uint64
}

func newLoop(c *Config, rng *rand.Rand) *loop {
	log := c.Log
	if log == nil {
		log = io.Discard
	}
	return &loop{
		id: c.ID, peers: ids(c.Peers), start: time.Now(), rng: rng, log: log,
		links: map[node.ID]*link{}, clients: map[node.RequestID]caller{},
		state:   State{ID: c.ID},
		arrived: make(chan func(), arrivals), wake: make(chan struct{}, 1),
	}
}

// died unwinds the node's code when it ends its own life.
type died struct{ message string }

func (l *loop) run(ctx context.Context, n node.Node) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case died:
			l.logLine("fatal: " + p.message)
			err = &Fatal{Node: l.id, Message: p.message}
		default:
			panic(p)
		}
	}()
	l.node = n
	n.Start(l)
	alarm := time.NewTimer(time.Hour)
	defer alarm.Stop()
	for ctx.Err() == nil {
		l.finish()
		alarm.Reset(l.timers.fire(l.Now))
		select {
		case f := <-l.arrived:
			f()
		case <-l.wake:
		case <-alarm.C:
		case <-ctx.Done():
		}
	}
	return nil
}

// arrive hands the loop something that came over the network, waiting while it is busy.
func (l *loop) arrive(ctx context.Context, f func()) bool {
	select {
	case l.arrived <- f:
		return true
	case <-ctx.Done():
		return false
	}
}

// complete hands the loop something that must neither wait nor be lost; in order.
func (l *loop) complete(f func()) {
	l.mu.Lock()
	l.completed = append(l.completed, f)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// finish runs what complete was given so far.
func (l *loop) finish() {
	l.mu.Lock()
	fs := l.completed
	l.completed = nil
	l.mu.Unlock()
	for _, f := range fs {
		f()
	}
}

// request hands a client's request to the node.
func (l *loop) request(from caller, m node.Message) {
	if from.conn.gone {
		return
	}
	l.lastReq++
	l.clients[l.lastReq] = from
	from.conn.requests[l.lastReq] = struct{}{}
	l.node.Request(l.lastReq, m)
}

// hangUp forgets a client that is gone.
func (l *loop) hangUp(c *conn) {
	c.gone = true
	for id := range c.requests {
		delete(l.clients, id)
	}
}

// ID implements node.Env.
func (l *loop) ID() node.ID { return l.id }

// Peers implements node.Env.
func (l *loop) Peers() []node.ID { return l.peers }

// Send implements node.Env.
func (l *loop) Send(to node.ID, m node.Message) {
	if to == l.id {
		l.complete(func() { l.node.Receive(to, m) })
		return
	}
	k := l.links[to]
	if k == nil {
		l.Logf("message %T to unknown node %q dropped", m, to)
		return
	}
	if _, err := k.out.put(func(b []byte) ([]byte, error) { return appendMessage(b, m) }); err != nil {
		l.Logf("message to %s dropped: %v", to, err)
	}
}

// Reply implements node.Env.
func (l *loop) Reply(id node.RequestID, m node.Message) {
	c, ok := l.clients[id]
	if !ok {
		return
	}
	delete(l.clients, id)
	delete(c.conn.requests, id)
	c.conn.send(func(b []byte) ([]byte, error) { return appendNumbered(b, reply, c.number, m) })
}

// After implements node.Env.
func (l *loop) After(d time.Duration, f func()) node.Timer {
	return l.timers.add(l.Now()+max(d, 0), f)
}

// Now implements node.Env.
func (l *loop) Now() time.Duration { return time.Since(l.start) }

// Wall implements node.Env. It is read from the system each time, not derived from the
// monotonic clock, so that a skew of this process's wall clock is seen.
func (l *loop) Wall() int64 { return time.Now().UnixNano() }

// Disk implements node.Env.
func (l *loop) Disk() node.Disk { return l.disk }

// Rand implements node.Env.
func (l *loop) Rand() *rand.Rand { return l.rng }

// Leading implements node.Env.
func (l *loop) Leading(term uint64, leads bool) {
	if term == l.state.Term && leads == l.state.Leads {
		return
	}
	l.state.Term, l.state.Leads = term, leads
	if leads {
		l.Logf("leads in term %d", term)
	} else {
		l.Logf("does not lead (term %d)", term)
	}
}

// Logf implements node.Env.
func (l *loop) Logf(format string, args ...any) { l.logLine(fmt.Sprintf(format, args...)) }

func (l *loop) logLine(text string) {
	fmt.Fprintf(l.log, "%s %s %s\n", time.Now().UTC().Format("2006-01-02T15:04:05.000000Z"), l.id, text)
}

// Fatalf implements node.Env. It does not return.
func (l *loop) Fatalf(format string, args ...any) { panic(died{fmt.Sprintf(format, args...)}) }
