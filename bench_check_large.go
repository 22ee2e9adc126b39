package faultline

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/engine/replicas"
	"github.com/faultline-dev/faultline/checkers/engine/search"
	"github.com/faultline-dev/faultline/checkers/engine/synth"
	"github.com/faultline-dev/faultline/checkers/linearizable"
	"github.com/faultline-dev/faultline/harness/history"
)

// Histories that are too large for an oracle, tens of thousands of operations, are decided by
// two engines that have nothing in common, and by the way they were made.

const (
	bySearch = "a search, construction"
	byZones  = "zones"
	// long is how much time the other engine has.
	long = time.Second
)

// largeTrials are of the engines that decide in about the time of a sort.
func largeTrials() []trial {
	var all []trial
	for _, object := range synth.Objects() {
		engine, m := engineFor(object, false), synth.ModelOf(object)
		if engine == "search of "+synth.TypeOf(object) || m.Others != nil {
			continue
		}
		c, err := checkerOf(object)
		if err != nil {
			panic(err) // a type that synth has and object has not
		}
		all = append(all, trial{engine: engine, what: object + ", thousands of operations", oracle: bySearch, every: 5000,
			history: large(object), judge: judgeWith(c, synth.TypeOf(object)), made: func(seed uint64) bool { return seed%2 != 0 },
			truth: func(h *history.History) *answer {
				ctx, cancel := context.WithTimeout(context.Background(), long)
				defer cancel()
				a := searching(m, search.Ways[:1])(ctx, h)
				if a.valid == checkers.Unknown {
					return nil
				}
				return &a
			}})
	}
	return append(all, trial{engine: "staleness checker", what: "a register, thousands of operations", oracle: byZones, every: 5000,
		history: func(seed uint64) (*history.History, error) {
			r := rand.New(rand.NewPCG(seed, 0x1a6e))
			s := replicas.Spec{Operations: size(seed), Processes: 2 + int(seed%9), Keys: 1, CAS: seed%3 == 0, Crash: 0.001, Stale: 0.01 * float64(seed%2)}
			return s.Make(r), nil
		},
		judge: func(ctx context.Context, h *history.History) answer {
			a := staleness(ctx, h)
			a.measured = ""
			return a
		},
		truth: func(h *history.History) *answer {
			r := linearizable.Register().Check(context.Background(), h, checkers.Budget{Time: long, Workers: 1})
			return &answer{valid: r.Valid}
		}})
}

// size is that of the seed's history: up to 40,000 operations.
func size(seed uint64) int { return 1000 * (1 + int(seed%40)) }

// large makes a history of every other seed illegal. What a state is made of again by each
// operation cannot be as large.
func large(object string) func(uint64) (*history.History, error) {
	return func(seed uint64) (*history.History, error) {
		s := synth.Spec{Object: object, Operations: size(seed), Clients: 2 + int(seed%3), Crashed: int(seed % 3), Seed: seed}
		if object == "list" || object == "grow-only-set" {
			s.Operations /= 20
		}
		if v := synth.Violations(object); seed%2 == 0 {
			s.Violation = v[int(seed/2)%len(v)]
		}
		return s.Make()
	}
}
