// Package minimal cuts an illegal history down to the few operations that prove it.
//
// The one idea: what is left has to prove that the whole is illegal. Operations cannot be
// taken away at will - without its write a read sees a value out of nothing, and that is
// illegal for a reason that the history does not have. So a Rule says which sets of
// operations are *honest*: a set is honest if every legal order of the whole, confined to
// the set, is a legal order of it. Then an illegal honest set is a proof, whatever else
// happened. Taking an operation away takes along whatever is not honest without it (Close),
// a read with its write, a dequeue with its enqueue.
//
// Found is a set that is 1-minimal: illegal, and legal as soon as any one operation is taken
// away, with what goes with it. First the witness that the deciding engine gave is tried,
// with what it depends on (Grow): most often that is a handful of operations and the proof.
// Otherwise the last few operations, and twice as many, until they are illegal: the reasons
// of a failure are mostly close to it in time. Then ever smaller chunks are taken away,
// those furthest in the past first, down to single operations (after Zeller and Hildebrandt,
// "Simplifying and isolating failure-inducing input", TSE 2002).
//
// Honest sets make that cheaper than delta debugging has to be. Let A and B be honest, A
// part of B. A legal order of B confined to A is legal, so if A is illegal then so is B:
// a removal that left something legal once would do so again after any other removal. One
// pass over single operations is therefore enough, and there is no going back to larger
// chunks.
//
// Start with Find. Groups is the Rule where operations need certain others.
package minimal

import "slices"

// Rule says what may stand by itself. Operations are numbers, sets of them are ascending.
// Honest sets must be closed under union, which makes Close well defined: any rule that
// says of an operation what it needs, or has to have one of, is.
type Rule interface {
	// Close returns the largest honest set within a set. It may reuse keep.
	Close(keep []int32) []int32
	// Grow returns an honest set around a set, a small one if it can.
	Grow(keep []int32) []int32
}

// Problem is an illegal history that is to be cut down.
type Problem struct {
	// Ops are all operations, ascending in time.
	Ops  []int32
	Rule Rule
	// Illegal decides an honest set; ok is false if it could not be decided.
	Illegal func(keep []int32) (illegal, ok bool)
	// Witness are operations that contradict each other, as far as known.
	Witness []int32
	// Tries bounds how many sets are tried; 0 means 20,000. Stop, if not nil, is asked
	// before each whether to give up.
	Tries int
	Stop  func() bool
}

// Result is what is left.
type Result struct {
	Ops     []int32 // an honest and illegal set
	Minimal bool    // it is known to be 1-minimal
	Tries   int     // how many sets were tried
}

// Find cuts a history down. Whatever the budget, its result is honest and illegal.
func Find(p Problem) Result {
	s := &state{Problem: p}
	if s.Problem.Tries <= 0 {
		s.Problem.Tries = 20_000
	}
	kept := s.begin()
	for size := max(1, len(kept)/2); ; size /= 2 {
		s.doubt = false
		kept = s.pass(kept, size)
		if size <= 1 {
			break
		}
	}
	return Result{Ops: kept, Minimal: !s.doubt, Tries: s.tried}
}

type state struct {
	Problem
	tried int
	spent bool // there is no budget left
	doubt bool // something was not decided in the pass under way
}

// illegal decides a set; what is not decided counts as legal, so that it is not relied on.
func (s *state) illegal(keep []int32) bool {
	if s.spent = s.spent || s.tried == s.Tries || s.Stop != nil && s.Stop(); s.spent {
		s.doubt = true
		return false
	}
	if s.tried++; len(keep) == 0 { // to find that out may have taken long enough
		return false
	}
	illegal, ok := s.Illegal(keep)
	if !ok {
		s.doubt = true
	}
	return illegal && ok
}

// begin finds a set to start from, much smaller than the whole where there is one.
func (s *state) begin() []int32 {
	if len(s.Witness) > 0 {
		if kept := s.Rule.Grow(sorted(s.Witness)); s.illegal(kept) {
			return kept
		}
	}
	before := 0
	for n := 8; n < len(s.Ops); n *= 2 {
		kept := s.Rule.Grow(sorted(append(slices.Clone(s.Witness), s.Ops[len(s.Ops)-n:]...)))
		if len(kept) >= len(s.Ops)/2 {
			break // hardly less than the whole, which needs no decision
		}
		if len(kept) == before {
			continue
		}
		if before = len(kept); s.illegal(kept) {
			return kept
		}
	}
	return slices.Clone(s.Ops)
}

// pass tries to do without each chunk of so many operations.
func (s *state) pass(kept []int32, size int) []int32 {
	rest := make([]int32, 0, len(kept))
	for at := 0; at < len(kept) && !s.spent; {
		end := min(at+size, len(kept))
		rest = append(append(rest[:0], kept[:at]...), kept[end:]...)
		fewer := s.Rule.Close(rest)
		if !s.illegal(fewer) {
			at = end
			continue
		}
		// What went along may lie on either side of the chunk.
		at, _ = slices.BinarySearch(fewer, kept[at])
		kept = slices.Clone(fewer)
	}
	s.doubt = s.doubt || s.spent
	return kept
}

func sorted(ops []int32) []int32 {
	ops = slices.Clone(ops)
	slices.Sort(ops)
	return slices.Compact(ops)
}
