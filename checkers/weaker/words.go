package weaker

import (
	"fmt"
	"slices"
	"strings"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

// witness proves that an order cannot exist: hops that lead in a circle, each saying that
// what it leads to comes later; or a knot.
type witness struct {
	hops  []edge
	links []int32 // compare-and-sets that tie the operations of one block together
	knot  *knot
}

// operations are those that the witness is made of.
func (w *witness) operations() []int32 {
	var ops []int32
	for _, h := range w.hops {
		ops = append(ops, h.a, h.b)
	}
	if k := w.knot; k != nil {
		ops = append(append(ops, k.a, k.b), k.links...)
	}
	return append(ops, w.links...)
}

// maxProof bounds the operations that an anomaly names.
const maxProof = 1000

// events are those of the operations, of those that wrote what they saw, and of those that
// show that one in doubt took effect: these events alone would be an anomaly, too.
func (r *register) events(ops []int32) []int {
	var events []int
	named := map[int32]bool{none: true}
	for k := 0; k < len(ops) && len(named) <= maxProof; k++ {
		i := ops[k]
		if named[i] {
			continue
		}
		named[i] = true
		o := r.ops[i]
		events = append(events, int(o.call))
		if o.ret != pending {
			events = append(events, int(o.ret))
		}
		if o.reads() {
			ops = append(ops, r.writer[o.from])
		}
		if o.ret == pending {
			ops = append(ops, r.witnesses(o.to)...)
		}
	}
	slices.Sort(events)
	return events
}

// witnesses saw a version: one that returned, or else all that may have.
func (r *register) witnesses(v int32) []int32 {
	var found []int32
	for i, o := range r.ops {
		if !o.reads() || o.from != v {
			continue
		}
		if o.ret != pending {
			return []int32{int32(i)}
		}
		found = append(found, int32(i))
	}
	return found
}

// value is a version in words.
func (r *register) value(v int32) string {
	if r.values[v].IsNil() {
		return "nothing"
	}
	return r.values[v].String()
}

// did tells what an operation did: "wrote 5 at 1.200 s".
func (r *register) did(i int32) string {
	o := r.ops[i]
	when := "at " + r.When(int(o.call)) + ", never acknowledged"
	if o.ret != pending {
		when = "at " + r.When(int(o.ret))
	}
	switch o.kind {
	case write:
		return fmt.Sprintf("wrote %s (%s)", r.value(o.to), when)
	case cas:
		return fmt.Sprintf("replaced %s by %s (%s)", r.value(o.from), r.value(o.to), when)
	}
	verb := "read"
	if r.H.At(int(o.call)).F != "read" {
		verb = "compared and saw"
	}
	return fmt.Sprintf("%s %s (%s)", verb, r.value(o.from), when)
}

func (r *register) who(i int32) string { return r.Who(int(r.ops[i].call)) }

// tell tells a witness, but for what follows from it.
func (r *register) tell(w *witness) string {
	if k := w.knot; k != nil {
		if k.b != none {
			return fmt.Sprintf("%s %s, and %s %s, too, though nobody had written that again", r.who(k.a), r.did(k.a), r.who(k.b), r.did(k.b))
		}
		return fmt.Sprintf("%s %s, though %s itself came about only by way of %s", r.who(k.a), r.did(k.a),
			r.value(r.ops[k.a].from), r.value(r.ops[k.a].to))
	}
	var parts []string
	hops := w.hops
	if len(hops) > 1 && hops[0].why == first {
		hops = append(slices.Clone(hops[1:]), hops[0])
	}
	for k, h := range hops {
		switch {
		case h.why == replaced:
			parts = append(parts, fmt.Sprintf("%s %s", r.who(h.b), r.did(h.b)))
		case h.why == first:
			parts[len(parts)-1] += ", which was there before all else"
		case k > 0 && hops[k-1].why == inOrder && hops[k-1].b == h.a:
			parts[len(parts)-1] += " and then " + r.did(h.b)
		default:
			parts = append(parts, fmt.Sprintf("%s %s and then %s", r.who(h.a), r.did(h.a), r.did(h.b)))
		}
	}
	text := shorten(parts)
	for k, i := range w.links {
		if k == 2 {
			text += fmt.Sprintf(" (and %d more compare-and-sets)", len(w.links)-k)
			break
		}
		text += fmt.Sprintf("; %s %s at once", r.who(i), r.did(i))
	}
	return text
}

// maxParts is how many parts of a circle a sentence tells.
const maxParts = 6

// shorten joins the parts of a circle to a sentence.
func shorten(parts []string) string {
	if cut := len(parts) - maxParts; cut > 1 {
		rest := parts[len(parts)-1]
		parts = append(parts[:maxParts-1:maxParts-1], fmt.Sprintf("and so on over %d more", cut), rest)
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return strings.Join(parts[:len(parts)-1], "; ") + "; but " + parts[len(parts)-1]
}

// phantomAnomaly tells of a value that nobody wrote.
func (r *register) phantomAnomaly() checkers.Anomaly {
	o := r.ops[r.phantom]
	a := checkers.Anomaly{Name: "phantom-value", Ops: []int{int(o.call), int(o.ret)}}
	a.Sentence = fmt.Sprintf("%s %s, which nobody had written", r.who(r.phantom), r.did(r.phantom))
	if e, found := r.rejected[o.from]; found {
		done := r.H.At(int(e[1]))
		a.Ops = append(a.Ops, int(e[0]), int(e[1]))
		a.Sentence += fmt.Sprintf(": %s's %s of it certainly failed at %s", r.Who(int(e[0])), done.F, checkers.At(done.Time))
		if done.Error != "" {
			a.Sentence += " (" + done.Error + ")"
		}
	}
	if o.ret == pending {
		a.Ops = slices.DeleteFunc(a.Ops, func(e int) bool { return e == pending })
	}
	slices.Sort(a.Ops)
	if r.Keyed {
		key := r.Key
		a.Key, a.Sentence = &key, "on key "+history.Int(key).String()+", "+a.Sentence
	}
	return a
}
