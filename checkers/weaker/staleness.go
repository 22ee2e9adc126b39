package weaker

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

// Staleness returns a checker that judges nothing but values that nobody wrote, and measures
// how far reads lag behind.
//
// Which read is stale. A version v had come about when the first operation on it returned.
// A version u is *later* than v if its write began after that; and it, too, had come about
// when the first operation on it returned. So a read of v that began after some later u had
// come about is stale, in every order that respects the real time of writes, whatever other
// reads saw. Its staleness is
//
//   - in time: from the moment at which the first later version had come about, until the
//     read began. It is exact by this definition, and no less than that is what the read
//     would have to be moved back by to be current;
//   - in versions: how many later ones had come about by then. It is a lower bound: of
//     writes that overlap, some more may have been in between. So k-atomicity (Aiyer, Alvisi
//     and Bazzi, DISC 2005) fails for every k up to the greatest number of these. For k = 2
//     it is decided exactly (twoatomic.go), and k = 1 is linearizability; no way is known
//     that is fast for more.
//
// What the keys as wholes say is Delta-atomicity (Golab, Li and Shah, PODC 2011): the least
// time such that the key is linearizable if each read may take effect so much earlier than
// it began. It is computed to the nanosecond (delta.go) and takes into account what the
// first measure does not: reads that contradict each other about the order of writes that
// overlapped.
func Staleness() checkers.Checker { return staleness{} }

type staleness struct{}

func (staleness) Name() string { return "staleness" }

func (s staleness) Check(ctx context.Context, h *history.History, budget checkers.Budget) checkers.Result {
	result := checkers.Result{Checker: s.Name()}
	budget = budget.OrDefault()
	if why := tooLarge(h, budget.Memory); why != "" {
		result.Doubt("the history", why)
		return result
	}
	ctx, cancel := context.WithTimeout(ctx, budget.Time)
	defer cancel()
	all, processes := registers(h, history.Nil)
	m := measure{clock: recorded(h), tails: newTails(processes), broken: map[guarantee]int{}}
	for _, r := range all {
		r.afford(ctx, budget.Memory)
		switch {
		case r.Fault != "":
			result.Doubt(r.name(), r.Fault)
		case r.phantom != none:
			result.Valid = checkers.Invalid
			if len(result.Anomalies) < maxAnomalies {
				result.Anomalies = append(result.Anomalies, r.phantomAnomaly())
			}
		default:
			m.take(ctx, r)
		}
	}
	m.report(&result)
	return result
}

// Measured returns a checker that adds the measure of staleness to what another one finds,
// if that is not a valid history: what is linearizable has no stale reads.
func Measured(c checkers.Checker) checkers.Checker { return measured{c} }

type measured struct{ checkers.Checker }

func (m measured) Check(ctx context.Context, h *history.History, budget checkers.Budget) checkers.Result {
	result := m.Checker.Check(ctx, h, budget)
	if result.Valid == checkers.Invalid {
		more := Staleness().Check(ctx, h, budget)
		result.Figures = append(result.Figures, more.Figures...)
		result.Measure = more.Measure
	}
	return result
}

// recorded is when each event was recorded: its time, unless an earlier event's is greater
// (an operation may be due before it could be issued), so that it goes by the order of events.
func recorded(h *history.History) []int64 {
	clock := make([]int64, h.Len())
	now := int64(math.MinInt64)
	for i := range clock {
		now = max(now, h.At(i).Time)
		clock[i] = now
	}
	return clock
}

// stale is one stale read.
type stale struct {
	r        *register
	op       int32
	by       int64 // nanoseconds
	versions int
	newer    int32 // the version that had come about first of those that are later
}

// measure is what has been found of all keys.
type measure struct {
	clock []int64
	tails *tails
	reads int
	stale []stale

	torn     int   // keys that are not linearizable
	blamed   int   // and are without their stale reads and so many
	doubtful int   // others that contradict those left
	stuck    int   // keys whose mutations alone are not linearizable
	delta    int64 // the greatest of those keys that some delta makes linearizable
	beyond   int   // keys that no delta does
	unknown  int   // keys for whose delta there was no time

	twoAtomic int // keys that are not linearizable, but 2-atomic
	further   int // and those that are not 2-atomic either; of others it is not known

	incoherent int
	broken     map[guarantee]int // keys on which a session guarantee does not hold
}

