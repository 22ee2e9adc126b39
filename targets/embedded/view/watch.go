package view

import (
	"slices"
	"time"

	"github.com/faultline-dev/faultline/harness/node"
)

// Each node tells all others that it is there and whom it hears. From that everybody sees
// what is wrong with the current view - two members that do not hear each other, a member
// that has forgotten its part, a node outside that could join - and one of the members that
// may, drafts the next: itself first, then all that hear it and each other.
//
// The earlier it stands in the current view, the earlier a member drafts, so that mostly
// one does. Should several, Paxos decides.

const (
	beatEvery = 50 * time.Millisecond
	// silentAfter is when a node that was not heard is thought to be gone.
	silentAfter = 220 * time.Millisecond
	// joinAfter is how long a view lasts at least before somebody joins it.
	joinAfter = 200 * time.Millisecond
	// turnAfter is for how long a member leaves a draft to those before it.
	turnAfter = 250 * time.Millisecond
	// proposalWithin is when a proposal is thought to be lost.
	proposalWithin = 200 * time.Millisecond
	// pauseUpTo bounds the random pause after it.
	pauseUpTo = 200 * time.Millisecond
)

// watch is what a node sees of the others.
type watch struct {
	awake    time.Duration // when this node began to listen: it was born, or stood still
	ticked   time.Duration
	heard    []sign // by place among all nodes; this node's own included
	amiss    bool   // something is wrong with the current view
	since    time.Duration
	proposal *proposal
	began    time.Duration // of the proposal
	notYet   time.Duration // draft nothing before
	outbid   uint64        // the highest ballot of others
}

type sign struct {
	ever bool
	at   time.Duration
	beat Beat
}

func (a *Agreement) startWatch() {
	now := a.env.Now()
	a.watch = watch{awake: now, ticked: now, heard: make([]sign, len(a.peers))}
	a.tick()
}

// tick sends the beat and looks at the view.
func (a *Agreement) tick() {
	a.env.After(beatEvery, a.tick)
	now, own := a.env.Now(), a.ownBeat()
	if now-a.watch.ticked >= 2*beatEvery {
		a.watch.awake = now // it was paused, and has heard nobody meanwhile
	}
	a.watch.ticked = now
	a.watch.heard[a.self] = sign{ever: true, at: now, beat: own}
	a.toOthers(&own)
	a.consider()
	a.askAgain()
}

func (a *Agreement) ownBeat() Beat {
	b := Beat{View: a.register.current.Number, Heard: make([]bool, len(a.peers)), Passive: !a.acting, Ready: a.lacksNothing()}
	for i := range b.Heard {
		b.Heard[i] = i == a.self || a.hears(i)
	}
	return b
}

// hears reports whether a node was heard lately.
func (a *Agreement) hears(i int) bool {
	s := &a.watch.heard[i]
	return s.ever && a.env.Now()-s.at < silentAfter
}

// beat notes a node's beat, and tells it of the current view if it does not know it.
func (a *Agreement) beat(from node.ID, m *Beat) {
	i := a.peer(from)
	if i < 0 || len(m.Heard) != len(a.peers) {
		return
	}
	a.watch.heard[i] = sign{ever: true, at: a.env.Now(), beat: *m}
	if m.View < a.register.current.Number {
		a.env.Send(from, &Decided{View: a.register.current})
	}
}

// linked reports whether two nodes hear each other, as far as this one knows.
func (a *Agreement) linked(i, j int) bool {
	return i >= 0 && j >= 0 && (i == j || a.heardBy(i, j) && a.heardBy(j, i))
}

func (a *Agreement) heardBy(i, j int) bool {
	if i == a.self {
		return a.hears(j)
	}
	return a.hears(i) && a.watch.heard[i].beat.Heard[j]
}

// consider drafts the next view if it is this node's turn.
func (a *Agreement) consider() {
	w, now := &a.watch, a.env.Now()
	if w.proposal != nil {
		if now-w.began >= proposalWithin {
			a.giveUp()
		}
		return
	}
	listened := now-w.awake >= silentAfter || a.linkedToAll(a.self, a.everyone())
	if !listened || !most(w.heard[a.self].beat.Heard) || !a.lacksNothing() || !a.isAmiss() {
		w.amiss = false
		return
	}
	if !w.amiss {
		w.amiss, w.since = true, now
	}
	if now < w.notYet || now-w.since < time.Duration(a.before())*turnAfter {
		return
	}
	w.began = now
	a.propose(a.draft())
}

// giveUp ends a proposal that came to nothing, for now.
func (a *Agreement) giveUp() {
	a.watch.proposal = nil
	a.watch.notYet = a.env.Now() + time.Duration(a.env.Rand().Int64N(int64(pauseUpTo)))
}

// isAmiss reports whether the current view should be followed by another one.
func (a *Agreement) isAmiss() bool {
	v := &a.register.current
	places := make([]int, len(v.Members))
	for i, m := range v.Members {
		places[i] = a.peer(m.ID)
	}
	for i, p := range places {
		if p < 0 {
			return true
		}
		if b := &a.watch.heard[p].beat; b.Passive && b.View == v.Number {
			return true
		}
		for _, q := range places[:i] {
			if !a.linked(p, q) {
				return true
			}
		}
		if !a.linked(a.self, p) {
			return true
		}
	}
	if len(v.Members) >= a.cfg.Size || a.env.Now()-a.adopted < joinAfter {
		return false
	}
	return slices.ContainsFunc(a.outsiders(), func(p int) bool { return a.linkedToAll(p, places) })
}

// everyone are the places of all nodes.
func (a *Agreement) everyone() []int {
	places := make([]int, len(a.peers))
	for i := range places {
		places[i] = i
	}
	return places
}

// outsiders are the nodes that are no members.
func (a *Agreement) outsiders() (places []int) {
	for i, id := range a.peers {
		if a.register.current.Place(id) < 0 {
			places = append(places, i)
		}
	}
	return places
}

func (a *Agreement) linkedToAll(p int, places []int) bool {
	return !slices.ContainsFunc(places, func(q int) bool { return !a.linked(p, q) })
}

// before counts the members ahead of this node that could draft as well as it can: they
// may be first, and hear a majority.
func (a *Agreement) before() int {
	n := 0
	for _, m := range a.register.current.Members {
		p := a.peer(m.ID)
		if p == a.self {
			break
		}
		if b := &a.watch.heard[p].beat; a.linked(a.self, p) && b.Ready && most(b.Heard) {
			n++
		}
	}
	return n
}

// most reports whether more than half are true.
func most(all []bool) bool {
	n := 0
	for _, is := range all {
		if is {
			n++
		}
	}
	return n > len(all)/2
}

// draft is the next view as this node would have it: itself first, then the members in
// their order and the outsiders, as far as they all hear each other and are needed.
func (a *Agreement) draft() View {
	current := &a.register.current
	next := View{Number: current.Number + 1}
	candidates := []int{a.self}
	for _, m := range current.Members {
		candidates = append(candidates, a.peer(m.ID))
	}
	var chosen []int
	for _, p := range append(candidates, a.outsiders()...) {
		if len(chosen) == a.cfg.Size || slices.Contains(chosen, p) || !a.linkedToAll(p, chosen) {
			continue
		}
		chosen = append(chosen, p)
		m := Member{ID: a.peers[p], Since: next.Number}
		if place := current.Place(m.ID); place >= 0 {
			m.Since = current.Members[place].Since
		}
		next.Members = append(next.Members, m)
	}
	return next
}
