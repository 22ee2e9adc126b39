package faultline

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/counter"
	"github.com/faultline-dev/faultline/checkers/engine/replicas"
	"github.com/faultline-dev/faultline/checkers/engine/search"
	"github.com/faultline-dev/faultline/checkers/engine/synth"
	"github.com/faultline-dev/faultline/checkers/linearizable"
	"github.com/faultline-dev/faultline/checkers/lock"
	"github.com/faultline-dev/faultline/checkers/weaker"
	"github.com/faultline-dev/faultline/harness/history"
)

// trial compares an engine with an oracle on random histories.
type trial struct {
	engine string // that decides most of them
	what   string // the histories are of
	oracle string
	every  int // only each so-manieth, because histories are large
	// history makes one from a seed.
	history func(seed uint64) (*history.History, error)
	judge   func(ctx context.Context, h *history.History) answer
	// truth is what the oracle says: Unknown if nobody can know. Nil of an answer: it has none.
	truth func(h *history.History) *answer
	// made says whether the seed's history is legal by construction; nil: that is not known.
	made func(seed uint64) bool
}

// answer is a verdict, or what was measured besides.
type answer struct {
	valid    checkers.Validity
	measured string
	engine   string
	told     string // why
}

func (a answer) String() string {
	return strings.TrimSpace(a.valid.String() + " " + a.measured)
}

// patience is the time for one history; small ones take microseconds. An oracle has less: it
// may do without an answer on histories of middle size.
const (
	patience = 2 * time.Second
	hurry    = 100 * time.Millisecond
)

// The oracles.
const (
	byOrders       = "all orders"
	byPorcupine    = "porcupine"
	byConstruction = "construction"
)

// trials are all that is compared.
func trials() []trial {
	return slices.Concat(objectTrials(), searchTrials(), checkerTrials(), weakerTrials(), largeTrials())
}

// objectTrials are of the checkers that users get, by type of object: a history is decided by
// zones, a monitor, parts or a search, as it allows.
func objectTrials() []trial {
	var all []trial
	for _, object := range synth.Objects() {
		c, err := checkerOf(object)
		if err != nil {
			panic(err) // a type that synth has and object has not
		}
		m, judge := synth.ModelOf(object), judgeWith(c, synth.TypeOf(object))
		for _, repeat := range []bool{false, true} {
			if repeat && once(object) {
				continue
			}
			t := trial{engine: engineFor(object, repeat), what: named(object, repeat), judge: judge, oracle: byOrders, history: small(object, repeat), truth: ordered(m)}
			all = append(all, t)
			if m.Others == nil {
				t.what, t.oracle, t.every = t.what+", up to 200 operations", byPorcupine, 500
				t.history, t.truth = medium(object, repeat), porcupined(m)
				all = append(all, t)
			}
		}
		for _, violation := range synth.Violations(object) {
			all = append(all, trial{engine: engineFor(object, false), what: object + ", " + violation + " planted", judge: judge, oracle: byConstruction, every: 20,
				history: planted(object, violation), truth: func(*history.History) *answer { return &answer{valid: checkers.Invalid} }})
		}
	}
	return all
}

// once reports whether values of an object cannot repeat.
func once(object string) bool {
	return slices.Contains([]string{"counter", "mutex", "fenced-lock"}, object)
}

func named(object string, repeat bool) string {
	switch {
	case once(object):
		return object
	case repeat:
		return object + ", values repeated"
	}
	return object + ", values once"
}

// engineFor is which engine decides most histories.
func engineFor(object string, repeat bool) string {
	kind, by := synth.TypeOf(object), "monitor"
	switch {
	case (object == "register" || object == "cas-register") && !repeat:
		return "zones"
	case object == "register" || object == "cas-register" || object == "set" && repeat:
		by = "words"
	case object == "list" && !repeat:
		return "list checker"
	case object == "grow-only-set":
		return "set checker"
	case object == "set":
	case repeat || slices.Contains([]string{"bag", "multi-register", "set-read-whole"}, object):
		by = "search"
	}
	return by + " of " + kind
}

