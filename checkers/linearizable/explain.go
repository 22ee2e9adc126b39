package linearizable

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/faultline-dev/faultline/checkers"
)

// story is why a key fails, told of the shortest prefix of the history that does.
// Linearizability is closed under prefixes - an order of the whole, cut off, is one of the
// part - so there is one, which a search comes by and zones bisect. It ends with the completion
// of an operation that fits nowhere among those before it.
type story struct {
	engine   string
	limit    int32   // the prefix ends with this event
	shortest bool    // no shorter one fails
	stuck    int32   // the operation that completes there, or none
	order    []int32 // a legal order up to just before
	proof    []int32 // a counterexample by themselves, unless it is unwieldy
	about    []int32 // the same, or the ones of an unwieldy one that the sentence is about
	minimal  bool    // no operation of them can be done without
	alone    []int32 // a legal order of them up to just before
	events   []int32 // events that prove it besides, of operations that constrain nothing
	sentence string
}

// blame tells why a key fails that zones decided. A counterexample has most often all
// returned long before the end of the history, and is the first: the prefix before its last
// return is legal. If not, that prefix has a counterexample that returned earlier; after a
// few of these the first is bisected for.
func (c *check) blame(s *subject, found *conflict, allowed time.Duration) *story {
	s.spell()
	deadline := time.Now().Add(min(allowed, mostReducing))
	t := &story{engine: "zones", limit: pending - 1}
	for tries := 1; ; tries++ {
		c.reduce(s, t, found.roles(), deadline)
		t.limit = s.lastReturn(t.proof, t.limit)
		before := s.zones(t.limit - 1)
		if found = before.conflict; found == nil {
			t.order, t.shortest = before.order, true
			break
		}
		if c.late(deadline) {
			break
		}
		t.limit--
		if tries == 4 {
			t.limit = int32(sort.Search(int(t.limit), func(event int) bool {
				return !c.late(deadline) && s.contradiction(int32(event)) != nil
			}))
			found = s.contradiction(t.limit)
		}
	}
	c.tell(s, t, deadline)
	return t
}

// late reports whether the time for telling more is over.
func (c *check) late(deadline time.Time) bool {
	return c.ctx.Err() != nil || time.Now().After(deadline)
}

// roles lists the operations of a conflict.
func (c *conflict) roles() []int32 {
	var ops []int32
	for _, i := range append([]int32{c.late, c.since, c.lower, c.upper}, c.links...) {
		if i != none {
			ops = append(ops, i)
		}
	}
	slices.Sort(ops)
	return slices.Compact(ops)
}

// explain tells why a key fails of which an engine found the shortest prefix that fails, up to
// event limit, and a legal order up to there.
func (c *check) explain(s *subject, engine string, limit int32, order []int32, allowed time.Duration) *story {
	s.spell()
	t := &story{engine: engine, shortest: true, limit: limit, stuck: s.returnedAt(limit), order: s.effective(order, limit-1)}
	deadline := time.Now().Add(min(allowed, mostReducing))
	c.reduce(s, t, s.witness(t), deadline)
	c.tell(s, t, deadline)
	return t
}

// excuse tells why a key fails for which the search had no time: the prefix that ends with
// event limit is known to fail, though a shorter one may as well.
func (c *check) excuse(s *subject, limit int32, allowed time.Duration) *story {
	s.spell()
	t := &story{engine: "search", limit: limit, stuck: s.returnedAt(limit)}
	deadline := time.Now().Add(min(allowed, mostReducing))
	c.reduce(s, t, s.witness(t), deadline)
	t.limit = s.lastReturn(t.proof, t.limit)
	c.tell(s, t, deadline)
	return t
}

// effective leaves out of an order what did nothing there for a prefix up to event limit:
// operations that had not returned and changed nothing, or after which nothing had.
func (s *subject) effective(order []int32, limit int32) []int32 {
	var kept []int32
	held, end := int32(initial), 0
	for _, i := range order {
		o := s.ops[i]
		if o.ret > limit && o.apply(held) == held {
			continue
		}
		held = o.apply(held)
		if kept = append(kept, i); o.ret <= limit {
			end = len(kept)
		}
	}
	return kept[:end]
}

func (s *subject) returnedAt(event int32) int32 {
	for i, o := range s.ops {
		if o.ret == event {
			return int32(i)
		}
	}
	return none
}

