package backup

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
	cfg     Config
	env     node.Env
	views   view.Agreement
	log     oplog.Log
	router  route.Router
	primary primary
	led     bool // it was the primary of the last view that it adopted
}

// Start implements node.Node.
func (s *server) Start(env node.Env) {
	s.env = env
	if err := s.log.Load(env, s.cfg.CompactAt, s.synced); err != nil {
		env.Fatalf("%v", err)
		return
	}
	s.views.Start(env, s, view.Config{
		Size:      s.cfg.Replicas,
		Forgetful: s.cfg.Bug == ViewNotPersisted,
		Anybody:   s.cfg.Bug == StaleBackup,
		NoConfirm: s.cfg.Bug == DeposedReads,
	})
	s.router.Start(env, s, s.views.Born())
	s.tickLater()
}

// tickEvery is how often a node looks what is overdue.
const tickEvery = 60 * time.Millisecond

func (s *server) tickLater() { s.env.After(tickEvery, s.tick) }

func (s *server) tick() {
	s.tickLater()
	if s.leads() {
		s.resend()
		s.router.Overdue(oplog.CommitWithin, "not all members of the view confirm it")
	} else {
		s.getState()
		s.confirm()
	}
	s.views.GiveUp(&s.router)
	s.primary.early = s.router.GiveUp(s.primary.early)
	s.router.Expire()
}

// leads reports whether this node is the primary of the current view.
func (s *server) leads() bool {
	return s.follows(s.env.ID()) && s.views.Current().First() == s.env.ID()
}

// follows reports whether this node takes part in the current view and a node is its
// primary.
func (s *server) follows(primary node.ID) bool {
	v := s.views.Current()
	return s.views.Acting(v.Number) && v.First() == primary
}

// UpToDate implements view.Host.
func (s *server) UpToDate() uint64 { return s.log.UpToDate() }

// Adopted implements view.Host.
func (s *server) Adopted() {
	v := s.views.Current()
	led := s.led
	s.led = s.leads()
	s.dismissReads()
	switch {
	case s.led:
		s.takeOver(v, !led)
	case led:
		s.router.Resign()
		s.primary = primary{}
	}
	if s.led || led {
		s.env.Leading(v.Number, s.led)
	}
	s.getState()
	s.router.Redirect()
}

// Receive implements node.Node.
func (s *server) Receive(from node.ID, m node.Message) {
	if s.views.Receive(from, m) {
		return
	}
	switch m := m.(type) {
	case *Prepare:
		if s.views.Acting(m.View) {
			s.prepare(from, m)
		}
	case *PrepareOK:
		if s.views.Acting(m.View) && s.leads() {
			s.prepareOK(from, m)
		}
	case *GetState:
		if s.views.Acting(m.View) && s.leads() {
			s.sendState(from, m)
		}
	case *NewState:
		if s.views.Acting(m.View) {
			s.newState(from, m)
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

// Leader implements route.Host.
func (s *server) Leader(*kv.Request) (node.ID, uint64) {
	v := s.views.Current()
	if v.First() == s.env.ID() && !s.leads() {
		return "", v.Number
	}
	return v.First(), v.Number
}

// synced is called when more of the log is on the disk.
func (s *server) synced() {
	if s.leads() {
		s.commit()
		s.propose()
	} else {
		s.confirm()
	}
}