// judgeWith asks a checker, of a type of object perhaps, and tells by its figures which engine
// decided.
func judgeWith(c checkers.Checker, kind string) func(context.Context, *history.History) answer {
	return func(ctx context.Context, h *history.History) answer {
		r := c.Check(ctx, h, checkers.Budget{Time: patience, Workers: 1})
		a := answer{valid: r.Valid, engine: r.Checker + " checker", told: r.Reason}
		for _, f := range r.Figures {
			switch by, found := strings.CutPrefix(f.Name, "decided by "); {
			case by == "zones":
				a.engine = by
			case found:
				a.engine = by + " of " + kind
			case f.Name == "searched keys":
				a.engine = "search of " + kind
			}
		}
		if kind != "" && r.Valid == checkers.Unknown {
			a.engine = "undecided"
		}
		for _, an := range r.Anomalies {
			a.told += fmt.Sprintf("%s: %s\n", an.Name, an.Sentence)
		}
		return a
	}
}

func said(legal bool) *answer {
	if legal {
		return &answer{valid: checkers.Valid}
	}
	return &answer{valid: checkers.Invalid}
}

// ordered tries all orders of a small history.
func ordered(m *synth.Model) func(*history.History) *answer {
	return func(h *history.History) *answer { return said(m.Order(m.Gather(h))) }
}

// legal is ordered, but for what is illegal, of which it says nothing.
func legal(m *synth.Model) func(*history.History) *answer {
	return func(h *history.History) *answer {
		if !m.Order(m.Gather(h)) {
			return nil
		}
		return said(true)
	}
}

// porcupined asks porcupine, which may have no answer.
func porcupined(m *synth.Model) func(*history.History) *answer {
	return func(h *history.History) *answer {
		model, ops := m.Porcupine(m.Gather(h))
		r := porcupine.CheckOperationsTimeout(model, ops, hurry)
		if r == porcupine.Unknown {
			return nil
		}
		return said(r == porcupine.Ok)
	}
}

func small(object string, repeat bool) func(uint64) (*history.History, error) {
	return func(seed uint64) (*history.History, error) {
		h, _, err := synth.Small(object, seed, repeat)
		return h, err
	}
}

// medium makes histories that porcupine still decides, most of the time.
func medium(object string, repeat bool) func(uint64) (*history.History, error) {
	return func(seed uint64) (*history.History, error) {
		s := synth.Spec{Object: object, Operations: 20 + int(seed%180), Clients: 2 + int(seed%3), Crashed: int(seed % 3), Seed: seed, Pause: 0.3}
		if repeat {
			s.Values = 4
		}
		if v := synth.Violations(object); seed%2 == 0 {
			s.Violation = v[int(seed/2)%len(v)]
		}
		return s.Make()
	}
}

// planted makes larger histories that are illegal by construction.
func planted(object, violation string) func(uint64) (*history.History, error) {
	return func(seed uint64) (*history.History, error) {
		return synth.Spec{Object: object, Operations: 50 + int(seed%2000), Clients: 1 + int(seed%8), Crashed: int(seed % 5), Seed: seed, Violation: violation}.Make()
	}
}

// did is what an operation did, as a search is told: operations alike in it are alike.
type did struct {
	f         string
	arg, out  history.Value
	process   int
	isPending bool
}

// searchTrials are of the search itself, in all its ways, with each object as the oracles
// know it.
func searchTrials() []trial {
	var all []trial
	for _, object := range synth.Objects() {
		m := synth.ModelOf(object)
		if m.Others != nil {
			continue // a search knows what an operation does
		}
		for _, repeat := range []bool{false, true} {
			if repeat && once(object) {
				continue
			}
			// It is one engine, whatever the object.
			all = append(all, trial{engine: "search in every way", what: named(object, repeat), oracle: byOrders, every: 10,
				history: small(object, repeat), judge: searching(m, search.Ways), truth: ordered(m)})
		}
	}
	return all
}

