package faultline

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/store"
)

// detected is what a sweep found: the schema of docs/detection.json.
type detected struct {
	Version string       `json:"version"`
	Time    string       `json:"time"` // virtual, of a run
	Size    sweepSize    `json:"size"`
	Runs    int          `json:"runs"`
	Seconds float64      `json:"seconds"`
	Bugs    []bugFigures `json:"bugs"`
	Correct []rowFigures `json:"correct"`
	Weak    []rowFigures `json:"weak"`
}

// bugFigures are those of a planted bug.
type bugFigures struct {
	Target string `json:"target"`
	Bug    string `json:"bug"`
	Blocks int    `json:"blocks"`
	Found  int    `json:"found"` // blocks in which it was
	// The median and the 95th percentile of blocks: seeds, virtual and real seconds until the
	// first hit. A block without one counts with all its seeds.
	Seeds   [2]int     `json:"seeds"`
	Virtual [2]float64 `json:"virtual_seconds"`
	Real    [2]float64 `json:"real_seconds"`
	Without sweptRuns  `json:"without"` // the bug
	Quiet   sweptRuns  `json:"quiet"`   // without a nemesis
	Shows   bool       `json:"shows"`   // and may be found there
}

// rowFigures are those of a row.
type rowFigures struct {
	Target   string    `json:"target"`
	Row      string    `json:"row"` // the target with its settings
	Workload string    `json:"workload"`
	Model    string    `json:"model"`
	Nemeses  []string  `json:"nemeses"`
	Weakness string    `json:"weakness,omitempty"`
	Leaders  bool      `json:"leaders"` // it has some
	Swept    sweptRuns `json:"swept"`
}

// sweptRuns are the verdicts of a row of seeds.
type sweptRuns struct {
	Valid        int     `json:"valid"`
	Invalid      int     `json:"invalid"`
	Unknown      int     `json:"unknown"`
	Crashed      int     `json:"crashed"`
	Hits         int     `json:"hits"` // runs with the anomaly that was looked for
	LeastOK      int     `json:"least_ok"`
	LeastLeaders int     `json:"least_leader_changes"`
	Seconds      float64 `json:"seconds"`
	Example      string  `json:"example,omitempty"` // the first run that was not valid
}

// add counts a run.
func (t *sweptRuns) add(res *store.Results, anomaly string) {
	if t.runs() == 0 {
		t.LeastOK, t.LeastLeaders = res.Counts.OK, res.Counts.Leaders
	}
	t.LeastOK, t.LeastLeaders = min(t.LeastOK, res.Counts.OK), min(t.LeastLeaders, res.Counts.Leaders)
	switch {
	case res.Crash != "":
		t.Crashed++
	case res.Valid == checkers.Valid:
		t.Valid++
	case res.Valid == checkers.Invalid:
		t.Invalid++
		if shows(res, anomaly) {
			t.Hits++
		}
	default:
		t.Unknown++
	}
	if t.Example == "" && t.Valid < t.runs() {
		t.Example = fmt.Sprintf("seed %d: %s", res.Seed, res.Summary)
	}
}

func (t sweptRuns) runs() int { return t.Valid + t.Invalid + t.Unknown + t.Crashed }

// String says the verdicts.
func (t sweptRuns) String() string {
	s := fmt.Sprintf("%d valid", t.Valid)
	for _, c := range []struct {
		n    int
		word string
	}{{t.Invalid, "invalid"}, {t.Unknown, "unknown"}, {t.Crashed, "crashed"}} {
		if c.n > 0 {
			s += fmt.Sprintf(", %d %s", c.n, c.word)
		}
	}
	return s
}

// shows reports whether a run has an anomaly.
func shows(res *store.Results, anomaly string) bool {
	for _, c := range res.Checkers {
		if slices.ContainsFunc(c.Anomalies, func(a checkers.Anomaly) bool { return a.Name == anomaly }) {
			return true
		}
	}
	return false
}

