package sharded

import (
	"fmt"
	"time"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"github.com/faultline-dev/faultline/targets/embedded/raft"
)

// server is a node: a member of the configuration group and of every other one, and what
// its clients talk to.
type server struct {
	cfg     Config
	env     node.Env
	members []*member // by group; the first is the configuration group's
	table   *table
	groups  []*holdings // by group; the first is nil
	asked   map[node.RequestID]*asked
	moving  moving
}

// asked is a client's request that has no answer yet.
type asked struct {
	request *kv.Request
	began   time.Duration
}

func newServer(cfg Config) *server { return &server{cfg: cfg} }

// Start implements node.Node.
func (n *server) Start(env node.Env) {
	n.env, n.asked = env, map[node.RequestID]*asked{}
	n.table = newTable(n.cfg.Groups, n.moveSoon)
	n.members, n.groups = nil, []*holdings{nil}
	n.startMoving()
	config := raft.Config{Reads: raft.ByIndex, LeaseClock: raft.Monotonic}
	n.join("config", raft.NewServer(config, n.table))
	for g := 1; g <= n.cfg.Groups; g++ {
		h := newHoldings(g, n.cfg.Groups, n.cfg.Bug, n.moveSoon)
		n.groups = append(n.groups, h)
		n.join(fmt.Sprintf("group%d", g), raft.NewServer(config, h))
	}
}

func (n *server) join(name string, s *raft.Server) {
	m := &member{Env: n.env, Server: s, n: n, group: len(n.members), name: name}
	n.members = append(n.members, m)
	s.Start(m)
}

// Receive implements node.Node.
func (n *server) Receive(from node.ID, m node.Message) {
	switch m := m.(type) {
	case *Grouped:
		if m.Group < len(n.members) {
			n.members[m.Group].Receive(from, m.M)
		}
	case *Transfer:
		n.transferred(from, m)
	case *Taken:
		n.taken(m)
	}
}

const (
	// askAgain is how long a request waits when its shard was not where the table said.
	askAgain = 10 * time.Millisecond
	// giveUp is how long a node looks for a shard.
	giveUp = 1500 * time.Millisecond
)

// Request implements node.Node.
func (n *server) Request(id node.RequestID, m node.Message) {
	r, ok := m.(*kv.Request)
	if !ok {
		n.env.Reply(id, kv.Refuse("not a request"))
		return
	}
	n.asked[id] = &asked{r, n.env.Now()}
	n.route(id, r)
}

// route hands a request to the group that shall have its shard.
func (n *server) route(id node.RequestID, r *kv.Request) {
	n.members[n.table.places[ShardOf(r.Key)].group].Request(id, r)
}

// answered takes a group's answer to a client. The shard may not be there, not yet or no
// more; the group has then done nothing, and it is looked for again.
func (n *server) answered(id node.RequestID, m node.Message) {
	a := n.asked[id]
	if reply, ok := m.(*kv.Reply); ok && a != nil && reply.Status == kv.NotHere {
		if n.env.Now()-a.began < giveUp {
			n.env.After(askAgain, func() { n.route(id, a.request) })
			return
		}
		m = kv.Refuse("the shard is on its way")
	}
	delete(n.asked, id)
	n.env.Reply(id, m)
}

// tellLeading reports whether this node leads any group.
func (n *server) tellLeading(term uint64) {
	leads := false
	for _, m := range n.members {
		if m.leads && (!leads || m.term > term) {
			leads, term = true, m.term
		}
	}
	n.env.Leading(term, leads)
}
