package object

import (
	"context"
	"testing"
	"time"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/engine/synth"
)

// TestRepeatedElements: an order of a queue's operations is found where elements repeat, and
// some operations never returned. Some histories take a search that uses those early.
func TestRepeatedElements(t *testing.T) {
	kind, _ := Find("queue")
	for _, seed := range []uint64{113, 533, 1007} {
		h, err := synth.Spec{Object: "queue", Operations: 20 + int(seed%180), Clients: 2 + int(seed%3), Crashed: 2, Values: 4, Pause: 0.3, Seed: seed}.Make()
		if err != nil {
			t.Fatal(err)
		}
		r := New(kind, Options{}).Check(context.Background(), h, checkers.Budget{Time: 20 * time.Second, Workers: 1})
		if r.Valid != checkers.Valid {
			t.Errorf("seed %d: %s %s", seed, r.Valid, r.Reason)
		}
	}
}
