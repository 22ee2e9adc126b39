package faultline

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/engine/synth"
)

// corpus is the name of the row that times what the differential test compares: the checkers
// beside porcupine on its random histories of more than a hundred operations.
const corpus = "corpus"

// corpusSeeds is how many histories there are of each kind.
const corpusSeeds = 20

func (b *benchCheck) corpus(ctx context.Context) error {
	groups := map[string][]comparison{}
	for _, object := range synth.Objects() {
		c, err := checkerOf(object)
		if err != nil {
			return err
		}
		m := synth.ModelOf(object)
		if m.Others != nil {
			continue // porcupine has no model of it
		}
		for _, repeat := range []bool{false, true} {
			if repeat && once(object) {
				continue
			}
			group := named(object, repeat)
			for seed := b.seed; seed < b.seed+19*corpusSeeds && ctx.Err() == nil; seed += 19 { // of 100 to 460 operations
				h, err := medium(object, repeat)(seed)
				if err != nil {
					return err
				}
				ops := m.Gather(h)
				if len(ops) < sizeable {
					continue
				}
				one := comparison{name: fmt.Sprintf("seed %d", seed), operations: len(ops)}
				var got checkers.Result
				one.ours, one.told = fastest(func() time.Duration {
					got = c.Check(ctx, h, checkers.Budget{Time: patience, Workers: runtime.GOMAXPROCS(0)})
					return telling(got)
				})
				model, theirs := m.Porcupine(ops)
				var want porcupine.CheckResult
				one.theirs, _ = fastest(func() time.Duration {
					want = porcupine.CheckOperationsTimeout(model, theirs, patience)
					return 0
				})
				kind := group + ": valid"
				if want == porcupine.Illegal || got.Valid == checkers.Invalid {
					kind = group + ": invalid"
				}
				switch {
				case got.Valid == checkers.Unknown && want == porcupine.Unknown:
					continue // neither is faster
				case got.Valid != checkers.Unknown && want != porcupine.Unknown && (got.Valid == checkers.Valid) != (want == porcupine.Ok):
					b.wrong++
					fmt.Fprintf(b.err, "faultline: %s, seed %d: the checker says %s, porcupine %s\n", group, seed, got.Valid, want)
				}
				groups[kind] = append(groups[kind], one)
			}
		}
	}
	b.printf("\nThe differential test's histories of at least %d operations, up to %d of each kind, %s for each at most, the fastest of some tries. What is compared is the time to the verdict; what is told besides of a failure, the minimal counterexample, porcupine does not look for:\n\n", sizeable, corpusSeeds, patience)
	b.compare(groups)
	return context.Cause(ctx)
}

// telling is how much of a check came after its verdict.
func telling(r checkers.Result) time.Duration {
	for _, f := range r.Figures {
		if f.Name == checkers.Counterexample {
			return time.Duration(f.Value * float64(time.Second))
		}
	}
	return 0
}
