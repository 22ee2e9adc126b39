package weaker

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/faultline-dev/faultline/checkers"
)

// When is an acknowledged write W lost? A store that loses none may be thought to let each
// write take effect at one moment: between its invocation and its completion or, if it is in
// doubt, at any moment after its invocation, or never. The one that takes effect last is
// what remains; of two that overlap it may be either, as where the last write wins. So W is
// lost if what remains is a write V that certainly took effect before W did, or nothing:
//
//   - V had come about when W was invoked. That is: by then V had been acknowledged, or read,
//     or a compare-and-set that had come about had replaced it;
//   - or W is a compare-and-set that replaced V, or what came after V in one of these ways.
//
// A write in doubt that only final reads saw may have overwritten everything.
//
// A store of siblings keeps what is written concurrently side by side, and a write overwrites
// no more than what its client had read there (DeCandia and others, SOSP 2007, section 4.4).
// So W must be among the siblings, or one of them may have overwritten it, or have
// overwritten what did: then its process had learnt of the key after W was invoked. Else W
// is lost. (Its process is enough to look at: whoever overwrote what overwrote W had learnt
// of that even later.)

// timeWrites finds by when each write certainly had taken effect and by when it had not yet.
func (e *ending) timeWrites() {
	if e.Fault != "" {
		return
	}
	for i := range e.writes {
		w := &e.writes[i]
		w.cameAbout, w.after = w.ret, w.call
	}
	for _, f := range e.findings {
		for _, v := range f.values {
			if n, found := e.writer[v]; found {
				e.writes[n].cameAbout = min(e.writes[n].cameAbout, f.ret)
			}
		}
	}
	var chained []int32
	for i, w := range e.writes {
		if w.cas {
			chained = append(chained, int32(i))
		}
	}
	// What was replaced came about no later than what replaced it. The earliest go first, so
	// that each is moved once.
	slices.SortFunc(chained, func(a, b int32) int { return cmp.Compare(e.writes[a].cameAbout, e.writes[b].cameAbout) })
	for _, n := range chained {
		at := e.writes[n].cameAbout
		for p, found := e.before(n); found && e.writes[p].cameAbout > at; p, found = e.before(p) {
			e.writes[p].cameAbout = at
		}
	}
	// And what replaced it took effect no earlier. The latest go first.
	order := make([]int32, len(e.writes))
	for i := range order {
		order[i] = int32(len(order) - 1 - i)
	}
	next := e.replacements()
	for _, n := range order {
		for todo := []int32{n}; len(todo) > 0; {
			p := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			for _, s := range next[p] {
				if e.writes[s].after < e.writes[n].after {
					e.writes[s].after = e.writes[n].after
					todo = append(todo, s)
				}
			}
		}
	}
}

// before is the write that a compare-and-set replaced.
func (e *ending) before(n int32) (int32, bool) {
	if !e.writes[n].cas {
		return 0, false
	}
	p, found := e.writer[e.writes[n].replaced]
	return p, found
}

// replacements are, for each write, the compare-and-sets that replaced it.
func (e *ending) replacements() map[int32][]int32 {
	next := map[int32][]int32{}
	for n := range int32(len(e.writes)) {
		if p, found := e.before(n); found {
			next[p] = append(next[p], n)
		}
	}
	return next
}