// run sweeps seeds from the first one on.
func (d *detection) run(s Settings, seeds int, anomaly string) (all sweptRuns) {
	began := time.Now()
	results := make([]*store.Results, seeds)
	d.each(seeds, func(i int) {
		res := d.simulate(s, d.first+uint64(i))
		d.mu.Lock()
		defer d.mu.Unlock()
		results[i] = res
	})
	for _, res := range results {
		if res != nil {
			all.add(res, anomaly)
		}
	}
	all.Seconds = time.Since(began).Seconds()
	return all
}

// bug sweeps the blocks of a bug, its configuration without it, and it without nemeses.
func (d *detection) bug(t cluster.Target, b cluster.Bug) bugFigures {
	s := Settings{Target: t.Name, Workload: b.Workload, Model: string(b.Model), Nemesis: b.Nemeses, Set: maps.Clone(b.Set)}
	s.Rate = d.rate(s, bugRate)
	f := bugFigures{Target: t.Name, Bug: b.Name, Blocks: d.size.Blocks, Shows: b.Quiet}
	f.Without = d.shared(s)
	if s.Set == nil {
		s.Set = map[string]string{}
	}
	s.Set["bug"] = b.Name
	seeds, real := make([]int, f.Blocks), make([]float64, f.Blocks)
	found := make([]bool, f.Blocks)
	d.each(f.Blocks, func(i int) {
		began := time.Now()
		for ; seeds[i] < d.size.Block && !found[i] && !d.over(); seeds[i]++ {
			found[i] = shows(d.simulate(s, d.first+uint64(i*d.size.Block+seeds[i])), b.Anomaly)
		}
		real[i] = time.Since(began).Seconds()
	})
	for _, hit := range found {
		if hit {
			f.Found++
		}
	}
	slices.Sort(seeds)
	slices.Sort(real)
	for i, part := range []float64{0.5, 0.95} {
		if f.Blocks > 0 {
			at := int(part * float64(f.Blocks-1))
			f.Seeds[i], f.Real[i] = seeds[at], real[at]
			f.Virtual[i] = float64(seeds[at]) * d.time.Seconds()
		}
	}
	f.Quiet = d.run(d.withoutNemeses(s), d.size.Quiet, b.Anomaly)
	return f
}

// shared sweeps a configuration without a bug, once for all bugs that have it.
func (d *detection) shared(s Settings) sweptRuns {
	key := fmt.Sprint(s.Target, s.Workload, s.Model, s.Nemesis, s.Set) // maps print in order
	swept, ok := d.cache[key]
	if !ok {
		swept = d.run(s, d.size.Shared, "")
		d.cache[key] = swept
	}
	return swept
}

// withoutNemeses leaves out the nemeses and their options.
func (d *detection) withoutNemeses(s Settings) Settings {
	s.Set = maps.Clone(s.Set)
	if options, err := nemesisOptions(s.Nemesis); err == nil {
		for _, o := range options {
			delete(s.Set, o.Name)
		}
	}
	s.Nemesis = nil
	return s
}

// Runs of correct rows have all nemeses at once, and each has to bite. So they are longer than
// others, most of all where a leader has to be deposed, and their faults shorter: a tenth of
// --time on average. A client gives up before long, so that it does not wait a fault out; a
// rate that any system can keep up with is enough for what they have to do, and spares the
// rest.
const (
	longer       = 2
	longest      = 3 // with a leader
	faultsInTime = 10
	giveUp       = time.Second
	rowOps       = 4000
)

// bugRate is what clients do at most in other runs. The fastest systems would do many times as
// much, and take many times as long, without showing more.
const bugRate = 200

