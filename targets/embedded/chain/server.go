package chain

import (
	"time"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"github.com/faultline-dev/faultline/targets/embedded/oplog"
	"github.com/faultline-dev/faultline/targets/embedded/route"
	"github.com/faultline-dev/faultline/targets/embedded/view"
)

// server is a node.
type server struct {
	cfg    Config
	env    node.Env
	views  view.Agreement
	log    oplog.Log
	router route.Router
	early  []route.Waiter // reads at a tail that has not its whole history yet
	led    bool           // it was the head of the last chain that it adopted
	next   successor
}

// Start implements node.Node.
func (s *server) Start(env node.Env) {
	s.env = env
	if err := s.log.Load(env, s.cfg.CompactAt, s.synced); err != nil {
		env.Fatalf("%v", err)
		return
	}
	s.views.Start(env, s, view.Config{Size: s.cfg.Replicas, NoConfirm: s.cfg.Bug == OldTailReads})
	s.router.Start(env, s, s.views.Born())
	s.tickLater()
}

// tickEvery is how often a node looks what is overdue.
const tickEvery = 60 * time.Millisecond

func (s *server) tickLater() { s.env.After(tickEvery, s.tick) }

func (s *server) tick() {
	s.tickLater()
	s.join()
	s.resend()
	s.acknowledge()
	s.router.Overdue(oplog.CommitWithin, "not all members of the view confirm it")
	s.views.GiveUp(&s.router)
	s.early = s.router.GiveUp(s.early)
	s.router.Expire()
}

// neighbour is the member that stands so many places further down the chain in which this
// node takes part; "" if there is none.
func (s *server) neighbour(places int) node.ID {
	v := s.views.Current()
	if !s.views.Acting(v.Number) {
		return ""
	}
	if i := v.Place(s.env.ID()) + places; i >= 0 && i < len(v.Members) {
		return v.Members[i].ID
	}
	return ""
}

// isHead and isTail report whether this node stands at an end of the chain.
func (s *server) isHead() bool { return s.neighbour(0) != "" && s.neighbour(-1) == "" }
func (s *server) isTail() bool { return s.neighbour(0) != "" && s.neighbour(1) == "" }

// joined reports whether this node has the history that the current chain began with, and
// has it on its disk.
func (s *server) joined() bool { return s.log.UpToDate() == s.views.Current().Number }

// UpToDate implements view.Host.
func (s *server) UpToDate() uint64 { return s.log.UpToDate() }

// Adopted implements view.Host. The head lacks nothing; every other member asks its
// predecessor for its history.
func (s *server) Adopted() {
	v := s.views.Current()
	led := s.led
	s.led, s.next = s.isHead(), successor{id: s.neighbour(1)}
	s.dismissReads()
	if s.led {
		s.log.Begin(v.Number)
	} else {
		s.router.Resign()
	}
	if s.led || led {
		s.env.Leading(v.Number, s.led)
	}
	s.join()
	s.router.Redirect()
}

// Receive implements node.Node.
func (s *server) Receive(from node.ID, m node.Message) {
	if s.views.Receive(from, m) {
		return
	}
	switch m := m.(type) {
	case *Update:
		if s.views.Acting(m.View) && from == s.neighbour(-1) {
			s.update(m)
		}
	case *Ack:
		if s.views.Acting(m.View) && from == s.next.id {
			s.ack(m)
		}
	case *Reply:
		if s.views.Acting(m.View) && s.isHead() {
			s.commit(m.Number)
		}
	case *Join:
		if s.views.Acting(m.View) && from == s.next.id {
			s.sendHistory(m)
		}
	case *History:
		if s.views.Acting(m.View) && from == s.neighbour(-1) {
			s.takeHistory(m)
		}
	default:
		s.router.Receive(from, m)
	}
}

// Request implements node.Node.
func (s *server) Request(id node.RequestID, m node.Message) {
	r, ok := m.(*kv.Request)
	if !ok {
		s.env.Reply(id, kv.Refuse("not a request"))
		return
	}
	s.router.Begin(id, r)
}

// Leader implements route.Host: the tail for reads, the head for all else.
func (s *server) Leader(r *kv.Request) (node.ID, uint64) {
	v := s.views.Current()
	end := v.First()
	if r.Op.Reads() {
		end = v.Last()
	}
	if end == s.env.ID() && !s.views.Acting(v.Number) {
		return "", v.Number
	}
	return end, v.Number
}

// Accept implements route.Host.
func (s *server) Accept(w route.Waiter) {
	switch {
	case !w.Request.Op.Reads():
		s.router.Gather(w)
		s.propose()
	case s.joined():
		s.views.Read(w)
	default:
		s.early = append(s.early, w)
	}
}

// propose numbers, at the head, the changes that came in while the disk was at work.
func (s *server) propose() {
	if !s.log.Syncing() {
		s.log.AppendGathered(&s.router)
	}
}

// Serve implements view.Host.
func (s *server) Serve(w route.Waiter) {
	reply := s.log.Machine.Read(&w.Request)
	s.router.Answer(w, &reply)
}

// dismissReads sends those back that wait for a read: another node may be the tail now.
func (s *server) dismissReads() {
	s.views.Dismiss(&s.router)
	s.router.NotLeader(s.early)
	s.early = nil
}
