package search

import (
	"math/rand/v2"
	"testing"
)

// TestNumbers: values get numbers in the order in which they come up, and keep them.
func TestNumbers(t *testing.T) {
	n := newNumbers[int](0)
	r := rand.New(rand.NewPCG(1, 2))
	known := map[int]int32{}
	for range 10_000 {
		v := r.IntN(3000)
		want, found := known[v]
		if !found {
			want = int32(len(known))
			known[v] = want
		}
		if got, fresh := n.of(v); got != want || fresh == found || n.all[got] != v {
			t.Fatalf("%d is number %d, new: %v; it should be %d", v, got, fresh, want)
		}
	}
}

// strip takes the last letter away, or adds one, up to a length.
func strip(most int) Model[string, byte] {
	return Model[string, byte]{Step: func(s string, b byte) (string, bool) {
		if b == '-' {
			return s[:max(0, len(s)-1)], s != ""
		}
		return s + string(b), len(s) < most
	}}
}

// TestStates: whichever table remembers a step, it leads where the model says.
func TestStates(t *testing.T) {
	m, classes := strip(12), []byte("ab-")
	s := newStates(m, classes)
	r := rand.New(rand.NewPCG(3, 4))
	at, text := s.init, ""
	texts := map[int32]string{at: text}
	for i := range 200_000 {
		class := int32(r.IntN(len(classes)))
		want, legal := m.Step(text, classes[class])
		next := s.after(at, class)
		if legal != (next != none) {
			t.Fatalf("%q after %q: legal is %v", classes[class], text, !legal)
		}
		if !legal {
			continue
		}
		if known, found := texts[next]; found && known != want {
			t.Fatalf("%q and %q have the same number", known, want)
		}
		at, text = next, want
		if texts[at] = text; i%50_000 == 0 { // all but one are forgotten
			s.keep([]int32{at})
			at, texts = 0, map[int32]string{0: text}
		}
	}
	if s.count() < 5*few {
		t.Errorf("%d states are too few for this test", s.count())
	}
}

// TestClose: whether states are few is found out without going through many.
func TestClose(t *testing.T) {
	if s := newStates(strip(4), []byte("ab-")); !s.close(3) || s.count() != 1<<5-1 {
		t.Errorf("%d states of up to four letters", s.count())
	}
	s := newStates(strip(1<<20), []byte("ab-"))
	if s.close(3) || s.count() > few+1 || s.tried > 4*few {
		t.Errorf("%d states, %d steps, for states without end", s.count(), s.tried)
	}
}