// take measures one key.
func (m *measure) take(ctx context.Context, r *register) {
	seen := r.appeared()
	for _, o := range r.ops {
		if o.kind == read {
			m.reads++
		}
	}
	found := r.staleReads(m.clock, seen)
	m.stale = append(m.stale, found...)
	z := newZones(r)
	if z.linearizable(z.calls) {
		return
	}
	m.torn++
	if r.contradiction(m.tails) != nil {
		m.incoherent++
		p := r.past(m.tails)
		for _, g := range guarantees {
			if r.sessionCycle(g.is, p, nil) != nil {
				m.broken[g.is]++
			}
		}
	}
	switch holds, known := r.twoAtomic(seen); {
	case holds:
		m.twoAtomic++
	case known:
		m.further++
	}
	without := slices.Clone(z.calls)
	for _, s := range found {
		without[s.op] = left
	}
	switch more, rest := z.leaveOut(without); {
	case rest == nil:
		m.blamed++
		m.doubtful += more
	case !z.amongReads(rest):
		m.stuck++
	}
	switch d, ok := z.delta(ctx, m.clock); {
	case ctx.Err() != nil:
		m.unknown++
	case !ok:
		m.beyond++
	default:
		m.delta = max(m.delta, d)
	}
}

// appeared is, by version, the event by which it had come about: the first return of an
// operation on it. A compare-and-set's return is also one by which what it replaced had.
func (r *register) appeared() []int32 {
	seen := make([]int32, len(r.values))
	for v := range seen {
		seen[v] = pending
	}
	seen[initial] = none
	for _, o := range r.ops {
		if o.reads() {
			seen[o.from] = min(seen[o.from], o.ret)
		}
		if o.mutates() {
			seen[o.to] = min(seen[o.to], o.ret)
		}
	}
	for v, w := range r.writer {
		if w != none { // seen before it was written, it came about then at the earliest
			seen[v] = max(seen[v], r.ops[w].call)
		}
	}
	return seen
}

// staleReads finds them, in order of invocation.
func (r *register) staleReads(clock []int64, seen []int32) []stale {
	// Versions by when their write began, and of each suffix the one that had come about first.
	var begun []int32
	for _, o := range r.ops {
		if o.mutates() {
			begun = append(begun, o.to)
		}
	}
	call := func(v int32) int32 { return r.ops[r.writer[v]].call }
	earliest := make([]int32, len(begun))
	for k := len(begun) - 1; k >= 0; k-- {
		earliest[k] = begun[k]
		if k+1 < len(begun) && seen[earliest[k+1]] < seen[begun[k]] {
			earliest[k] = earliest[k+1]
		}
	}
	after := func(v int32) int { // the first in begun that is later than v
		return sort.Search(len(begun), func(k int) bool { return call(begun[k]) > seen[v] })
	}
	var found []stale
	for i, o := range r.ops {
		if o.kind != read {
			continue
		}
		k := after(o.from)
		if k == len(begun) || seen[earliest[k]] > o.call {
			continue
		}
		by := clock[o.call] - clock[seen[earliest[k]]]
		found = append(found, stale{r: r, op: int32(i), by: by, newer: earliest[k]})
	}
	if len(found) == 0 {
		return nil
	}
	// Count by sweeping over invocations: a tree holds the versions that had come about, by
	// their places in begun (Fenwick, SP&E 1994).
	place := make([]int32, len(begun))
	for k := range place {
		place[k] = int32(k)
	}
	slices.SortFunc(place, func(a, b int32) int { return cmp.Compare(seen[begun[a]], seen[begun[b]]) })
	tree := make([]int, len(begun)+1)
	next := 0
	for n := range found {
		s := &found[n]
		o := r.ops[s.op]
		for ; next < len(place) && seen[begun[place[next]]] < o.call; next++ {
			for k := int(place[next]) + 1; k < len(tree); k += k & -k {
				tree[k]++
			}
		}
		s.versions = next
		for k := after(o.from); k > 0; k -= k & -k {
			s.versions -= tree[k]
		}
	}
	return found
}