// zoneSentence puts a conflict into words.
func (s *subject) zoneSentence(c *conflict, t *story) string {
	switch c.why {
	case unwritten:
		return s.unwrittenSentence(c.late, t)
	case takenTwice:
		return fmt.Sprintf("%s, though %s as well, and %s", s.saw(c.late), s.saw(c.since), s.onceClause(c.late, c.lower))
	case circular:
		return fmt.Sprintf("%s, but %s itself came about only by way of %s: the compare-and-sets that succeeded form a circle",
			s.saw(c.late), s.values[s.ops[c.late].from], s.values[s.ops[c.late].to])
	}
	text := s.lateSentence(c.late, c.since)
	if c.why == torn && c.lower != none {
		text += s.afterClause(c.lower, c.upper)
	}
	if len(c.links) > 0 {
		link := s.ops[c.links[0]]
		text += fmt.Sprintf("; %s became %s by %s's compare-and-set", s.values[link.from], s.values[link.to], s.who(link.call))
		if more := len(c.links) - 1; more > 0 {
			text += fmt.Sprintf(" (and %d more followed)", more)
		}
	}
	return text + s.unseenClause(c.since)
}

// onceClause says that only one write can have been the source of what was taken twice.
func (s *subject) onceClause(taker, source int32) string {
	v := s.ops[taker].from
	writes := 0
	for _, o := range s.ops {
		if o.mutates() && o.to == v {
			writes++
		}
	}
	switch {
	case source == none && writes == 0:
		return fmt.Sprintf("nobody wrote %s", s.values[v])
	case source != none && writes == 1:
		return fmt.Sprintf("%s was written once only", s.values[v])
	case source == none:
		return fmt.Sprintf("no write of %s can have come between", s.values[v])
	}
	return fmt.Sprintf("of the writes of %s only %s's, begun at %s, can be the one that they took", s.values[v],
		s.who(s.ops[source].call), checkers.At(s.time(s.ops[source].call)))
}

// unwrittenSentence is about an operation that saw a value that nobody had written.
func (s *subject) unwrittenSentence(late int32, t *story) string {
	v := s.ops[late].from
	for _, o := range s.ops {
		if o.mutates() && o.to == v && o.call > t.limit {
			if t.events = append(t.events, o.call); o.ret != pending {
				t.events = append(t.events, o.ret)
			}
			return fmt.Sprintf("%s, which %s began to write only %s later", s.saw(late), s.who(o.call),
				checkers.Span(s.time(o.call)-s.time(t.limit)))
		}
	}
	if e, found := s.rejected(v); found {
		t.events = append(t.events, e[0], e[1])
		done := s.h.At(int(e[1]))
		return fmt.Sprintf("%s, which nobody wrote: %s's %s of it certainly failed (%s, at %s)",
			s.saw(late), s.who(e[1]), nouns[done.F], done.Error, checkers.At(done.Time))
	}
	return s.saw(late) + ", which nobody had written"
}

// witness is what a search is known to have failed of: the operation that completes there,
// and the pair that dooms it, if it is as simple as that.
func (s *subject) witness(t *story) []int32 {
	found := []int32{t.stuck}
	if p := s.pairs(t.limit); s.ops[t.stuck].kind != write && p.doomed(t.stuck) {
		for _, i := range []int32{p.source(t.stuck), p.overwriter(t.stuck)} {
			if i != none {
				found = append(found, i)
			}
		}
	}
	return found
}

// vagueSentence says honestly what is known of a search that had not the time to tell more.
func (s *subject) vagueSentence(t *story) {
	done := sort.Search(len(s.ops), func(i int) bool { return s.ops[i].call > t.limit })
	if !t.shortest {
		t.sentence = fmt.Sprintf("the %d operations on %s until %s have no legal order", done, s.name(), checkers.At(s.time(t.limit)))
		return
	}
	t.sentence = fmt.Sprintf("%s, which fits nowhere: the other %d operations on %s until then have legal orders, but in none of them is there a place for it",
		s.saw(t.stuck), done-1, s.name())
}

// pairSentence tells of an operation of a part that is doomed by one that overwrote what
// it saw.
func (s *subject) pairSentence(p part, of *pairs, stuck int32, t *story) {
	source, overwriter := of.source(stuck), of.overwriter(stuck)
	if source == none && p.ops[stuck].from != initial {
		t.sentence = s.unwrittenSentence(t.stuck, t)
		return
	}
	overwriter = p.index[overwriter]
	t.sentence = s.lateSentence(t.stuck, overwriter)
	if source != none {
		t.sentence += s.afterClause(p.index[source], overwriter)
	}
	t.sentence += s.unseenClause(overwriter)
}

