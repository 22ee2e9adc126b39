package view

import (
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/wire"
)

// Which view follows the current one is decided by Paxos as in Lamport's "Paxos Made
// Simple" (2001): a proposer asks a majority to promise its ballot, takes over the view of
// the highest ballot that any of them has accepted, and asks them to accept that. All nodes
// are acceptors, whether they are members or not.

// register is what an acceptor remembers, and on its disk before it answers.
type register struct {
	current  View   // the last view that was decided
	promised uint64 // accept no ballot under this one; it grows from view to view
	accepted uint64 // the ballot in which value was accepted as the next view; 0: none
	value    View
}

// proposal is a proposer's attempt. A ballot belongs to one proposer and one attempt.
type proposal struct {
	ballot   uint64
	value    View
	asking   bool // for promises; later for acceptance
	from     []bool
	accepted uint64 // the highest ballot that the promises tell of
}

const viewFile = "view"

// load reads what the disk kept. A cluster begins in view 0, of which everybody is a
// member, nobody takes part, and nothing was done.
func (a *Agreement) load() bool {
	for _, id := range a.peers {
		a.register.current.Members = append(a.register.current.Members, Member{ID: id})
	}
	file, err := a.env.Disk().Read(viewFile)
	if err != nil {
		a.env.Fatalf("read the view: %v", err)
		return false
	}
	if len(file) == 0 {
		return true
	}
	payload, rest, ok := wire.Next(file)
	d := wire.NewDecoder(payload)
	r := register{current: takeMembers(&d), promised: d.Uint(), accepted: d.Uint(), value: takeView(&d)}
	if !ok || len(rest) > 0 || d.End() != nil {
		a.env.Fatalf("the file %s is damaged", viewFile)
		return false
	}
	a.register = r
	return true
}

// save writes the register and then goes on.
func (a *Agreement) save(done func()) {
	if a.cfg.Forgetful {
		done()
		return
	}
	r := &a.register
	b := wire.AppendUints(appendView(wire.Open(nil), &r.current), r.promised, r.accepted)
	b = wire.Seal(appendView(b, &r.value), 0)
	disk := a.env.Disk()
	check := func(err error) {
		if err != nil {
			a.env.Fatalf("write the view: %v", err)
		}
	}
	disk.Replace(viewFile, b, check)
	disk.Sync(viewFile, func(err error) {
		if check(err); err == nil {
			done()
		}
	})
}

// propose tries to have a view decided, in a ballot of its own.
func (a *Agreement) propose(value View) {
	r, n := &a.register, uint64(len(a.peers))
	round := max(r.promised, a.watch.outbid)/n + 1
	p := &proposal{ballot: round*n + uint64(a.self), value: value, asking: true, from: make([]bool, n)}
	a.watch.proposal, r.promised = p, p.ballot
	// Its own promise must outlive a crash before others hear of the ballot: a later life
	// would take the answers to this one for its own.
	a.save(func() {
		if a.watch.proposal != p || r.promised != p.ballot {
			return
		}
		a.toOthers(&Prepare{Current: r.current, Ballot: p.ballot})
		a.promised(a.env.ID(), &Promise{View: value.Number, Ballot: p.ballot, Accepted: r.accepted, Value: r.value})
	})
}

func (a *Agreement) toOthers(m node.Message) {
	for i, id := range a.peers {
		if i != a.self {
			a.env.Send(id, m)
		}
	}
}

// prepare is phase 1 at an acceptor.
func (a *Agreement) prepare(from node.ID, m *Prepare) {
	r := &a.register
	a.adopt(&m.Current)
	if m.Current.Number < r.current.Number {
		a.env.Send(from, &Decided{View: r.current})
		return
	}
	next := r.current.Number + 1
	if m.Ballot <= r.promised {
		a.env.Send(from, &Promise{View: next, Ballot: r.promised})
		return
	}
	r.promised = m.Ballot
	reply := &Promise{View: next, Ballot: m.Ballot, Accepted: r.accepted, Value: r.value}
	a.save(func() { a.env.Send(from, reply) })
}

// promised is phase 1 at the proposer.
func (a *Agreement) promised(from node.ID, m *Promise) {
	p := a.watch.proposal
	a.watch.outbid = max(a.watch.outbid, m.Ballot)
	if p == nil || m.View != p.value.Number {
		return
	}
	if m.Ballot > p.ballot {
		a.giveUp()
		return
	}
	if m.Ballot != p.ballot || !p.asking {
		return
	}
	if m.Accepted > p.accepted {
		p.accepted, p.value = m.Accepted, m.Value
	}
	if !a.majority(p, from) {
		return
	}
	r := &a.register
	p.asking, p.from = false, make([]bool, len(a.peers))
	a.toOthers(&Accept{Ballot: p.ballot, Value: p.value})
	if p.ballot < r.promised {
		return // it has promised another one meanwhile
	}
	r.accepted, r.value = p.ballot, p.value
	a.save(func() { a.accepted(a.env.ID(), &Accepted{View: p.value.Number, Ballot: p.ballot}) })
}

// majority counts an answer, and reports whether it makes a majority.
func (a *Agreement) majority(p *proposal, from node.ID) bool {
	i := a.peer(from)
	if i < 0 || p.from[i] {
		return false
	}
	before := most(p.from)
	p.from[i] = true
	return !before && most(p.from)
}

// accept is phase 2 at an acceptor.
func (a *Agreement) accept(from node.ID, m *Accept) {
	r := &a.register
	switch next := r.current.Number + 1; {
	case m.Value.Number < next:
		a.env.Send(from, &Decided{View: r.current})
		return
	case m.Value.Number > next:
		return // beats will tell it of the views between
	case m.Ballot < r.promised:
		a.env.Send(from, &Promise{View: next, Ballot: r.promised})
		return
	}
	r.promised, r.accepted, r.value = m.Ballot, m.Ballot, m.Value
	a.save(func() { a.env.Send(from, &Accepted{View: m.Value.Number, Ballot: m.Ballot}) })
}

// accepted is phase 2 at the proposer.
func (a *Agreement) accepted(from node.ID, m *Accepted) {
	p := a.watch.proposal
	if p == nil || p.asking || m.Ballot != p.ballot || m.View != p.value.Number || !a.majority(p, from) {
		return
	}
	a.toOthers(&Decided{View: p.value})
	a.adopt(&p.value)
}

// adopt leaves the current view for a later one. The node takes part in it once its disk
// says so: a later life must know that this one did.
func (a *Agreement) adopt(v *View) {
	r := &a.register
	if v.Number <= r.current.Number {
		return
	}
	r.current, r.accepted, r.value = *v, 0, View{}
	a.acting, a.watch.proposal, a.watch.amiss = false, nil, false
	a.save(func() {
		if r.current.Number == v.Number {
			a.acting, a.adopted = true, a.env.Now()
			a.env.Logf("view %s", v)
			a.watch.heard[a.self].beat = a.ownBeat()
			a.host.Adopted()
		}
	})
}
