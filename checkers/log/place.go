package log

import (
	"cmp"
	"slices"
	"sort"
)

// standing is one thing that was said of the log: this record is at this offset.
type standing struct {
	offset int64
	record int32
	event  int  // that first said so
	polled bool // by some poll
}

// place puts all that was said into the order of the log.
func (s *subject) place() {
	for n, r := range s.records {
		for _, p := range r.places {
			s.at = append(s.at, standing{p.offset, int32(n), p.event, p.polled})
		}
	}
	slices.SortFunc(s.at, func(a, b standing) int {
		if c := cmp.Compare(a.offset, b.offset); c != 0 {
			return c
		}
		return cmp.Compare(a.event, b.event)
	})
}

// standingsFrom is the index of the first standing at the offset or behind it.
func (s *subject) standingsFrom(offset int64) int {
	return sort.Search(len(s.at), func(i int) bool { return s.at[i].offset >= offset })
}

// stretch is a part of the log that was read: from an offset up to, without, another.
type stretch struct{ from, to int64 }

// quiet is how many final polls from one offset have to return nothing, in a row, before
// the log counts as ending there.
const quiet = 3

// covered are the stretches that the final polls read, merged, and the least offset at
// which one of them found the end; none if none did.
func (s *subject) covered() (stretches []stretch, end int64) {
	end = none
	type idle struct {
		from  int64
		times int
	}
	waiting := map[int]idle{}
	for _, n := range s.finals {
		p := s.polls[n]
		if len(p.entries) > 0 {
			from := p.from
			if from == none {
				from = p.entries[0].offset
			}
			stretches = append(stretches, stretch{from, p.last() + 1})
			delete(waiting, p.process)
			continue
		}
		from := max(p.from, 0) // a process that polled nothing yet began at the beginning
		w := waiting[p.process]
		if w.from != from {
			w = idle{from: from}
		}
		w.times++
		waiting[p.process] = w
		if w.times >= quiet && (end == none || from < end) {
			end = from
		}
	}
	slices.SortFunc(stretches, func(a, b stretch) int { return cmp.Compare(a.from, b.from) })
	merged := stretches[:0]
	for _, x := range stretches {
		if n := len(merged); n > 0 && x.from <= merged[n-1].to {
			merged[n-1].to = max(merged[n-1].to, x.to)
			continue
		}
		merged = append(merged, x)
	}
	return merged, end
}

// settle finds out what became of each record that was known.
func (s *subject) settle() {
	stretches, end := s.covered()
	// Where nobody knows the place, the whole log has to have been read.
	whole := end == 0
	if len(stretches) > 0 && end != none {
		whole = whole || stretches[0].from == 0 && stretches[0].to >= end
	}
	for n := range s.records {
		r := &s.records[n]
		if r.sent == none || r.known == none || r.final {
			continue
		}
		r.fate = undecided
		missed := len(r.places) == 0 && whole
		for _, p := range r.places {
			i := sort.Search(len(stretches), func(i int) bool { return stretches[i].to > p.offset })
			missed = missed || i < len(stretches) && stretches[i].from <= p.offset || end != none && p.offset >= end
		}
		if missed {
			r.fate = lost
		}
	}
}

func (s *subject) undecided() (n int) {
	for _, r := range s.records {
		if r.fate == undecided {
			n++
		}
	}
	return n
}

// skipped finds an entry that a poll passed over although it stands there.
func (s *subject) skipped(p poll) (standing, bool) {
	past := p.from
	for _, e := range p.entries {
		// Most entries follow the one before, so that there is nothing to look for.
		if past != none && e.offset > past {
			for _, x := range s.at[s.standingsFrom(past):] {
				if x.offset >= e.offset {
					break
				}
				// One that was lost may be gone by then; one that only its acknowledgement
				// put here, while polls saw it elsewhere, is a duplicate.
				if r := s.records[x.record]; r.fate != lost && (len(r.places) == 1 || x.polled) {
					return x, true
				}
			}
		}
		past = max(past, e.offset+1)
	}
	return standing{}, false
}

// reversed finds two records of which the one with the lower offset was sent only after
// the other was known: an order that real time forbids.
func (s *subject) reversed() (lower, higher standing, found bool) {
	latest, begun := standing{}, none
	for i := 0; i < len(s.at); {
		// What is said of one offset twice is told of by itself.
		k := i
		for ; k < len(s.at) && s.at[k].offset == s.at[i].offset; k++ {
			if r := s.records[s.at[k].record]; r.single() && begun > r.known {
				return latest, s.at[k], true
			}
		}
		for ; i < k; i++ {
			if r := s.records[s.at[i].record]; r.single() && r.sent > begun {
				latest, begun = s.at[i], r.sent
			}
		}
	}
	return lower, higher, false
}

// single is a record that was sent and has one place.
func (r record) single() bool { return r.sent != none && len(r.places) == 1 }
