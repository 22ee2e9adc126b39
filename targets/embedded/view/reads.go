package view

import (
	"time"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/route"
)

// Waiter is who waits for a read.
type Waiter = route.Waiter

// A member that answers reads from its own state must know that no later view has done
// anything meanwhile. The first of a later view was a member of this one, or got its state
// from one that was. So it is enough that each member says, after the read arrived, that it
// has not heard of a later view. All reads that arrived before a round began share it;
// whoever arrives during a round waits for the next.

// askAgainAfter is when an answer is thought to be lost.
const askAgainAfter = 100 * time.Millisecond

// reads are those that wait at this node, in one view.
type reads struct {
	view    uint64
	next    []Waiter
	current []Waiter // wait for the round under way
	asking  bool
	round   uint64
	began   time.Duration
	from    []bool // by place in the view
}

// Read answers a read by Host.Serve once the current view is confirmed.
func (a *Agreement) Read(w Waiter) {
	if a.cfg.NoConfirm {
		a.host.Serve(w)
		return
	}
	a.reads.next = append(a.reads.next, w)
	a.beginRound()
}

// Dismiss tells all that wait for a read that this node does not lead any more.
func (a *Agreement) Dismiss(router *route.Router) {
	r := a.reads
	a.reads = reads{round: r.round}
	router.NotLeader(r.current)
	router.NotLeader(r.next)
}

// GiveUp answers the reads that have waited for so long that nobody waits for them any more:
// a node that is cut off gets no confirmation.
func (a *Agreement) GiveUp(router *route.Router) {
	r := &a.reads
	r.current, r.next = router.GiveUp(r.current), router.GiveUp(r.next)
}

func (a *Agreement) beginRound() {
	r, v := &a.reads, &a.register.current
	if r.asking || len(r.next) == 0 || !a.Acting(v.Number) {
		return
	}
	r.round++
	r.view = v.Number
	r.asking, r.began, r.from = true, a.env.Now(), make([]bool, len(v.Members))
	r.current, r.next = r.next, r.current[:0]
	a.ask()
	a.confirmed(a.env.ID(), &Confirm{View: r.view, Round: r.round})
}

// ask asks those that have not answered.
func (a *Agreement) ask() {
	r := &a.reads
	for i, m := range a.register.current.Members {
		if !r.from[i] && m.ID != a.env.ID() {
			a.env.Send(m.ID, &Ask{View: r.view, Round: r.round})
		}
	}
}

func (a *Agreement) askAgain() {
	if r := &a.reads; r.asking && a.Acting(r.view) && a.env.Now()-r.began >= askAgainAfter {
		r.began = a.env.Now()
		a.ask()
	}
}

// confirmed counts an answer. The last one ends the round.
func (a *Agreement) confirmed(from node.ID, m *Confirm) {
	r, place := &a.reads, a.register.current.Place(from)
	if !r.asking || m.View != r.view || m.Round != r.round || !a.Acting(r.view) || place < 0 {
		return
	}
	r.from[place] = true
	for _, has := range r.from {
		if !has {
			return
		}
	}
	r.asking = false
	served := r.current
	r.current = nil
	for _, w := range served {
		a.host.Serve(w)
	}
	a.beginRound()
}
