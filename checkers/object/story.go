package object

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/engine/monitor"
	"github.com/faultline-dev/faultline/checkers/engine/search"
	"github.com/faultline-dev/faultline/harness/history"
)

// story is why an object is not linearizable.
type story struct {
	sentence string
	proof    []op
	detail   Detail
}

// Detail is the data behind an anomaly, for a picture.
type Detail struct {
	Kind    string `json:"kind"`    // "object"
	Object  string `json:"object"`  // the type's name
	Engine  string `json:"engine"`  // monitor, words or search
	Pattern string `json:"pattern"` // what a monitor calls it; "" of a search
	// Stuck is the index of the event with which the object fails: a completion up to just
	// before which there is a legal order. -1 where that is not known.
	Stuck int `json:"stuck"`
	// Proof are the invocations of the operations that fail by themselves, and Minimal is set if
	// none of them can be left out, with what goes together with it. An operation that the
	// object started with is not among them.
	Proof   []int `json:"proof,omitempty"`
	Minimal bool  `json:"minimal"`
	// Order are the invocations, as indices of events, in a legal order of what comes before
	// Stuck.
	Order []int `json:"order,omitempty"`
}

// longestOrder bounds the order that is told: its end is what matters.
const longestOrder = 64

// patterns are what monitors find, in words.
var patterns = map[string]string{
	"taken-twice":              "an element came out twice",
	"never-put":                "an element came out that nobody had put in",
	"taken-before-put":         "an element came out before it was put in",
	"empty-while-inside":       "nothing was found although something was inside all the while",
	"overtaken":                "an element was overtaken by one that was put in later",
	"not-last-in-first-out":    "an element came out from under another one",
	"out-of-turn":              "an element came out although a lesser one was inside all the while",
	"below-zero":               "the sum was read as less than it was at first",
	"counted-twice":            "two increments returned the same sum",
	"backwards":                "the sum went backwards",
	"uncounted":                "an increment was not counted",
	"too-high":                 "the sum was higher than all increments by then can have made it",
	"too-low":                  "the sum was lower than the increments by then had made it",
	"double-grant":             "two held it at the same time",
	"token-regression":         "a grant's token was no greater than that of the one before",
	"acquired-while-holding":   "it was granted to its holder once more",
	"released-without-holding": "it was released by one that did not hold it",
	"released-when-free":       "it was released when nobody held it",
	"absent-while-inside":      "an element was missed that was inside all the while",
	"removed-twice":            "an element that was added once was removed twice",
	"never-added":              "an element was there that nobody had added",
	"seen-before-added":        "an element was there before it was added",
	"seen-after-removed":       "an element was there after it had been removed",
}

// told is how many operations a sentence names.
const told = 4

// monitorStory tells what a monitor found.
func (s *subject) monitorStory(ctx context.Context, ops []op, r monitor.Result) *story {
	t := &story{detail: Detail{Kind: "object", Object: s.kind.Name, Engine: byMonitor, Stuck: -1}}
	if kept, least := s.reduce(ctx, ops, false, r.Witness); kept != nil {
		if again := s.watch(kept); again.Verdict == monitor.Illegal {
			ops, r = kept, again
			t.prove(s, kept, least)
		}
	}
	about := make([]op, len(r.Witness))
	for k, i := range r.Witness {
		about[k] = ops[i]
	}
	if t.proof == nil {
		t.proof = about
	}
	t.detail.Pattern = r.Pattern
	what, known := patterns[r.Pattern]
	if !known {
		what = strings.ReplaceAll(r.Pattern, "-", " ")
	}
	t.sentence = what + ": " + s.names(about)
	return t
}

// prove makes operations the story's proof.
func (t *story) prove(s *subject, kept []op, least bool) {
	t.proof, t.detail.Minimal = kept, least
	for _, o := range kept {
		if at := s.event(o.call); at >= 0 {
			t.detail.Proof = append(t.detail.Proof, at)
		}
	}
	slices.Sort(t.detail.Proof)
	t.detail.Proof = slices.Compact(t.detail.Proof)
}

