package raft

import (
	"time"

	"go.etcd.io/raft/v3"

	"github.com/faultline-dev/faultline/harness/node"
)

// A client talks to one node, which hands what it cannot do itself to the leader. A call
// is tried again only if it certainly did nothing: a read, or a change that the other node
// says it did not take up. Everything else that gets lost ends as uncertain.

const (
	// giveUpAfter is how long a node tries on behalf of a client.
	giveUpAfter = 1500 * time.Millisecond
	// readAgainAfter is when a read that was forwarded is thought to be lost.
	readAgainAfter = 200 * time.Millisecond
)

// router is the part of a node that its clients talk to.
type router struct {
	session uint64 // names this life to other nodes
	number  uint64 // of the last forwarded call
	born    uint64 // the term in which this life began
	calls   map[uint64]*call
	open    []*call // all, the oldest first; some are done
	parked  []*call // wait for a leader
	seen    map[uint64]*window
}

// call is a client's request at the node that it was sent to.
type call struct {
	id      node.RequestID
	request Request
	began   time.Duration
	sent    time.Duration
	number  uint64 // as a forwarded call; 0: it is not one
	parked  bool
	done    bool
}

// waiter is what the leader owes an answer: a call of its own, or another node's.
type waiter struct {
	own     *call
	request Request
	from    node.ID
	session uint64
	number  uint64
}

func (r *router) start(s *server) {
	r.session, r.born = s.env.Rand().Uint64(), s.term
	r.calls, r.seen = map[uint64]*call{}, map[uint64]*window{}
}

// begin takes a client's request.
func (s *server) begin(id node.RequestID, r *Request) {
	if s.cfg.Reads == Locally && r.Op.reads() {
		reply := s.machine.read(r)
		s.env.Reply(id, &reply)
		return
	}
	c := &call{id: id, request: *r, began: s.env.Now()}
	s.router.open = append(s.router.open, c)
	s.dispatch(c)
}

// dispatch brings a call to the leader.
func (s *server) dispatch(c *call) {
	r := &s.router
	if c.number != 0 {
		delete(r.calls, c.number)
		c.number = 0
	}
	switch {
	case s.leading:
		s.accept(waiter{own: c, request: c.request})
	case s.lead == raft.None || s.lead == s.self:
		c.parked = true
		r.parked = append(r.parked, c)
	default:
		r.number++
		c.number, c.sent = r.number, s.env.Now()
		r.calls[c.number] = c
		s.env.Send(s.peers[s.lead-1], &Forward{Term: s.term, Session: r.session, Call: c.number, Request: c.request})
	}
}

// redirect brings the parked calls to the leader that is now known.
func (s *server) redirect() {
	parked := s.router.parked
	s.router.parked = nil
	for _, c := range parked {
		if c.parked = false; !c.done {
			s.dispatch(c)
		}
	}
}

// complete answers the client, or keeps trying.
func (s *server) complete(c *call, reply *Reply) {
	switch {
	case c.done:
	case reply.Status == NotLeader:
		c.parked, c.number = true, 0
		s.router.parked = append(s.router.parked, c)
	default:
		c.done = true
		if c.number != 0 {
			delete(s.router.calls, c.number)
		}
		s.env.Reply(c.id, reply)
	}
}

// expireCalls gives up what took too long and looks after the rest.
func (s *server) expireCalls() {
	r, now := &s.router, s.env.Now()
	gone := 0
	for ; gone < len(r.open); gone++ {
		c := r.open[gone]
		if !c.done && now-c.began < giveUpAfter {
			break
		}
		switch {
		case c.done:
		case c.parked:
			s.complete(c, &Reply{Status: Refused, Reason: "no leader is known"})
		case c.request.Op.reads():
			s.complete(c, &Reply{Status: Refused, Reason: "the leader did not answer"})
		default:
			s.complete(c, &Reply{Status: Uncertain, Reason: "the leader did not answer"})
		}
		r.open[gone] = nil
	}
	r.open = r.open[gone:]
	for _, c := range r.open {
		if !c.done && c.number != 0 && c.request.Op.reads() && now-c.sent >= readAgainAfter {
			s.dispatch(c)
		}
	}
	if s.leading || s.lead != raft.None {
		s.redirect()
	}
}

// answered takes the leader's word on a forwarded call.
func (s *server) answered(m *Answer) {
	if c := s.router.calls[m.Call]; c != nil && m.Session == s.router.session {
		delete(s.router.calls, m.Call)
		s.complete(c, &m.Reply)
	}
}

// forwarded takes another node's call. The answer NotLeader promises that no copy of the
// message was or will be carried out. So this life must have begun before the term did:
// an earlier one may have led in that term and have taken up a copy.
func (s *server) forwarded(from node.ID, m *Forward) {
	if m.Term <= s.router.born || !s.router.fresh(m.Session, m.Call) {
		return
	}
	w := waiter{request: m.Request, from: from, session: m.Session, number: m.Call}
	if !s.leading || m.Term != s.term {
		s.answer(w, &Reply{Status: NotLeader})
		return
	}
	s.accept(w)
}

func (s *server) answer(w waiter, reply *Reply) {
	if w.own != nil {
		s.complete(w.own, reply)
		return
	}
	s.env.Send(w.from, &Answer{Session: w.session, Call: w.number, Reply: *reply})
}

// fresh reports whether a call was not seen before, and notes it.
func (r *router) fresh(session, number uint64) bool {
	w := r.seen[session]
	if w == nil {
		w = &window{}
		r.seen[session] = w
	}
	return w.add(number)
}

// window remembers which of a session's latest calls were seen. What is older than all of
// them counts as seen: it is then lost, as any message may be.
type window struct {
	high uint64
	bits [windowSize / 64]uint64
}

const windowSize = 1024

func (w *window) add(n uint64) bool {
	if n > w.high {
		if n-w.high >= windowSize {
			clear(w.bits[:])
		} else {
			for i := w.high + 1; i < n; i++ {
				w.bits[i/64%uint64(len(w.bits))] &^= 1 << (i % 64)
			}
		}
		w.high = n
	} else if w.high-n >= windowSize || w.bits[n/64%uint64(len(w.bits))]&(1<<(n%64)) != 0 {
		return false
	}
	w.bits[n/64%uint64(len(w.bits))] |= 1 << (n % 64)
	return true
}