// othersClause says of the writes of what an operation saw that are not in the
// counterexample that they are ruled out by it (see sources).
func (s *subject) othersClause(p part, late int32) string {
	v := s.ops[late].from
	for i, o := range s.ops {
		if s.ops[late].kind != write && o.mutates() && o.to == v && o.call < s.ops[late].ret && !slices.Contains(p.index, int32(i)) {
			return fmt.Sprintf("; all other writes of %s had been replaced before, too", s.values[v])
		}
	}
	return ""
}

// unseenClause says of an acknowledged write that nothing saw its value, in the whole of the
// history: what tells an update that was lost from a read that was only late.
func (s *subject) unseenClause(i int32) string {
	o := s.ops[i]
	if o.kind != write || o.ret == pending {
		return ""
	}
	if slices.ContainsFunc(s.ops, func(other op) bool { return other.kind != write && other.from == o.to }) {
		return ""
	}
	return fmt.Sprintf("; no operation ever saw %s", s.value(i))
}

// lateSentence says that late came too late, because since had returned before.
func (s *subject) lateSentence(late, since int32) string {
	had := s.had(since)
	if rest, same := strings.CutPrefix(had, s.who(s.ops[late].call)+" had"); same {
		had = "it had itself" + rest
	}
	return fmt.Sprintf("%s, though %s%s before that %s began", s.saw(late), had,
		s.gap(since, late), s.noun(late))
}

// afterClause says that upper's value came after lower's.
func (s *subject) afterClause(lower, upper int32) string {
	return fmt.Sprintf("; and %s%s before %s's %s of %s began", s.had(lower), s.gap(lower, upper),
		s.who(s.ops[upper].call), s.noun(upper), s.value(upper))
}

// gap is the time from the completion of one operation to the invocation of another, set
// off by a comma from a value that would run into it.
func (s *subject) gap(before, after int32) string {
	gap := " right"
	if passed := s.time(s.ops[after].call) - s.time(s.ops[before].ret); passed > 0 {
		gap = " " + checkers.Span(passed)
	}
	if s.ops[before].kind == read {
		return "," + gap
	}
	return gap
}

func (s *subject) time(event int32) int64 { return s.h.At(int(event)).Time }

func (s *subject) who(event int32) string {
	return fmt.Sprintf("process %d", s.h.At(int(event)).Process)
}

// nouns are what operations are called.
var nouns = map[string]string{"read": "read", "write": "write", "cas": "compare-and-set"}

func (s *subject) noun(i int32) string { return nouns[s.h.At(int(s.ops[i].call)).F] }

// value is what an operation was about.
func (s *subject) value(i int32) string {
	switch o := s.ops[i]; o.kind {
	case read:
		if s.values[o.from].IsNil() {
			return "nothing"
		}
		return s.values[o.from].String()
	case write:
		return s.values[o.to].String()
	default:
		return fmt.Sprintf("%s to %s", s.values[o.from], s.values[o.to])
	}
}

// saw tells an operation as the main clause does: "process 7 read 41 at 12.345 s".
func (s *subject) saw(i int32) string {
	o := s.ops[i]
	when := "begun at " + checkers.At(s.time(o.call)) + " and never acknowledged"
	verb := "took effect"
	if o.ret != pending {
		when, verb = "at "+checkers.At(s.time(o.ret)), "succeeded"
	}
	switch {
	case o.kind == write:
		return fmt.Sprintf("%s wrote %s (%s)", s.who(o.call), s.value(i), when)
	case o.kind == cas:
		return fmt.Sprintf("%s's compare-and-set of %s %s (%s)", s.who(o.call), s.value(i), verb, when)
	case s.noun(i) == "read":
		return fmt.Sprintf("%s read %s %s", s.who(o.call), s.value(i), when)
	default:
		return fmt.Sprintf("%s's compare-and-set failed because it saw %s (%s)", s.who(o.call), s.value(i), when)
	}
}

// had tells an operation that came before: "process 3's write of 42 had been acknowledged".
func (s *subject) had(i int32) string {
	o := s.ops[i]
	switch {
	case o.kind == read && s.noun(i) == "read":
		return fmt.Sprintf("%s had read %s", s.who(o.call), s.value(i))
	case o.kind == read:
		return fmt.Sprintf("%s's compare-and-set had seen %s", s.who(o.call), s.value(i))
	case o.ret == math.MaxInt32:
		return fmt.Sprintf("%s's %s of %s, never acknowledged, took effect", s.who(o.call), s.noun(i), s.value(i))
	}
	return fmt.Sprintf("%s's %s of %s had been acknowledged", s.who(o.call), s.noun(i), s.value(i))
}
