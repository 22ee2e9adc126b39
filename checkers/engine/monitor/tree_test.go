package monitor

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOfN(rapid.Int64Range(-1, 6), 1, 40).Draw(t, "values")
		tree := newCounts(plain)
		for range 40 {
			a := rapid.IntRange(0, len(plain)-1).Draw(t, "a")
			b := rapid.IntRange(a, len(plain)-1).Draw(t, "b")
			d := rapid.Int64Range(-3, 1).Draw(t, "d")
			tree.add(a, b, d)
			for i := a; i <= b; i++ {
				plain[i] += d
			}
			first, last := -1, -1
			for i := a; i <= b; i++ {
				if plain[i] <= 0 {
					if last = i; first < 0 {
						first = i
					}
				}
			}
			f, ok := tree.find(a, b)
			l, too := tree.findLast(a, b)
			if ok != (first >= 0) || too != ok || ok && (f != first || l != last) {
				t.Fatalf("found %d and %d, %v, from %d to %d of %v", f, l, ok, a, b, plain)
			}
			i, ok := tree.take()
			if ok != (slices.Min(plain) <= 0) || ok && plain[i] > 0 {
				t.Fatalf("took %d, %v of %v", i, ok, plain)
			}
			if ok {
				plain[i] += gone
			}
		}
	})
}

func TestStabbing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ends := rapid.SliceOfN(rapid.Int32Range(0, 50), 1, 40).Draw(t, "ends")
		tree := newStabbing(ends)
		for range 60 {
			n := rapid.IntRange(0, len(ends)).Draw(t, "n")
			point := rapid.Int32Range(0, 50).Draw(t, "point")
			some := n > 0 && slices.Max(ends[:n]) >= point
			i, ok := tree.take(n, point)
			if ok != some || ok && (i >= n || ends[i] < point) {
				t.Fatalf("took %d, %v of the first %d of %v at %d", i, ok, n, ends, point)
			}
			if ok {
				ends[i] = none
			}
		}
	})
}

func TestMarks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.SampledFrom([]int{1, 64, 65, 5000, 300_000}).Draw(t, "size")
		m, plain := newMarks(size), []int32{}
		for range 20 {
			i := rapid.Int32Range(0, int32(size-1)).Draw(t, "set")
			m.set(i)
			plain = append(plain, i)
			at := rapid.Int32Range(0, int32(size-1)).Draw(t, "at")
			below, above := int32(none), int32(none)
			for _, p := range plain {
				if p <= at {
					below = max(below, p)
				}
				if p >= at && (above == none || p < above) {
					above = p
				}
			}
			if m.atMost(at) != below || m.atLeast(at) != above {
				t.Fatalf("around %d of %v: %d and %d", at, plain, m.atMost(at), m.atLeast(at))
			}
		}
	})
}
