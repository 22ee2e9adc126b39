package linearizable

import (
	"context"
	"math/rand"
	"slices"
	"testing"

	"github.com/faultline-dev/faultline/checkers"
)

// TestConvictTellsTheSame compares the story that few operations tell with that of all: the
// same failure, of as few operations, in the same surroundings.
func TestConvictTellsTheSame(t *testing.T) {
	compared := 0
	for seed := range 4000 {
		r := rand.New(rand.NewSource(int64(seed)))
		s := shape{ops: 5 + r.Intn(150), processes: 2 + r.Intn(6), unique: true, cas: seed%2 == 0, spoil: true, past: true, crash: 0.1 * float64(r.Intn(2))}
		h := generate(r, s)
		result := verdict(h)
		if result.Valid != checkers.Invalid {
			continue
		}
		whole := gathered(h)
		whole.prune()
		found := whole.contradiction(all)
		if found == nil {
			continue
		}
		c := &check{ctx: context.Background(), g: newGathering(h, whole.number.Value(initial)), memory: 1 << 30}
		if c.g.sweep(all); !c.g.accused() {
			continue
		}
		compared++
		few := &finding{}
		if !c.convict(c.g.all[0], few, mostReducing) {
			t.Fatalf("seed %d: few operations tell nothing:\n%s", seed, dump(h))
		}
		if got := c.g.all[0].size; got != len(whole.ops) {
			t.Fatalf("seed %d: %d operations, not %d:\n%s", seed, got, len(whole.ops), dump(h))
		}
		got := few.story.anomaly(few.about).Detail.(Detail)
		want := c.blame(whole, found, mostReducing).anomaly(whole).Detail.(Detail)
		if got.Ops[got.Stuck].Event != want.Ops[want.Stuck].Event || got.Completed != want.Completed || !got.Shortest || got.Minimal != want.Minimal {
			t.Fatalf("seed %d: few operations tell\n%+v\nall\n%+v\n%s", seed, got, want, dump(h))
		}
		// They may come to another proof, but one that lies within the picture leaves it as it is.
		if len(got.Ops) <= around && len(want.Ops) <= around && (got.Omitted != want.Omitted || !slices.Equal(events(got), events(want))) {
			t.Fatalf("seed %d: few operations show\n%+v\nall\n%+v\n%s", seed, got, want, dump(h))
		}
	}
	if t.Logf("%d compared", compared); compared < 200 {
		t.Error("too few to mean anything")
	}
}

func events(d Detail) (events []int) {
	for _, b := range d.Ops {
		events = append(events, b.Event)
	}
	return events
}
