package sharded

import (
	"time"

	"github.com/faultline-dev/faultline/harness/node"
)

// What has to be proposed next follows from what this node has applied, so that any leader
// can go on where another one stopped. Everybody looks at every change and now and then, and
// whoever leads a group does what is its part; what got lost is done again.

const (
	// lookEvery is how often the shards are looked after without a reason.
	lookEvery = 100 * time.Millisecond
	// tryAgain is when something is thought to be lost.
	tryAgain = 200 * time.Millisecond
)

// moving is what a node remembers of its part in moves.
type moving struct {
	soon  bool // it is about to look
	due   time.Duration
	tried [MaxGroups + 1][Shards]attempt
	owed  [MaxGroups + 1][Shards]debt
}

// debt is the thanks for a shard that is to be installed: to whom, and of which version.
type debt struct {
	to    node.ID
	taken *Taken
}

// attempt is what was last done for a shard, as the leader of a group.
type attempt struct {
	state   state
	version uint64
	last    time.Duration
}

func (n *server) startMoving() {
	n.moving = moving{due: n.env.Now() + n.pause()}
	n.lookLater()
}

func (n *server) lookLater() {
	n.env.After(lookEvery, func() {
		n.look()
		n.lookLater()
	})
}

// moveSoon looks after the shards once the present event is over.
func (n *server) moveSoon() {
	if n.moving.soon {
		return
	}
	n.moving.soon = true
	n.env.After(0, func() {
		n.moving.soon = false
		n.look()
	})
}

// look does what this node owes as a leader.
func (n *server) look() {
	n.rebalance()
	for g := 1; g < len(n.members); g++ {
		if !n.members[g].leads {
			continue
		}
		for s := range n.groups[g].shards {
			n.thank(g, s)
			n.push(g, s)
		}
	}
}

// pause is the time to the next move.
func (n *server) pause() time.Duration {
	if n.cfg.MoveEvery < 0 {
		return time.Duration(1<<63 - 1)
	}
	return n.cfg.MoveEvery/2 + time.Duration(n.env.Rand().Int64N(int64(n.cfg.MoveEvery)))
}

// rebalance has the leader of the configuration group order a move when it is time for one.
// It moves shards at random: a real one would look at their load.
func (n *server) rebalance() {
	if !n.members[0].leads || n.cfg.MoveEvery < 0 || n.env.Now() < n.moving.due {
		return
	}
	n.moving.due = n.env.Now() + n.pause()
	s := n.env.Rand().IntN(Shards)
	to := 1 + n.env.Rand().IntN(n.cfg.Groups-1)
	if to >= n.table.places[s].group {
		to++
	}
	n.assign(s, to)
}

func (n *server) assign(shard, to int) {
	c := command{kind: assign, shard: shard, version: n.table.version + 1, group: to}
	n.members[0].Propose(c.encode())
}

// push brings a shard that its group has, and should not, one step further.
func (n *server) push(group, shard int) {
	h, p, now := &n.groups[group].shards[shard], n.table.places[shard], n.env.Now()
	goes := h.state == served && p.version > h.version && p.group != group
	if !goes && (h.state != frozen || h.to == 0) {
		return
	}
	version := h.version
	if goes {
		version = p.version
	}
	a := &n.moving.tried[group][shard]
	if a.state != h.state || a.version != version {
		*a = attempt{state: h.state, version: version}
	} else if now-a.last < tryAgain {
		return
	}
	a.last = now
	switch {
	case goes && n.cfg.Bug == CopyThenFreeze:
		n.transfer(&Transfer{Shard: shard, Version: version, From: group, To: p.group, Data: h.data.Snapshot()})
	case goes:
		c := command{kind: freeze, shard: shard, version: version, group: p.group}
		n.members[group].Propose(c.encode())
	default:
		n.transfer(&Transfer{Shard: shard, Version: version, From: group, To: h.to, Data: h.data.Snapshot()})
	}
}

// transfer sends a shard to the leader of the group that it goes to, if one is known.
func (n *server) transfer(m *Transfer) {
	switch leader, _ := n.members[m.To].Leader(nil); leader {
	case "":
	case n.env.ID():
		n.transferred(leader, m)
	default:
		n.env.Send(leader, m)
	}
}

// transferred takes a shard that another group's leader sends, or says that it is taken.
func (n *server) transferred(from node.ID, m *Transfer) {
	if m.To < 1 || m.To >= len(n.members) || !n.members[m.To].leads {
		return
	}
	h := &n.groups[m.To].shards[m.Shard]
	if h.version < m.Version || n.cfg.Bug == InstallTwice && h.version == m.Version {
		c := command{kind: install, shard: m.Shard, version: m.Version, data: m.Data}
		n.members[m.To].Propose(c.encode())
	}
	n.moving.owed[m.To][m.Shard] = debt{from, &Taken{Shard: m.Shard, Version: m.Version, From: m.From}}
	n.thank(m.To, m.Shard)
}

// thank tells whoever sent a shard, once the group has it.
func (n *server) thank(group, shard int) {
	d := &n.moving.owed[group][shard]
	if d.taken == nil || n.groups[group].shards[shard].version < d.taken.Version {
		return
	}
	m := d.taken
	d.taken = nil
	if d.to == n.env.ID() {
		n.taken(m)
		return
	}
	n.env.Send(d.to, m)
}

// taken lets a group forget a shard that another one has.
func (n *server) taken(m *Taken) {
	if m.From < 1 || m.From >= len(n.members) {
		return
	}
	if n.cfg.Bug == CopyThenFreeze {
		c := command{kind: freeze, shard: m.Shard, version: m.Version}
		n.members[m.From].Propose(c.encode())
	}
	c := command{kind: forget, shard: m.Shard, version: m.Version}
	n.members[m.From].Propose(c.encode())
}
