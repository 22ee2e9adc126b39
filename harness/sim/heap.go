package sim

// event is something that will happen: what, at a time, in the order of its making among
// those of one time.
type event struct {
	at   int64
	seq  uint64
	what action
}

// action is what happens. The frequent ones are structs of their own, so that each costs
// one piece of memory.
type action interface{ act() }

// call is an action that is a function.
type call func()

func (f call) act() { f() }

func (e *event) before(f *event) bool {
	return e.at < f.at || e.at == f.at && e.seq < f.seq
}

// schedule is the queue of events: a binary heap of values, because events are made and
// taken a million times a second and an interface for each would cost as much again.
type schedule struct{ heap []event }

func (s *schedule) push(e event) {
	s.heap = append(s.heap, e)
	h := s.heap
	i := len(h) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !e.before(&h[up]) {
			break
		}
		h[i] = h[up]
		i = up
	}
	h[i] = e
}

func (s *schedule) pop() event {
	h := s.heap
	first, last := h[0], h[len(h)-1]
	h[len(h)-1] = event{}
	h = h[:len(h)-1]
	s.heap = h
	if len(h) == 0 {
		return first
	}
	i := 0
	for {
		down := 2*i + 1
		if down >= len(h) {
			break
		}
		if down+1 < len(h) && h[down+1].before(&h[down]) {
			down++
		}
		if !h[down].before(&last) {
			break
		}
		h[i] = h[down]
		i = down
	}
	h[i] = last
	return first
}
