package generator

import "math/bits"

// Context is what a generator may know: the time, and which threads exist and are free.
type Context struct {
	Time    int64 // nanoseconds since the run's start
	threads ThreadSet
	free    ThreadSet
}

// NewContext returns a context at time 0 with client threads 0..clients-1 and, if asked
// for, the nemesis's; all are free.
func NewContext(clients int, nemesis bool) *Context {
	ctx := &Context{threads: newThreadSet(clients), free: newThreadSet(clients)}
	for t := range clients {
		ctx.threads.add(t)
		ctx.free.add(t)
	}
	if nemesis {
		ctx.threads.add(NemesisThread)
		ctx.free.add(NemesisThread)
	}
	return ctx
}

// Threads are the threads that this generator may use.
func (c *Context) Threads() *ThreadSet { return &c.threads }

// Free are those of Threads that run nothing now.
func (c *Context) Free() *ThreadSet { return &c.free }

// Acquire marks a thread busy, Release marks it free. They are the scheduler's.
func (c *Context) Acquire(thread int) { c.free.remove(thread) }

// Release marks a thread free.
func (c *Context) Release(thread int) { c.free.add(thread) }

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

func (s *ThreadSet) add(thread int) {
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
