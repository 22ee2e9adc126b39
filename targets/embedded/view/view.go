// Package view lets the nodes of a cluster agree on who replicates, one view after another.
//
// The one idea: a view is a numbered list of nodes, and which one has a number is decided by
// a majority of all nodes, each decision a run of Paxos of its own. So the service that says
// who is primary, or in which order a chain stands, is no single machine that a fault could
// confuse: it is Vertical Paxos (Lamport, Malkhi and Zhou, PODC 2009) with the replicas
// themselves as its master. Within a view a store needs all members and no majority, which
// is what lets the next view start from any one of them.
//
//	view 4: n1 n2 n3       n1 falls silent: n2 was a member and lacks nothing, so it drafts
//	   |                   view 5 with itself first and n4, a spare, at the end
//	   v                   a majority of n1 ... n5 accepts it
//	view 5: n2 n3 n4       n2 brings n4 up to date; only then view 5 does anything
//
// What makes that safe, and what a store that uses the package must hold to:
//
//   - An operation counts as done in a view only when every member has it on its disk.
//   - A node takes part in a view from when it adopted it until it hears of a later one, and
//     never in a view that it already knew when it started: whatever it did there before it
//     crashed, it may have forgotten.
//   - Only a member that lacks nothing may put itself first in the next view. A member lacks
//     nothing if its state was brought up to date in some view from which on it has been a
//     member of each (Member.Since): a view in which it was not brought up to date can have
//     done nothing without it.
//
// Then the first of a view always holds all that was done before, and an old view can do
// nothing more once the new one's first member has left it. Start with View, then
// Agreement; register.go holds Paxos, watch.go who drafts a view and when, reads.go how a
// member learns that its view is still the last.
package view

import (
	"fmt"
	"strings"
	"time"

	"github.com/faultline-dev/faultline/harness/node"
)

// View says who replicates, and in which order.
type View struct {
	Number  uint64
	Members []Member
}

// Member is a node in a view.
type Member struct {
	ID    node.ID
	Since uint64 // it has been a member of each view from this one on
}

// String is the view's number and its members in order.
func (v *View) String() string {
	names := make([]string, len(v.Members))
	for i, m := range v.Members {
		names[i] = string(m.ID)
	}
	return fmt.Sprintf("%d: %s", v.Number, strings.Join(names, " "))
}

// Place is where a node stands in the view; -1 if it is no member.
func (v *View) Place(id node.ID) int {
	for i, m := range v.Members {
		if m.ID == id {
			return i
		}
	}
	return -1
}

// First is the member that the view starts from.
func (v *View) First() node.ID { return v.Members[0].ID }

// Last is the member at the end.
func (v *View) Last() node.ID { return v.Members[len(v.Members)-1].ID }

// Host is the store that an agreement is part of.
type Host interface {
	// UpToDate is the view in which the state on this node's disk was last brought up to date.
	UpToDate() uint64
	// Adopted is called when this node has adopted the current view.
	Adopted()
	// Serve answers a read, of a member that was confirmed to be in the last view.
	Serve(w Waiter)
}

// Config is how a store uses the agreement.
type Config struct {
	Size int // members of a view, if so many are there
	// Planted bugs.

	Forgetful bool // what the node promised and accepted lives in memory only
	Anybody   bool // any node may put itself first, whether it is up to date or not
	NoConfirm bool // reads are answered without asking whether the view is still the last
}

// Agreement is one node's part in it.
type Agreement struct {
	env      node.Env
	host     Host
	cfg      Config
	peers    []node.ID
	self     int
	register register
	born     uint64 // the view that this life began with
	acting   bool   // the current view is on the disk, and not that one
	adopted  time.Duration
	watch    watch
	reads    reads
}

// Start begins a life of the node, with what the disk holds.
func (a *Agreement) Start(env node.Env, host Host, cfg Config) {
	*a = Agreement{env: env, host: host, cfg: cfg, peers: env.Peers()}
	for i, id := range a.peers {
		if id == env.ID() {
			a.self = i
		}
	}
	if a.load() {
		a.born, a.adopted = a.register.current.Number, env.Now()
		a.startWatch()
	}
}

// Current is the last view that this node has heard of.
func (a *Agreement) Current() *View { return &a.register.current }

// Born is the number of the view that this life began with.
func (a *Agreement) Born() uint64 { return a.born }

// Acting reports whether this node takes part in a view: it is the last one that it has
// heard of, and this life is the one that adopted it.
func (a *Agreement) Acting(number uint64) bool {
	return a.acting && a.register.current.Number == number && a.place() >= 0
}

// place is where this node stands in the current view.
func (a *Agreement) place() int { return a.register.current.Place(a.env.ID()) }

// lacksNothing reports whether this node may be first in the next view.
func (a *Agreement) lacksNothing() bool {
	if a.cfg.Anybody {
		return true
	}
	place := a.place()
	return place >= 0 && a.host.UpToDate() >= a.register.current.Members[place].Since
}

// Receive takes a message of another node's agreement; false if it is none.
func (a *Agreement) Receive(from node.ID, m node.Message) bool {
	switch m := m.(type) {
	case *Prepare:
		a.prepare(from, m)
	case *Promise:
		a.promised(from, m)
	case *Accept:
		a.accept(from, m)
	case *Accepted:
		a.accepted(from, m)
	case *Decided:
		a.adopt(&m.View)
	case *Beat:
		a.beat(from, m)
	case *Ask:
		if a.Acting(m.View) {
			a.env.Send(from, &Confirm{View: m.View, Round: m.Round})
		}
	case *Confirm:
		a.confirmed(from, m)
	default:
		return false
	}
	return true
}

// peer is a node's place among all nodes; -1 if it is none of them.
func (a *Agreement) peer(id node.ID) int {
	for i, p := range a.peers {
		if p == id {
			return i
		}
	}
	return -1
}
