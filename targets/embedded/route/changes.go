package route

import (
	"time"

	"github.com/faultline-dev/faultline/targets/embedded/kv"
)

// changes are those that a leader has taken up. A store carries them out in the order of
// their numbers, be these places in a log or slots, so that who waits for them is a queue.
type changes struct {
	gathered []Waiter // to be numbered together, once the disk is free
	numbered []numbered
}

type numbered struct {
	Waiter
	number uint64
	since  time.Duration
}

// Gather takes up a change that has no number yet.
func (r *Router) Gather(w Waiter) { r.changes.gathered = append(r.changes.gathered, w) }

// Gathered hands out, once, what was gathered.
func (r *Router) Gathered() []Waiter {
	g := r.changes.gathered
	r.changes.gathered = nil
	return g
}

// Owe notes that a change was given a number, larger than those before.
func (r *Router) Owe(w Waiter, number uint64) {
	r.changes.numbered = append(r.changes.numbered, numbered{w, number, r.env.Now()})
}

// Settle answers whoever waits for a number that was carried out.
func (r *Router) Settle(number uint64, reply *kv.Reply) { r.SettleAt(number, reply, 0) }

// SettleAt is Settle for what stands at an index of the log, as AnswerAt is Answer.
func (r *Router) SettleAt(number uint64, reply *kv.Reply, index uint64) {
	c := &r.changes
	for len(c.numbered) > 0 && c.numbered[0].number <= number {
		n := c.numbered[0]
		c.numbered = c.numbered[1:]
		if n.number == number {
			r.AnswerAt(n.Waiter, reply, index)
		}
	}
}

// Overdue answers those that have waited for too long. What they want may yet be carried out.
func (r *Router) Overdue(within time.Duration, reason string) {
	c, now := &r.changes, r.env.Now()
	for len(c.numbered) > 0 && now-c.numbered[0].since >= within {
		n := c.numbered[0]
		c.numbered = c.numbered[1:]
		r.Answer(n.Waiter, kv.Doubt(reason))
	}
}

// Resign gives up what a node owes that does not lead any more: what has a number may yet be
// carried out, the rest will not.
func (r *Router) Resign() {
	c := r.changes
	r.changes = changes{}
	for _, n := range c.numbered {
		r.Answer(n.Waiter, kv.Doubt("the leader stepped down"))
	}
	r.NotLeader(c.gathered)
}

// NotLeader sends those back who certainly got nothing.
func (r *Router) NotLeader(waiters []Waiter) {
	for _, w := range waiters {
		r.Answer(w, &kv.Reply{Status: kv.NotLeader})
	}
}