// lostWrite finds an acknowledged write that no final read accounts for: the one that began
// last, as that one nothing else can have overwritten.
func (e *ending) lostWrite(finals []finding) *checkers.Anomaly {
	lost := make([]int, len(e.writes)) // by how many different findings
	var different []finding
	for _, f := range finals {
		if slices.ContainsFunc(different, func(g finding) bool { return slices.Equal(f.values, g.values) && f.siblings == g.siblings }) {
			continue
		}
		different = append(different, f)
		follows := e.follows(f)
		for i, w := range e.writes {
			if w.ret != later && !e.accounts(f, int32(i), follows) {
				lost[i]++
			}
		}
	}
	last, count := -1, 0
	for i := range e.writes {
		if lost[i] == len(different) {
			last, count = i, count+1
		}
	}
	if last < 0 {
		return nil
	}
	w, f := e.writes[last], different[0]
	text := fmt.Sprintf("%s's %s of %s was acknowledged at %s, but after healing %s", e.Who(w.call), e.H.At(w.call).F, w.value, e.When(w.ret), e.remains(different, len(finals)))
	switch {
	case len(f.values) == 0 || len(different) > 1:
		text += ", and nothing later had overwritten it"
	case f.siblings:
		text += ", none of which was written by a process that had learnt of the key since then"
	default:
		v := e.writes[e.writer[f.values[0]]]
		switch {
		case v.cameAbout < w.call && v.ret == v.cameAbout:
			text += fmt.Sprintf(", whose write had been acknowledged to %s %s before that %s began", e.Who(v.call), checkers.Span(e.Time(w.call)-e.Time(v.ret)), e.H.At(w.call).F)
		case v.cameAbout < w.call:
			text += fmt.Sprintf(", which had come about %s before that %s began", checkers.Span(e.Time(w.call)-e.Time(v.cameAbout)), e.H.At(w.call).F)
		default:
			text += ", which compare-and-sets had replaced"
		}
	}
	if count > 1 {
		text += fmt.Sprintf("; the same is true of %d earlier ones", count-1)
	}
	proof := append(e.proof(f), w.call, w.ret)
	if len(f.values) > 0 && !f.siblings {
		proof = append(proof, e.completed(e.writes[e.writer[f.values[0]]].cameAbout)...)
	}
	for _, g := range different[1:] {
		proof = append(proof, e.proof(g)...)
	}
	return e.accuse("lost-write", text, proof)
}

// remains says what final reads found: all of them the same, or not.
func (e *ending) remains(different []finding, reads int) string {
	f := different[0]
	switch {
	case reads == 1:
		return fmt.Sprintf("the only read, %s's at %s, found %s", e.Who(f.ret), e.When(f.ret), e.found(f))
	case len(different) == 1 && reads == 2:
		return fmt.Sprintf("both reads found %s, %s's at %s the first", e.found(f), e.Who(f.ret), e.When(f.ret))
	case len(different) == 1:
		return fmt.Sprintf("all %d reads found %s, %s's at %s the first", reads, e.found(f), e.Who(f.ret), e.When(f.ret))
	}
	return fmt.Sprintf("reads found other values, %s's at %s %s", e.Who(f.ret), e.When(f.ret), e.found(f))
}

// completed are the events of the operation on the key that was completed by one.
func (e *ending) completed(ret int) []int {
	for _, f := range e.findings {
		if f.ret == ret {
			return []int{f.call, f.ret}
		}
	}
	for _, w := range e.writes {
		if w.ret == ret {
			return []int{w.call, w.ret}
		}
	}
	return nil
}

// accounts says whether what a final read found leaves room for a write to have been
// overwritten, or is it.
func (e *ending) accounts(f finding, n int32, follows map[int32]bool) bool {
	w := e.writes[n]
	for _, value := range f.values {
		m, found := e.writer[value]
		if !found || m == n {
			return true // it is there; of what nobody wrote nothing follows
		}
		v := e.writes[m]
		if v.cameAbout < w.after || follows[n] || f.siblings && v.knew < w.call {
			continue
		}
		return true
	}
	return false
}

// follows are the writes that replaced what a read of one value found, or what did.
func (e *ending) follows(f finding) map[int32]bool {
	all := map[int32]bool{}
	if f.siblings || len(f.values) == 0 {
		return all
	}
	m, found := e.writer[f.values[0]]
	if !found {
		return all
	}
	next := e.replacements()
	for todo := []int32{m}; len(todo) > 0; {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, s := range next[n] {
			if !all[s] {
				all[s] = true
				todo = append(todo, s)
			}
		}
	}
	return all
}