// names describes some operations, the first of them.
func (s *subject) names(ops []op) string {
	var names []string
	for _, o := range ops[:min(told, len(ops))] {
		names = append(names, s.describe(o))
	}
	if more := len(ops) - told; more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, "; ")
}

// searchStory tells where a search got stuck.
func (s *subject) searchStory(ctx context.Context, ops []op, alone bool, r search.Result) *story {
	t := &story{detail: Detail{Kind: "object", Object: s.kind.Name, Engine: bySearch, Stuck: s.event(r.At)}}
	order := r.Order()
	for _, i := range order[max(0, len(order)-longestOrder):] {
		if at := s.event(ops[i].call); at >= 0 {
			t.detail.Order = append(t.detail.Order, at)
		}
	}
	at := returned(ops, r.At)
	if at < 0 {
		return t
	}
	t.proof = ops[at : at+1]
	t.sentence = fmt.Sprintf("%s fits into no order of the operations: up to just before it completed there is one", s.describe(ops[at]))
	kept, least := s.reduce(ctx, ops, alone, []int32{int32(at)})
	if kept == nil {
		return t
	}
	again := s.search(ctx, kept, alone, limits{memory: mostMemory}, search.Options{})
	at = returned(kept, again.At)
	if again.Verdict != search.Illegal || at < 0 {
		return t
	}
	t.prove(s, kept, least)
	switch others := slices.Delete(slices.Clone(kept), at, at+1); {
	case len(others) == 0:
		t.sentence = s.describe(kept[at]) + " cannot have been"
	case least:
		t.sentence = fmt.Sprintf("%s fits into no order with %s", s.describe(kept[at]), s.names(others))
	}
	return t
}

// describe puts an operation into words.
func (s *subject) describe(o op) string {
	call := s.event(o.call)
	if call < 0 && o.do.F == acquire {
		return fmt.Sprintf("process %s, which holds it at first", s.of(o.do.A))
	}
	if call < 0 {
		return fmt.Sprintf("%s, which is there at first", s.value(o))
	}
	e := s.H.At(call)
	text := fmt.Sprintf("process %d's %s", e.Process, e.F)
	if v := s.value(o); v != "" {
		text += " of " + v
	}
	if o.do.F == takeNone {
		text += ", which found nothing"
	}
	if o.ret == pending {
		return text + fmt.Sprintf(" (from %s, never completed)", s.When(call))
	}
	return text + fmt.Sprintf(" (%s to %s)", s.When(call), s.When(s.event(o.ret)))
}

// value is what an operation was about.
func (s *subject) value(o op) string {
	switch o.do.F {
	case put, take, putNew:
		return s.of(o.do.A).String()
	case present:
		return s.of(o.do.A).String() + ", which was there,"
	case absent:
		return s.of(o.do.A).String() + ", which was not there,"
	case takeAny:
		if s.kind.Name == set.Name {
			return s.of(o.do.A).String()
		}
		return ""
	case takeNone, acquire, release:
		return ""
	}
	if call := s.event(o.call); call >= 0 {
		v := s.H.At(call).Value
		if o.ret != pending {
			if out := s.H.At(s.event(o.ret)).Value; !out.IsNil() {
				v = out
			}
		}
		return clip(v)
	}
	return ""
}

func clip(v history.Value) string {
	text := v.String()
	if r := []rune(text); len(r) > 60 {
		return string(r[:60]) + "..."
	}
	return text
}

// anomaly is the story as a result holds it.
func (t *story) anomaly(s *subject) checkers.Anomaly {
	a := checkers.Anomaly{Name: "nonlinearizable", Sentence: t.sentence, Detail: t.detail}
	for _, o := range t.proof {
		for _, moment := range [...]int32{o.call, o.ret} {
			if at := s.event(moment); at >= 0 && at < s.H.Len() {
				a.Ops = append(a.Ops, at)
			}
		}
	}
	slices.Sort(a.Ops)
	a.Ops = slices.Compact(a.Ops)
	if s.Keyed {
		key := s.Key
		a.Key, a.Sentence = &key, fmt.Sprintf("on key %s, %s", s.KeyName(), a.Sentence)
	}
	return a
}
