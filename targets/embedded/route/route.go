// Package route brings clients' requests to whoever leads.
//
// The one idea: a client talks to one node, which hands what it cannot do itself to the
// leader, and tries a call again only if it certainly did nothing: a read, or a change that
// the other node says it did not take up. Everything else that gets lost ends as uncertain.
// So a store needs no table of clients to carry out each request at most once. Start with
// Host, which a store implements, then Router; changes.go is for who leads.
package route

import (
	"time"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
)

const (
	// giveUpAfter is how long a node tries on behalf of a client.
	giveUpAfter = 1500 * time.Millisecond
	// readAgainAfter is when a read that was forwarded is thought to be lost.
	readAgainAfter = 200 * time.Millisecond
)

// Host is the store that a router is part of.
type Host interface {
	// Leader is who takes a request, as far as this node knows, and since which term; ""
	// if nobody is known. Terms only grow, and within one there is one leader.
	Leader(r *kv.Request) (leader node.ID, term uint64)
	// Accept takes up a request on this node, which leads. Its reply goes out by
	// Router.Answer, once. The reply NotLeader promises that nothing was or will be done.
	Accept(w Waiter)
}

// Waiter is what the leader owes an answer: a call of its own, or another node's.
type Waiter struct {
	Request kv.Request
	since   time.Duration
	own     *call
	from    node.ID
	session uint64
	number  uint64
}

// call is a client's request at the node that it was sent to.
type call struct {
	id      node.RequestID
	request kv.Request
	began   time.Duration
	sent    time.Duration
	number  uint64 // as a forwarded call; 0: it is not one
	parked  bool
	done    bool
}

// Router is the part of a node that its clients talk to.
type Router struct {
	// HoldBack is set where clients read the copy of the node that they talk to: an answer
	// that stands at some place of the leader's log waits until this node has applied that
	// much, so that whoever has got it finds it there.
	HoldBack bool
	// RetryChanges is a bug to plant: a change whose answer does not come is sent again.
	RetryChanges bool

	env     node.Env
	host    Host
	session uint64 // names this life to other nodes
	number  uint64 // of the last forwarded call
	born    uint64
	calls   map[uint64]*call
	open    []*call // all, the oldest first; some are done
	parked  []*call // wait for a leader
	seen    map[uint64]*window
	applied uint64
	held    []held
	changes changes
}

// held is an answer that waits until the node has applied its request, too.
type held struct {
	call  *call
	mark  uint64
	reply kv.Reply
}

// Start makes the router ready for one life of a node, which began in a term that it may
// have led in before it crashed: calls of that term could be copies of what that earlier
// life took up, and are not taken.
func (r *Router) Start(env node.Env, host Host, born uint64) {
	*r = Router{
		env: env, host: host, session: env.Rand().Uint64(), born: born,
		calls: map[uint64]*call{}, seen: map[uint64]*window{},
	}
}

// Begin takes a client's request.
func (r *Router) Begin(id node.RequestID, request *kv.Request) {
	c := &call{id: id, request: *request, began: r.env.Now()}
	if c.request.Op == kv.OpAcquire {
		c.request.Expect = r.env.Wall()
	}
	r.open = append(r.open, c)
	r.dispatch(c)
}

// dispatch brings a call to the leader.
func (r *Router) dispatch(c *call) {
	if c.number != 0 {
		delete(r.calls, c.number)
		c.number = 0
	}
	switch leader, term := r.host.Leader(&c.request); leader {
	case r.env.ID():
		r.host.Accept(Waiter{Request: c.request, since: r.env.Now(), own: c})
	case "":
		c.parked = true
		r.parked = append(r.parked, c)
	default:
		r.number++
		c.number, c.sent = r.number, r.env.Now()
		r.calls[c.number] = c
		r.env.Send(leader, &Forward{Term: term, Session: r.session, Call: c.number, Request: c.request})
	}
}

// Redirect brings the parked calls to leaders that are now known. A store calls it when it
// has learnt who leads.
func (r *Router) Redirect() {
	parked := r.parked
	r.parked = nil
	for _, c := range parked {
		if c.parked = false; !c.done {
			r.dispatch(c)
		}
	}
}