// searching has a search decide a history in some ways; one that differs from the first is told
// as what was measured, which no oracle agrees with.
func searching(m *synth.Model, ways []search.Way) func(context.Context, *history.History) answer {
	operation := func(d did) *synth.Operation {
		return &synth.Operation{Process: d.process, F: d.f, Arg: d.arg, Out: d.out, Pending: d.isPending}
	}
	model := search.Model[any, did]{
		Init: m.Initial,
		Step: func(state any, d did) (any, bool) { return m.Step(state, operation(d)) },
		Pure: func(d did) bool { return slices.Contains(m.Reads, d.f) },
	}
	if m == synth.ModelOf("register") {
		model.Blind = func(d did) bool { return d.f == "write" }
	}
	verdicts := map[search.Verdict]checkers.Validity{search.Legal: checkers.Valid, search.Illegal: checkers.Invalid, search.Stopped: checkers.Unknown}
	return func(ctx context.Context, h *history.History) answer {
		var ops []search.Op[did]
		for _, o := range m.Gather(h) {
			d := did{f: o.F, arg: o.Arg, out: o.Out, isPending: o.Pending}
			if m.Owned {
				d.process = o.Process
			}
			ret := int32(search.Pending)
			if !o.Pending {
				ret = int32(o.Ret)
			}
			ops = append(ops, search.Op[did]{Call: int32(o.Call), Ret: ret, Do: d})
		}
		verdict := func(way search.Way) checkers.Validity {
			return verdicts[search.Decide(ctx, model, ops, way.Options(h.Len()%4)).Verdict]
		}
		a := answer{valid: verdict(ways[0])}
		for _, way := range ways[1:] {
			if v := verdict(way); v != a.valid {
				a.measured += fmt.Sprintf("but %s %s ", v, way.Name)
			}
		}
		return a
	}
}

// full are of registers that have more operations open at once than fit into words: because there
// are many clients, or because many never return.
func full(object string) []trial {
	c, err := checkerOf(object)
	if err != nil {
		panic(err)
	}
	of := func(engine, what string, made func(string, uint64) (*history.History, bool, error)) trial {
		return trial{engine: engine + " of " + object, what: object + ", " + what, oracle: byOrders, truth: ordered(synth.ModelOf(object)), judge: judgeWith(c, object),
			history: func(seed uint64) (*history.History, error) {
				h, _, err := made(object, seed)
				return h, err
			}}
	}
	return []trial{of("search", "many clients", synth.Crowded), of("words", "many crashed", synth.Crashing)}
}

// checkerTrials are of checkers of one thing each, and of porcupine as it is wrapped.
func checkerTrials() []trial {
	all := append(append(full("register"), full("cas-register")...),
		trial{engine: "counter checker", what: "counter", oracle: byOrders, history: small("counter", false),
			judge: judgeWith(counter.New(counter.Options{Linearizable: true}), ""), truth: ordered(synth.ModelOf("counter"))})
	for _, object := range []string{"register", "cas-register"} {
		m := synth.ModelOf(object)
		model, _ := m.Porcupine(nil)
		operations := func(h *history.History) ([]porcupine.Operation, error) {
			_, ops := m.Porcupine(m.Gather(h))
			return ops, nil
		}
		all = append(all, trial{engine: "porcupine checker", what: named(object, true), oracle: byOrders, history: small(object, true),
			judge: judgeWith(linearizable.Porcupine("porcupine", model, operations), ""), truth: ordered(m)})
	}
	// What that checker judges is which clients believed to hold the lock, so it agrees with
	// others about a lock that was granted twice, and has nothing to say of a legal history.
	judge := judgeWith(lock.New(lock.Options{}), "")
	for _, object := range []string{"mutex", "fenced-lock"} {
		all = append(all, trial{engine: "lock checker", what: object + ", legal ones", oracle: byOrders, history: small(object, false), judge: judge, truth: legal(synth.ModelOf(object))})
	}
	return append(all, trial{engine: "lock checker", what: "mutex, held-twice planted", oracle: byConstruction, every: 20, history: planted("mutex", synth.HeldTwice),
		judge: judge, truth: func(*history.History) *answer { return said(false) }})
}

