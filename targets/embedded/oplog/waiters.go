package oplog

import (
	"time"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"github.com/faultline-dev/faultline/targets/embedded/route"
)

// Waiters are the changes that the first member of a view has taken up. Operations are
// committed in the order of their numbers, so who waits for them is a queue.
type Waiters struct {
	env      node.Env
	router   *route.Router
	gathered []route.Waiter // to be numbered together once the disk is free
	numbered []numbered
}

type numbered struct {
	route.Waiter
	number uint64
	since  time.Duration
}

// commitWithin is how long an operation may take to be committed before whoever waits for
// it is told that the outcome is open.
const commitWithin = 1200 * time.Millisecond

// Start begins a life of the node.
func (w *Waiters) Start(env node.Env, router *route.Router) {
	*w = Waiters{env: env, router: router}
}

// Gather takes up a change.
func (w *Waiters) Gather(x route.Waiter) { w.gathered = append(w.gathered, x) }

// Append numbers what was gathered; false if that is nothing.
func (w *Waiters) Append(l *Log) bool {
	if len(w.gathered) == 0 {
		return false
	}
	number, now := l.Last(), w.env.Now()
	requests := make([]kv.Request, len(w.gathered))
	for i, x := range w.gathered {
		number++
		requests[i] = x.Request
		w.numbered = append(w.numbered, numbered{x, number, now})
	}
	clear(w.gathered)
	w.gathered = w.gathered[:0]
	l.Append(requests...)
	return true
}

// Settle answers whoever waits for an operation that was committed.
func (w *Waiters) Settle(number uint64, reply *kv.Reply) {
	for len(w.numbered) > 0 && w.numbered[0].number <= number {
		n := w.numbered[0]
		w.numbered = w.numbered[1:]
		if n.number == number {
			w.router.Answer(n.Waiter, reply)
		}
	}
}

// Expire answers those that wait in vain. Their operations may yet be committed.
func (w *Waiters) Expire() {
	now := w.env.Now()
	for len(w.numbered) > 0 && now-w.numbered[0].since >= commitWithin {
		n := w.numbered[0]
		w.numbered = w.numbered[1:]
		w.router.Answer(n.Waiter, kv.Doubt("not all members of the view confirm it"))
	}
}

// Resign gives up what a node owes that does not lead any more.
func (w *Waiters) Resign() {
	numbered, gathered := w.numbered, w.gathered
	w.numbered, w.gathered = nil, nil
	for _, n := range numbered {
		w.router.Answer(n.Waiter, kv.Doubt("another node leads now"))
	}
	for _, x := range gathered {
		w.router.Answer(x, &kv.Reply{Status: kv.NotLeader})
	}
}