// report puts the measure into figures and a sentence.
func (m *measure) report(result *checkers.Result) {
	figure := func(name string, value float64, unit, note string) {
		result.Figures = append(result.Figures, checkers.Figure{Name: name, Value: value, Unit: unit, Note: note})
	}
	share := 0.0
	if m.reads > 0 {
		share = float64(len(m.stale)) / float64(m.reads)
	}
	figure("stale reads", share, "ratio", fmt.Sprintf("%d of %d reads saw a version that had certainly been overwritten before they began", len(m.stale), m.reads))
	if len(m.stale) > 0 {
		slices.SortFunc(m.stale, func(a, b stale) int { return cmp.Compare(a.by, b.by) })
		for _, q := range []struct {
			name string
			of   int
		}{{"p50", 50}, {"p99", 99}, {"max", 100}} {
			s := m.stale[(len(m.stale)-1)*q.of/100]
			note := "of the stale reads; from when the first newer version had certainly come about until the read began"
			if q.of == 100 {
				note = s.tell()
			}
			figure("staleness "+q.name, float64(s.by)/1e6, "ms", note)
		}
		slices.SortFunc(m.stale, func(a, b stale) int { return cmp.Compare(a.versions, b.versions) })
		worst := m.stale[len(m.stale)-1]
		figure("versions behind p50", float64(m.stale[(len(m.stale)-1)/2].versions), "", "of the stale reads; at least: only those that had certainly come about are counted")
		figure("versions behind p99", float64(m.stale[(len(m.stale)-1)*99/100].versions), "", "")
		figure("versions behind max", float64(worst.versions), "", worst.tell())
	}
	if m.torn > 0 {
		figure("keys not linearizable", float64(m.torn), "", "")
		figure("keys 2-atomic", float64(m.twoAtomic), "", "of those: linearizable if each read may see the version before the newest")
		figure("keys not 2-atomic", float64(m.further), "", "either; of those with compare-and-sets it is not known")
		figure("keys not coherent", float64(m.incoherent), "", "")
		for _, g := range guarantees {
			figure("keys without "+string(g.model), float64(m.broken[g.is]), "", "")
		}
		figure("reads at odds with others", float64(m.doubtful), "", "not certainly stale: they contradict others about the order of writes that overlapped")
		figure("keys linearizable but for stale reads and such", float64(m.blamed), "", "")
		if m.torn > m.beyond+m.unknown {
			figure("delta", float64(m.delta)/1e6, "ms", "the least time such that the keys are linearizable if each read may take effect so much before it began")
		}
		if m.beyond > 0 {
			figure("keys beyond any delta", float64(m.beyond), "", "not linearizable however stale reads may be")
		}
		if m.unknown > 0 {
			figure("keys without a delta", float64(m.unknown), "", "there was no time to find it")
		}
	}
	result.Measure = m.sentence()
}

// sentence says it all in one, for a person; "" if there is nothing to say.
func (m *measure) sentence() string {
	switch {
	case m.reads == 0:
		return ""
	case m.torn == 0:
		return "linearizable"
	}
	var b strings.Builder
	if m.blamed == m.torn {
		fmt.Fprintf(&b, "linearizable but for %s of reads, ", percent(len(m.stale)+m.doubtful, m.reads))
	} else if len(m.stale) > 0 {
		fmt.Fprintf(&b, "%s of reads stale, ", percent(len(m.stale), m.reads))
	}
	if len(m.stale) > 0 {
		var by int64
		versions := 0
		for _, s := range m.stale {
			by, versions = max(by, s.by), max(versions, s.versions)
		}
		fmt.Fprintf(&b, "worst %s, %s behind", plural(versions, "version"), checkers.Span(by))
	} else if m.blamed == m.torn {
		b.WriteString("none certainly stale")
	} else {
		b.WriteString("no read certainly stale")
	}
	if m.stuck > 0 {
		fmt.Fprintf(&b, "; %s not linearizable whatever reads saw", are(m.stuck, "key"))
	}
	if rest := m.torn - m.blamed - m.stuck; rest > 0 {
		fmt.Fprintf(&b, "; %s had not been looked into when time was up", plural(rest, "more key"))
	}
	return b.String()
}

// tell tells of a stale read.
func (s stale) tell() string {
	r, o := s.r, s.r.ops[s.op]
	text := fmt.Sprintf("%s %s, begun at %s", r.who(s.op), r.did(s.op), r.When(int(o.call)))
	w := r.ops[r.writer[s.newer]]
	text += fmt.Sprintf("; %s's %s of %s had begun at %s", r.Who(int(w.call)), r.H.At(int(w.call)).F, r.value(s.newer), r.When(int(w.call)))
	if r.Keyed {
		text = fmt.Sprintf("on key %s, %s", r.KeyName(), text)
	}
	return text
}

func percent(n, of int) string {
	p := 100 * float64(n) / float64(of)
	if p < 0.1 {
		return fmt.Sprintf("%.2g%%", p)
	}
	return fmt.Sprintf("%.1f%%", p)
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func are(n int, noun string) string {
	if n == 1 {
		return "1 " + noun + " is"
	}
	return fmt.Sprintf("%d %ss are", n, noun)
}