// weakerTrials are of the models that are weaker than linearizability, on registers whose
// clients read replicas that lag.
func weakerTrials() []trial {
	lagging := func(operations, keys int) func(uint64) (*history.History, error) {
		return func(seed uint64) (*history.History, error) { return replicas.Random(seed, operations, keys), nil }
	}
	written := func([]replicas.Operation) bool { return true }
	all := []trial{
		{what: "registers, 2 keys", history: lagging(10, 2), judge: judgeWith(weaker.Coherence(), ""), truth: func(h *history.History) *answer {
			return said(replicas.Each(replicas.Operations(h), replicas.Sequential))
		}},
		{what: "registers, 3 keys", history: lagging(12, 3), judge: judgeWith(weaker.Sequential(), ""), truth: func(h *history.History) *answer {
			ops := replicas.Operations(h)
			return said(replicas.Each(ops, written) && replicas.Sequential(ops))
		}},
	}
	for _, s := range []struct {
		c  checkers.Checker
		is replicas.Guarantees
	}{
		{weaker.MonotonicReads(), replicas.MonotonicReads},
		{weaker.ReadYourWrites(), replicas.ReadYourWrites},
		{weaker.MonotonicWrites(), replicas.MonotonicWrites},
		{weaker.WritesFollowReads(), replicas.WritesFollowReads},
	} {
		all = append(all, trial{what: "a register: " + s.c.Name(), history: lagging(9, 1), judge: judgeWith(s.c, ""), truth: func(h *history.History) *answer {
			ops := replicas.Operations(h)
			a := said(replicas.Each(ops, func(ops []replicas.Operation) bool { return replicas.Sessions(ops, s.is) }))
			if a.valid == checkers.Valid && replicas.Undecided(ops, s.is) {
				a.valid = checkers.Unknown
			}
			return a
		}})
	}
	all = append(all, trial{what: "a register", history: lagging(9, 1), judge: staleness, truth: stalenessOracle})
	for i := range all {
		all[i].oracle = byOrders
		all[i].engine = all[i].judge(context.Background(), &history.History{}).engine
	}
	return all
}

// staleness judges whether a register is linearizable, and measures how far it is not.
func staleness(ctx context.Context, h *history.History) answer {
	r := weaker.Staleness().Check(ctx, h, checkers.Budget{Time: patience, Workers: 1})
	a := answer{valid: r.Valid, engine: "staleness checker", told: r.Reason}
	figures := map[string]float64{}
	for _, f := range r.Figures {
		figures[f.Name] = f.Value
	}
	if figures["keys not linearizable"] > 0 {
		a.valid = checkers.Invalid
	}
	behind, atomic, delta := figures["versions behind max"], "", ""
	if figures["keys 2-atomic"] > 0 {
		atomic = ", 2-atomic"
	} else if figures["keys not 2-atomic"] > 0 {
		atomic = ", not 2-atomic"
	}
	if d, found := figures["delta"]; found && d > 0 {
		delta = fmt.Sprintf(", delta %.6f ms", d)
	}
	if a.valid == checkers.Invalid && len(r.Anomalies) == 0 {
		a.measured = fmt.Sprintf("%.0f versions behind%s%s", behind, atomic, delta)
	}
	return a
}

// stalenessOracle measures a register by trying everything, if it has no compare-and-sets and
// no read of what was to be written later.
func stalenessOracle(h *history.History) *answer {
	ops := replicas.Operations(h)
	if replicas.Phantom(ops) {
		return said(false)
	}
	clock := make([]int64, h.Len())
	for i := range clock {
		clock[i] = h.At(i).Time
	}
	if replicas.Linearizable(ops, clock, 0) {
		return said(true)
	}
	behind := 0
	for _, o := range ops {
		if o.F == "cas" {
			return nil
		}
		if o.F != "read" {
			continue
		}
		n, future := replicas.Behind(ops, o)
		if future {
			return nil
		}
		behind = max(behind, n)
	}
	a := said(false)
	a.measured = fmt.Sprintf("%d versions behind, not 2-atomic", behind)
	if replicas.TwoAtomic(ops) {
		a.measured = fmt.Sprintf("%d versions behind, 2-atomic", behind)
	}
	// The least time by which it is linearizable is one between two events.
	var candidates []int64
	for i, from := range clock {
		for _, to := range clock[i:] {
			candidates = append(candidates, max(1, to-from))
		}
	}
	slices.Sort(candidates)
	at, _ := slices.BinarySearchFunc(candidates, true, func(by int64, _ bool) int {
		if replicas.Linearizable(ops, clock, by) {
			return 0
		}
		return -1
	})
	if at < len(candidates) {
		a.measured += fmt.Sprintf(", delta %.6f ms", float64(candidates[at])/1e6)
	}
	return a
}
