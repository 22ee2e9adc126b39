package linearizable

import (
	"fmt"
	"slices"
	"strings"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
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

// config is a beginning of a legal order: who is in it, and what the register then holds.
type config struct {
	done uint32
	held int32
}

const (
	maxPlaced  = 24      // operations, at most 32
	maxConfigs = 200_000 // of which most counterexamples have dozens
)

// findPlaces looks at all legal orders of a part without its stuck operation.
func (p part) findPlaces(stuck, limit int32) *places {
	l := &places{ops: p.ops, limit: limit, stuck: stuck, seen: map[config]bool{}}
	if l.over = len(p.ops) > maxPlaced; !l.over {
		l.completes(config{held: initial})
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
	for n, o := range l.ops {
		i := int32(n)
		if i == l.stuck || c.done&(1<<i) != 0 || !l.has(c, o.call) || o.kind != write && o.from != c.held {
			continue
		}
		next := config{c.done | 1<<i, c.held}
		if o.mutates() {
			next.held = o.to
		}
		if l.completes(next) {
			complete = true
		}
	}
	l.seen[c] = complete
	return complete
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

// held lists the values that the register can hold while the stuck operation is under way.
func (l *places) held() []int32 {
	var values []int32
	for c, completes := range l.seen {
		if completes && l.has(c, l.ops[l.stuck].call) && !slices.Contains(values, c.held) {
			values = append(values, c.held)
		}
	}
	slices.Sort(values)
	return values
}

// replacer is an operation that returned before the stuck one was called and that, in every
// legal order, comes after mutation w and has another value than w's: the reason why w is
// not what the register holds any more. none if there is no such operation.
func (l *places) replacer(w int32) int32 {
	found := int32(none)
	for n, o := range l.ops {
		i := int32(n)
		value := o.from
		if o.mutates() {
			value = o.to
		}
		if i == l.stuck || i == w || value == l.ops[w].to || o.ret > l.ops[l.stuck].call {
			continue
		}
		if l.follows(i, w) && (found == none || o.ret < l.ops[found].ret) {
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

// placeSentence tells of an operation that no single other one rules out: what the register
// can have held instead, and what has become of each write that it might have seen.
func (s *subject) placeSentence(p part, stuck int32, t *story) {
	places := p.findPlaces(stuck, t.limit)
	if places.over {
		s.vagueSentence(t)
		return
	}
	v := p.ops[stuck].from
	held := places.held()
	if slices.Contains(held, v) { // a compare-and-set, which would have left another value
		var others []string
		for n, o := range p.ops {
			if int32(n) != stuck && o.kind != write && o.from == v {
				others = append(others, s.the(p.index[n]))
			}
		}
		t.sentence = fmt.Sprintf("%s, though wherever the register can have held %s, it was seen to do so still later, by %s, without being written again",
			s.saw(t.stuck), quoted(p.values[v]), either(others))
		return
	}
	names := make([]string, len(held))
	for k, h := range held {
		names[k] = quoted(p.values[h])
	}
	t.sentence = fmt.Sprintf("%s, when the register can only have held %s", s.saw(t.stuck), either(names))
	var fates []string
	for n, o := range p.ops {
		w := int32(n)
		if !o.mutates() || o.to != v || w == stuck {
			continue
		}
		if x := places.replacer(w); x != none {
			fates = append(fates, fmt.Sprintf("%s must have come before %s", s.the(p.index[w]), s.the(p.index[x])))
		} else {
			fates = append(fates, fmt.Sprintf("%s has no place right before it", s.the(p.index[w])))
		}
	}
	if len(fates) > 0 {
		t.sentence += ": " + strings.Join(fates, "; and ")
	}
}

func quoted(v history.Value) string {
	if v.IsNil() {
		return "nothing"
	}
	return v.String()
}

// either joins alternatives.
func either(names []string) string {
	switch n := len(names); n {
	case 0:
		return "something else"
	case 1:
		return names[0]
	default:
		return strings.Join(names[:n-1], ", ") + " or " + names[n-1]
	}
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