// rate is what clients do at most. A workload with a pace of its own is slowed by both, so its
// rate is twice as high, and where its pace is slower than that, it is enough.
func (d *detection) rate(s Settings, most float64) float64 {
	w, err := d.workload(s.Workload)
	if err != nil {
		return 0 // which running it tells
	}
	for _, o := range w.Options {
		if o.Name != "pace" {
			continue
		}
		pace, own := s.Set[o.Name]
		if !own {
			pace = o.Default
		}
		most *= 2
		if ms, err := strconv.Atoi(pace); err != nil || float64(ms)*most >= 1000 {
			return 0
		}
	}
	return most
}

// sweepRow sweeps a row.
func (d *detection) sweepRow(t cluster.Target, row cluster.Row, s Settings) rowFigures {
	f := rowFigures{
		Target: t.Name, Row: rowName(t, row), Workload: s.Workload, Model: s.Model, Nemeses: s.Nemesis,
		Weakness: row.Weakness, Leaders: t.Family == cluster.LeaderBased,
	}
	if p, err := d.resolve(s); err == nil {
		f.Model = string(p.test.Model)
	}
	seeds := d.size.Weak
	s.Rate = d.rate(s, bugRate)
	if row.Correct() {
		seeds, s.Time, s.Interval, s.OpTimeout = d.size.Correct, longer*d.time, d.time/faultsInTime, giveUp
		if f.Leaders {
			s.Time = longest * d.time
		}
		s.Rate = d.rate(s, rowOps/s.Time.Seconds())
	}
	f.Swept = d.run(s, seeds, row.Weakness)
	return f
}

// enoughOK is how many operations of a run of a correct row have to have succeeded.
const enoughOK = 500

// bad says what does not hold of what is claimed.
func (f *detected) bad() (why []string) {
	say := func(format string, args ...any) { why = append(why, fmt.Sprintf(format, args...)) }
	for _, b := range f.Bugs {
		name := b.Target + " bug=" + b.Bug
		if 20*b.Found < 19*b.Blocks {
			say("%s was found in %d of %d blocks", name, b.Found, b.Blocks)
		}
		if b.Without.Valid < b.Without.runs() {
			say("%s: without the bug %s: %s", name, b.Without, b.Without.Example)
		}
		if b.Quiet.Hits > 0 && !b.Shows {
			say("%s shows without a nemesis, in %d of %d runs: %s", name, b.Quiet.Hits, b.Quiet.runs(), b.Quiet.Example)
		}
	}
	for _, r := range f.Correct {
		name := r.Row + " " + r.Workload + " " + r.Model
		switch s := r.Swept; {
		case s.runs() == 0:
		case s.Valid < s.runs():
			say("%s: %s: %s", name, s, s.Example)
		case s.LeastOK < enoughOK:
			say("%s: only %d operations succeeded in a run", name, s.LeastOK)
		case r.Leaders && s.LeastLeaders < 1:
			say("%s: the leader never changed in a run", name)
		}
	}
	for _, r := range f.Weak {
		if r.Swept.runs() > 0 && r.Swept.Hits == 0 {
			say("%s %s %s: %s in none of %d runs", r.Row, r.Workload, r.Model, r.Weakness, r.Swept.runs())
		}
	}
	return why
}

// String is the line that a bug gets as soon as it has been swept.
func (f bugFigures) String() string {
	return fmt.Sprintf("%s bug=%s: found in %d of %d blocks, median %d seeds; without it %s in %.0fs; quiet %d hits of %d",
		f.Target, f.Bug, f.Found, f.Blocks, f.Seeds[0], f.Without, f.Without.Seconds, f.Quiet.Hits, f.Quiet.runs())
}

// String is the line that a row gets.
func (f rowFigures) String() string {
	s := fmt.Sprintf("%s %s %s under %s: %s in %.0fs", f.Row, f.Workload, f.Model, strings.Join(f.Nemeses, ","), f.Swept, f.Swept.Seconds)
	if f.Weakness != "" {
		return s + fmt.Sprintf("; %s in %d", f.Weakness, f.Swept.Hits)
	}
	return s + fmt.Sprintf("; at least %d ok, %d changes of leader", f.Swept.LeastOK, f.Swept.LeastLeaders)
}
