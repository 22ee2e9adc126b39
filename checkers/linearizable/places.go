package linearizable

import (
	"fmt"
	"strings"

	"github.com/faultline-dev/faultline/checkers"
)

// places are all that can be before the last operation of a small counterexample: every
// legal order of the others, folded into configurations. Who has no place in any of them
// can then be told why.
type places struct {
	ops   []op
	limit int32
	stuck int32
	seen  map[config]bool // reached: can the others be completed from there?
	over  bool            // there were too many to look at
}

// config is a beginning of a legal order: who is in it, and what the register then
// holds by whose doing.
type config struct {
	done uint32
	held int32
	by   int32
}

const (
	maxPlaced  = 32      // operations: as many as done has bits
	maxConfigs = 200_000 // of which most counterexamples have dozens
	maxFates   = 4       // that a sentence can tell
)

// findPlaces looks at all legal orders of a part without its stuck operation.
func (p part) findPlaces(stuck, limit int32) *places {
	l := &places{ops: p.ops, limit: limit, stuck: stuck, seen: map[config]bool{}}
	if l.over = len(p.ops) > maxPlaced; !l.over {
		l.completes(config{held: initial, by: none})
	}
	return l
}

// completes explores a configuration and what follows from it.
func (l *places) completes(c config) bool {
	if known, found := l.seen[c]; found || l.over {
		return known
	}
	if l.over = len(l.seen) >= maxConfigs; l.over {
		return false
	}
	complete := l.has(c, pending) // also with others, pending ones, to follow
	l.seen[c] = complete
	l.follow(c, func(next config) {
		if l.completes(next) {
			complete = true
		}
	})
	l.seen[c] = complete
	return complete
}

// follow calls visit for what a configuration becomes by one more operation.
func (l *places) follow(c config, visit func(next config)) {
	for n, o := range l.ops {
		i := int32(n)
		if i == l.stuck || c.done&(1<<i) != 0 || !l.has(c, o.call) || o.kind != write && o.from != c.held {
			continue
		}
		next := config{c.done | 1<<i, c.held, c.by}
		if o.mutates() {
			next.held, next.by = o.to, i
		}
		visit(next)
	}
}

// has reports whether whoever returned before an event is in a configuration.
func (l *places) has(c config, event int32) bool {
	for i, o := range l.ops {
		if int32(i) != l.stuck && o.ret < event && c.done&(1<<i) == 0 {
			return false
		}
	}
	return true
}

// holds reports whether the register can hold a value while the stuck operation is under
// way.
func (l *places) holds(v int32) bool {
	for c, completes := range l.seen {
		if completes && c.held == v && l.has(c, l.ops[l.stuck].call) {
			return true
		}
	}
	return false
}

// replacer is an operation that returned before the stuck one was called and that, in every
// legal order, comes after mutation w - after the beginning, if w is none - and has another
// value than the stuck one saw: the reason why w's is not what the register holds any more.
// none if there is no such operation.
func (l *places) replacer(w int32) int32 {
	found := int32(none)
	for n, o := range l.ops {
		i := int32(n)
		if i == l.stuck || i == w || o.leaves() == l.ops[l.stuck].from || o.ret > l.ops[l.stuck].call {
			continue
		}
		if (w == none || l.follows(i, w)) && (found == none || o.ret < l.ops[found].ret) {
			found = i
		}
	}
	return found
}

// follows reports whether in every legal order operation w comes before i.
func (l *places) follows(i, w int32) bool {
	for c, completes := range l.seen {
		if completes && c.done&(1<<i) != 0 && c.done&(1<<w) == 0 {
			return false
		}
	}
	return true
}

// victim is an operation that has no place any more if the stuck one saw the value of
// mutation w; none if w itself cannot be so late that it did.
func (l *places) victim(w int32) int32 {
	fit := map[config]bool{}
	var can uint32 // who has a place in some order
	var explore func(c config)
	explore = func(c config) {
		if fit[c] || len(fit) >= maxConfigs {
			return
		}
		fit[c] = true
		can |= c.done
		l.follow(c, explore)
	}
	stuck := l.ops[l.stuck]
	for c := range l.seen {
		if c.by == w && l.has(c, stuck.call) {
			if stuck.kind == cas {
				c.held, c.by = stuck.to, l.stuck
			}
			explore(c)
		}
	}
	found := int32(none)
	for i, o := range l.ops {
		if len(fit) > 0 && int32(i) != l.stuck && o.ret <= l.limit && can&(1<<i) == 0 &&
			(found == none || o.ret < l.ops[found].ret) {
			found = int32(i)
		}
	}
	return found
}

// placeSentence tells of an operation that no single other one rules out what has become of
// each write that it might have seen. It claims only what is true of the whole, which has
// more legal orders than the part in what may come between, but none in what cannot.
func (s *subject) placeSentence(p part, stuck int32, t *story) {
	places := p.findPlaces(stuck, t.limit)
	if places.over {
		s.vagueSentence(t)
		return
	}
	v := p.ops[stuck].from
	switch {
	case places.holds(v): // so it is a compare-and-set, and others did not see what it wrote
		t.sentence = s.saw(t.stuck) + ", which has no place"
	case p.values[v].IsNil():
		t.sentence = s.saw(t.stuck) + ", when the register cannot have been absent"
	default:
		t.sentence = fmt.Sprintf("%s, when the register cannot have held %s", s.saw(t.stuck), p.values[v])
	}
	var fates []string
	if x := places.replacer(none); v == initial && x != none {
		fates = append(fates, "what it held at first was gone by "+s.the(p.index[x]))
	}
	for n, o := range p.ops {
		if w := int32(n); o.mutates() && o.to == v && w != stuck {
			fates = append(fates, s.fate(p, places, w))
		}
	}
	if more := len(fates) - maxFates; more > 1 {
		fates = append(fates[:maxFates], fmt.Sprintf("so it is with %d more", more))
	}
	if len(fates) > 0 {
		t.sentence += ": " + strings.Join(fates, "; and ")
	}
}

// fate says why the stuck operation cannot have seen the value of mutation w.
func (s *subject) fate(p part, l *places, w int32) string {
	it := s.the(p.index[w])
	if x := l.replacer(w); x != none {
		return fmt.Sprintf("%s must have come before %s", it, s.the(p.index[x]))
	}
	if y := l.victim(w); y != none {
		return fmt.Sprintf("had %s come right before it, there would be no place left for %s", it, s.the(p.index[y]))
	}
	if o := p.ops[w]; o.kind == cas {
		return fmt.Sprintf("%s can have found %s only earlier", it, s.values[s.ops[p.index[w]].from])
	}
	return it + " must have been replaced by then"
}

// the names an operation: "process 3's write of 42 (acknowledged at 1.200 s)".
func (s *subject) the(i int32) string {
	o := s.ops[i]
	when := "never acknowledged, begun at " + checkers.At(s.time(o.call))
	if o.ret != pending {
		when = "acknowledged at " + checkers.At(s.time(o.ret))
	}
	if o.kind == read {
		if s.noun(i) != "read" {
			return fmt.Sprintf("%s's compare-and-set that saw %s (at %s)", s.who(o.call), s.value(i), checkers.At(s.time(o.ret)))
		}
		return fmt.Sprintf("%s's read of %s (at %s)", s.who(o.call), s.value(i), checkers.At(s.time(o.ret)))
	}
	return fmt.Sprintf("%s's %s of %s (%s)", s.who(o.call), s.noun(i), s.value(i), when)
}
