package backup

import "github.com/faultline-dev/faultline/harness/node"

// A backup in a new view first asks the primary for what it lacks. Until it has that on
// its disk, it confirms nothing.

// current reports whether this node was brought up to date in the current view.
func (s *server) current() bool { return s.log.View() == s.views.Current().Number }

// getState asks for the state, as long as it is needed.
func (s *server) getState() {
	v := s.views.Current()
	if s.views.Acting(v.Number) && !s.current() {
		s.env.Send(v.First(), &GetState{View: v.Number, Mark: s.log.Mark()})
	}
}

// newState takes it. A backup that is up to date in the view may have fallen behind since.
func (s *server) newState(from node.ID, m *NewState) {
	wanted := !s.current() || m.State.Whole && m.State.From.Number > s.log.Last()
	if s.follows(from) && wanted && s.log.Install(m.View, &m.State) {
		s.env.Logf("brought up to date in view %d: %s", m.View, &m.State)
	}
}

// prepare takes operations.
func (s *server) prepare(from node.ID, m *Prepare) {
	if !s.follows(from) || !s.current() {
		return
	}
	last := s.log.Last()
	if s.log.Take(m.From, m.Entries) {
		s.log.CommitTo(m.Commit, nil)
	}
	if s.log.Last() == last {
		s.confirm() // there is nothing to wait for
	}
}

// confirm tells the primary what is on the disk.
func (s *server) confirm() {
	v := s.views.Current()
	if s.views.Acting(v.Number) && s.current() && s.log.UpToDate() == v.Number {
		s.env.Send(v.First(), &PrepareOK{View: v.Number, Number: s.log.Synced()})
	}
}
