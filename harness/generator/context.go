package generator

import "math/bits"

// Context is what a generator may know: the time, which threads exist and are free, and
// which process each of them is.
type Context struct {
	Time    int64 // nanoseconds since the run's start
	threads ThreadSet
	free    ThreadSet
	process []int // by thread+1
	turn    int   // the thread after the one that was last set to work
}

// NewContext returns a context at time 0 with client threads 0..clients-1 and, if asked
// for, the nemesis's; all are free, and each thread is the process of its number.
func NewContext(clients int, nemesis bool) *Context {
	ctx := &Context{threads: newThreadSet(clients), free: newThreadSet(clients), process: make([]int, clients+1)}
	for t := range clients {
		ctx.threads.add(t)
		ctx.free.add(t)
	}
	if nemesis {
		ctx.threads.add(NemesisThread)
		ctx.free.add(NemesisThread)
	}
	for i := range ctx.process {
		ctx.process[i] = i - 1
	}
	return ctx
}

// Threads are the threads that this generator may use.
func (c *Context) Threads() *ThreadSet { return &c.threads }

// Free are those of Threads that run nothing now.
func (c *Context) Free() *ThreadSet { return &c.free }

// Process is the process that a thread is now.
func (c *Context) Process(thread int) int { return c.process[thread+1] }

// Acquire marks a thread busy, Release marks it free, Replace gives it a new process. They
// are the scheduler's.
func (c *Context) Acquire(thread int) {
	c.free.remove(thread)
	if thread != NemesisThread {
		c.turn = thread + 1
	}
}

// Release marks a thread free.
func (c *Context) Release(thread int) { c.free.add(thread) }

// Replace makes the thread a new process.
func (c *Context) Replace(thread, process int) { c.process[thread+1] = process }

// resolve names the thread of an operation that any may run. They take turns, or slow
// generators would ever ask the first one, and with it one node. It reports whether the
// thread is free.
func (c *Context) resolve(op *Op) bool {
	if op.Thread == AnyThread {
		if op.Thread = c.free.first(c.turn); op.Thread == AnyThread {
			op.Thread = c.free.first(NemesisThread)
		}
		return op.Thread != AnyThread || op.Kind == KindLog
	}
	return c.free.Has(op.Thread) || op.Kind == KindLog
}

// scratch is a context to narrow another one in. It is only a place to work in: nothing
// of it outlives a call.
type scratch struct{ ctx *Context }

// narrow returns ctx with only the threads of the set.
func (s *scratch) narrow(ctx *Context, to *ThreadSet) *Context {
	if ctx.threads.within(to) {
		return ctx
	}
	if s.ctx == nil {
		s.ctx = &Context{}
	}
	c := s.ctx
	c.Time, c.process, c.turn = ctx.Time, ctx.process, ctx.turn
	c.threads.intersect(&ctx.threads, to)
	c.free.intersect(&ctx.free, to)
	return c
}

// ThreadSet is a set of threads, as a bit set: bit 0 is the nemesis.
type ThreadSet struct {
	words []uint64
	count int
}

func newThreadSet(clients int) ThreadSet { return ThreadSet{words: make([]uint64, (clients+1+63)/64)} }

// Len is the number of threads in the set.
func (s *ThreadSet) Len() int { return s.count }

// Has reports whether the thread is in the set.
func (s *ThreadSet) Has(thread int) bool {
	i := thread + 1
	return i >= 0 && i/64 < len(s.words) && s.words[i/64]&(1<<(i%64)) != 0
}

// Each calls f for each thread in ascending order (the nemesis first) until f says false.
func (s *ThreadSet) Each(f func(thread int) bool) {
	for w, word := range s.words {
		for ; word != 0; word &= word - 1 {
			if !f(w*64 + bits.TrailingZeros64(word) - 1) {
				return
			}
		}
	}
}

// first is the first thread from the given one on, or AnyThread if there is none.
func (s *ThreadSet) first(from int) int {
	for i := from + 1; i < 64*len(s.words); {
		if word := s.words[i/64] >> (i % 64); word != 0 {
			return i + bits.TrailingZeros64(word) - 1
		}
		i = (i/64 + 1) * 64
	}
	return AnyThread
}

func (s *ThreadSet) add(thread int) {
	for (thread+1)/64 >= len(s.words) {
		s.words = append(s.words, 0)
	}
	if !s.Has(thread) {
		s.words[(thread+1)/64] |= 1 << ((thread + 1) % 64)
		s.count++
	}
}

func (s *ThreadSet) remove(thread int) {
	if s.Has(thread) {
		s.words[(thread+1)/64] &^= 1 << ((thread + 1) % 64)
		s.count--
	}
}

// within reports whether all threads of s are in to.
func (s *ThreadSet) within(to *ThreadSet) bool {
	if len(to.words) < len(s.words) {
		return false
	}
	for i, word := range s.words {
		if word&^to.words[i] != 0 {
			return false
		}
	}
	return true
}

// intersect makes s the threads that are in both.
func (s *ThreadSet) intersect(a, b *ThreadSet) {
	n := min(len(a.words), len(b.words))
	if cap(s.words) < n {
		s.words = make([]uint64, n)
	}
	s.words, s.count = s.words[:n], 0
	for i := range s.words {
		s.words[i] = a.words[i] & b.words[i]
		s.count += bits.OnesCount64(s.words[i])
	}
}

// copyOf returns a set of its own.
func copyOf(s *ThreadSet) ThreadSet {
	return ThreadSet{words: append([]uint64(nil), s.words...), count: s.count}
}
