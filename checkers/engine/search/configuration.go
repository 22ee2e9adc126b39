package search

import (
	"math/bits"
	"slices"
)

// A configuration is a state of the object, and of each open operation whether it
//
//	must take effect yet      done 0  used 0
//	took effect               done 1  used 1
//	may take effect, or not   done 1  used 0
//
// and of each class how many of its operations that never return have taken effect; those
// of them that were called and have not may take effect, or not. In words:
//
//	0              fresh (bit 0), state (bits 1 to 32), operations used that never return
//	1 to m         done, a bit for each slot
//	m+1 to 2m      used, a bit for each slot
//	2m+1 and on    the counts, a field for each class, with a guard bit of 0 above it
//
// An operation that returns may be in the third condition for one of two reasons. A pure
// operation that is legal in the state takes effect at once, and whether it could do so
// again does not matter. And a blind one that was open when another blind one took effect can
// be placed right before that, unseen, so it need not take effect any more, but may.
//
// Dominance: configuration a covers b if both are in the same state and
//
//	done(a) ⊇ done(b),  used(a) ⊆ used(b),  counts(a) ≤ counts(b).
//
// Then b can be left out. For take operations that, taking effect one after another from
// b, make a legal order of the rest of the history. From a the same operations are available
// (used(a) ⊆ used(b)), lead through the same states, and leave the same relation between the
// configurations; and whenever b lets an operation return, so does a (done(a) ⊇ done(b)).
type layout struct {
	m      int      // words of a mask
	counts int      // first word of counts
	size   int      // words in all
	guard  []uint64 // guard bits of each word of counts
}

const (
	fresh     = 1 // the last operation was blind and nothing came of it yet: see forward.moves
	stateBits = 1<<33 - 2
	usedOne   = 1 << 33
)

func stateOf(c []uint64) int32 { return int32(uint32(c[0] & stateBits >> 1)) }

func setState(c []uint64, state int32) { c[0] = c[0]&^stateBits | uint64(uint32(state))<<1 }

// inUse is the number of operations in use, which grows with each.
func (l *layout) inUse(c []uint64) int {
	n := int(c[0] >> 33)
	for _, w := range c[1+l.m : l.counts] {
		n += bits.OnesCount64(w)
	}
	return n
}

// covers reports whether a is as good as b, both in the same state. A fresh one, from which
// less is tried, does not cover one that is not; nor does one for which more operations that
// never return were used, counted or not, one with fewer.
func (l *layout) covers(a, b []uint64) bool {
	if a[0]&^b[0]&fresh != 0 || a[0]>>33 > b[0]>>33 {
		return false
	}
	if len(a) == 3 {
		return b[1]&^a[1] == 0 && a[2]&^b[2] == 0
	}
	b = b[:len(a)]
	for i, g := range l.guard {
		// Each field of b, with its guard bit set, less that of a: the guard bit is
		// left where b's was no smaller.
		if at := l.counts + i; ((b[at]|g)-a[at])&g != g {
			return false
		}
	}
	for i := 1; i <= l.m; i++ {
		if b[i]&^a[i] != 0 || a[i+l.m]&^b[i+l.m] != 0 {
			return false
		}
	}
	return true
}

// set is a set of configurations none of which covers another.
type set struct {
	*layout
	words  []uint64
	node   []int32 // the last step of the path there
	level  []int32
	next   []int32 // of those with the same hash
	gone   []bool  // covered by a later one
	heads  []int32 // by hash
	chosen []int32 // heads in use
	alive  int
	exact  bool // equality instead of dominance
}

func newSet(l *layout, exact bool) *set {
	s := &set{layout: l, exact: exact, heads: make([]int32, 64)}
	for i := range s.heads {
		s.heads[i] = none
	}
	return s
}

func (s *set) len() int { return len(s.node) }

func (s *set) at(i int32) []uint64 {
	at := int(i) * s.size
	return s.words[at : at+s.size : at+s.size]
}

func (s *set) reset() {
	for _, h := range s.chosen {
		s.heads[h] = none
	}
	s.words, s.node, s.level, s.next = s.words[:0], s.node[:0], s.level[:0], s.next[:0]
	s.gone, s.chosen, s.alive = s.gone[:0], s.chosen[:0], 0
}

// hash is of what two configurations have in common if one covers the other: the state, and
// which of the operations that are neither pure nor blind are used.
func (s *set) hash(c []uint64, hard []uint64) uint32 {
	h := (c[0] & stateBits) * 0x9e3779b97f4a7c15
	for i, w := range hard {
		h = (h ^ c[1+s.m+i]&w) * 0xff51afd7ed558ccd
		h ^= h >> 32
	}
	return uint32(h>>32) & uint32(len(s.heads)-1)
}

// add takes c in, which uses so many operations, unless it is covered, and drops what c
// covers. What covers another uses no more than that.
func (s *set) add(c []uint64, level int, hard []uint64, node int32) (int32, bool) {
	h := s.hash(c, hard)
	last := &s.heads[h]
	first := *last == none
	for i := *last; i != none; i = *last {
		d := s.at(i)
		switch {
		case (c[0]^d[0])&stateBits != 0:
		case s.exact:
			if slices.Equal(c, d) {
				return i, false
			}
		case int(s.level[i]) <= level && s.covers(d, c):
			return i, false
		case int(s.level[i]) >= level && s.covers(c, d):
			s.gone[i] = true
			s.alive--
			*last = s.next[i]
			continue
		}
		last = &s.next[i]
	}
	n := int32(len(s.node))
	s.words = append(s.words, c...)
	s.node, s.level, s.next, s.gone = append(s.node, node), append(s.level, int32(level)), append(s.next, s.heads[h]), append(s.gone, false)
	s.heads[h] = n
	if first {
		s.chosen = append(s.chosen, int32(h))
	}
	if s.alive++; s.alive > 2*len(s.heads) {
		s.rehash(hard)
	}
	return n, true
}

func (s *set) rehash(hard []uint64) {
	s.heads = make([]int32, 4*len(s.heads))
	for i := range s.heads {
		s.heads[i] = none
	}
	s.chosen = s.chosen[:0]
	for i := range int32(len(s.node)) {
		if s.gone[i] {
			continue
		}
		h := s.hash(s.at(i), hard)
		if s.next[i] = s.heads[h]; s.next[i] == none {
			s.chosen = append(s.chosen, int32(h))
		}
		s.heads[h] = i
	}
}

func (s *set) bytes() int64 {
	return int64(cap(s.words))*8 + int64(cap(s.node)+cap(s.level)+cap(s.next)+cap(s.heads)+cap(s.chosen))*4 + int64(cap(s.gone))
}