// complete answers the client, or keeps trying.
func (r *Router) complete(c *call, reply *kv.Reply) {
	switch {
	case c.done:
	case reply.Status == kv.NotLeader:
		c.parked, c.number = true, 0
		r.parked = append(r.parked, c)
	default:
		c.done = true
		if c.number != 0 {
			delete(r.calls, c.number)
		}
		r.env.Reply(c.id, reply)
	}
}

// Expire gives up what took too long and looks after the rest. A store calls it at every
// tick, several times a second.
func (r *Router) Expire() {
	now, gone := r.env.Now(), 0
	for ; gone < len(r.open); gone++ {
		c := r.open[gone]
		if !c.done && now-c.began < giveUpAfter {
			break
		}
		switch {
		case c.done:
		case c.parked:
			r.complete(c, kv.Refuse("no leader is known"))
		case c.request.Op.Reads():
			r.complete(c, kv.Refuse("the leader did not answer"))
		default:
			r.complete(c, kv.Doubt("the leader did not answer"))
		}
		r.open[gone] = nil
	}
	r.open = r.open[gone:]
	for _, c := range r.open {
		if !c.done && c.number != 0 && (c.request.Op.Reads() || r.RetryChanges) && now-c.sent >= readAgainAfter {
			r.dispatch(c)
		}
	}
	r.Redirect()
}

// Receive takes a message of another node's router.
func (r *Router) Receive(from node.ID, m node.Message) {
	switch m := m.(type) {
	case *Forward:
		r.forwarded(from, m)
	case *Answer:
		if c := r.calls[m.Call]; c != nil && m.Session == r.session {
			delete(r.calls, m.Call)
			if r.HoldBack && m.Mark > r.applied {
				r.held = append(r.held, held{c, m.Mark, m.Reply})
				return
			}
			r.complete(c, &m.Reply)
		}
	}
}

// forwarded takes another node's call. The answer NotLeader promises that no copy of the
// message was or will be carried out. So this life must have begun before the term did:
// an earlier one may have led in that term and have taken up a copy.
func (r *Router) forwarded(from node.ID, m *Forward) {
	if m.Term <= r.born || !r.fresh(m.Session, m.Call) {
		return
	}
	w := Waiter{Request: m.Request, since: r.env.Now(), from: from, session: m.Session, number: m.Call}
	if leader, term := r.host.Leader(&m.Request); leader != r.env.ID() || term != m.Term {
		r.Answer(w, &kv.Reply{Status: kv.NotLeader})
		return
	}
	r.host.Accept(w)
}

// Applied notes how much of the log this node has applied, and lets go what waited for it.
func (r *Router) Applied(index uint64) {
	if r.applied = index; len(r.held) == 0 {
		return
	}
	waiting := r.held[:0]
	for _, h := range r.held {
		if h.mark > index {
			waiting = append(waiting, h)
			continue
		}
		r.complete(h.call, &h.reply)
	}
	clear(r.held[len(waiting):])
	r.held = waiting
}

// Answer answers whoever waits.
func (r *Router) Answer(w Waiter, reply *kv.Reply) { r.AnswerAt(w, reply, 0) }

// AnswerAt answers whoever waits for what stands at an index of the log, which this node
// has applied.
func (r *Router) AnswerAt(w Waiter, reply *kv.Reply, index uint64) {
	if w.own != nil {
		r.complete(w.own, reply)
		return
	}
	r.env.Send(w.from, &Answer{Session: w.session, Call: w.number, Mark: index, Reply: *reply})
}

// GiveUp answers those of a list of reads, the oldest first, that nobody waits for any more,
// and returns the others.
func (r *Router) GiveUp(reads []Waiter) []Waiter {
	gone := 0
	for ; gone < len(reads) && r.env.Now()-reads[gone].since >= giveUpAfter; gone++ {
		r.Answer(reads[gone], kv.Refuse("the leader cannot confirm that it still leads"))
	}
	return reads[gone:]
}

// fresh reports whether a call was not seen before, and notes it.
func (r *Router) fresh(session, number uint64) bool {
	w := r.seen[session]
	if w == nil {
		w = &window{}
		r.seen[session] = w
	}
	return w.add(number)
}
