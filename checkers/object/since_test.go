package object

import (
	"context"
	"math/rand"
	"slices"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/engine/synth"
	"github.com/faultline-dev/faultline/harness/history"
)

// TestSince: of sets whose elements come and go many times, a few operations are told, which fail by
// themselves.
func TestSince(t *testing.T) {
	kind, _ := Find("set")
	model := synth.ModelOf("set")
	var sizes []int
	for seed := range *histories / 2 {
		r := rand.New(rand.NewSource(int64(seed)))
		made, err := synth.Spec{Object: "set", Operations: 50 + r.Intn(400), Clients: 1 + r.Intn(4), Values: 2 + r.Intn(3), Crashed: r.Intn(3), Seed: uint64(seed), Pause: 0.3}.Make()
		if err != nil {
			t.Fatal(err)
		}
		h, from := &history.History{}, r.Intn(made.Len())
		for i := range made.Len() {
			e := made.At(i)
			if e.Type == history.OK && i > from && r.Intn(10) == 0 { // a lie
				e.Value = spoilt(r, e.Value)
			}
			h.Append(e)
		}
		o := Options{}
		if seed%3 == 0 {
			o.Initial = history.List([]int64{0})
		}
		got := New(kind, o).Check(context.Background(), h, checkers.Budget{Time: time.Minute, Workers: 1})
		if got.Valid != checkers.Invalid {
			continue
		}
		d := got.Anomalies[0].Detail.(Detail)
		if len(d.Proof) == 0 {
			t.Fatalf("seed %d: no proof: %+v", seed, got.Anomalies[0])
		}
		sizes = append(sizes, len(d.Proof))
		part, match := &history.History{}, h.Completions()
		if seed%3 == 0 {
			for _, e := range []history.Type{history.Invoke, history.OK} {
				part.Append(history.Op{Process: 1 << 20, Type: e, F: "add", Value: history.Int(0)})
			}
		}
		for i := range h.Len() {
			if slices.Contains(d.Proof, i) || match[i] >= 0 && slices.Contains(d.Proof, int(match[i])) {
				part.Append(h.At(i))
			}
		}
		theirs, ops := model.Porcupine(model.Gather(part))
		if porcupine.CheckOperations(theirs, ops) {
			t.Fatalf("seed %d: %s\nbut it is legal:\n%s", seed, got.Anomalies[0].Sentence, dump(part))
		}
	}
	slices.Sort(sizes)
	if len(sizes) < *histories/8 || sizes[len(sizes)/2] > 6 {
		t.Errorf("%d counterexamples, of %d operations in the median", len(sizes), sizes[len(sizes)/2])
	}
	t.Log(len(sizes), sizes[len(sizes)/2], sizes[len(sizes)-1])
}
