package workloads

import (
	"context"
	"testing"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/history"
)

// seenKeys is a connection that remembers the keys it was asked for.
type seenKeys map[int64]bool

func (k seenKeys) Close() error { return nil }

func (k seenKeys) Read(_ context.Context, key int64) (int64, bool, error) {
	k[key] = true
	return 0, false, nil
}
func (k seenKeys) Write(_ context.Context, key, _ int64) error { k[key] = true; return nil }
func (k seenKeys) CompareAndSet(_ context.Context, key, _, _ int64) error {
	k[key] = true
	return &cluster.Mismatch{}
}
func (k seenKeys) Add(_ context.Context, key, _ int64) error    { k[key] = true; return nil }
func (k seenKeys) Remove(_ context.Context, key, _ int64) error { k[key] = true; return nil }
func (k seenKeys) ReadAll(_ context.Context, key int64) ([]int64, error) {
	k[key] = true
	return nil, nil
}

func (k seenKeys) Send(_ context.Context, key, _ int64) (int64, error) { k[key] = true; return 0, nil }
func (k seenKeys) Poll(_ context.Context, key, _ int64, _ int) ([]cluster.Entry, error) {
	k[key] = true
	return nil, nil
}

func (k seenKeys) Append(_ context.Context, key, _ int64) error { k[key] = true; return nil }
func (k seenKeys) ReadList(_ context.Context, key int64) ([]int64, error) {
	k[key] = true
	return nil, nil
}
func (k seenKeys) Increment(_ context.Context, key, _ int64) error { k[key] = true; return nil }
func (k seenKeys) ReadCounter(_ context.Context, key int64) (int64, error) {
	k[key] = true
	return 0, nil
}
func (k seenKeys) Acquire(_ context.Context, key int64) (int64, error) { k[key] = true; return 1, nil }
func (k seenKeys) Release(_ context.Context, key int64) error          { k[key] = true; return nil }

// TestBase: on a cluster that others have written to, every operation goes to keys of the
// run's own; else a run would read what it never wrote.
func TestBase(t *testing.T) {
	const base = int64(7) << 32
	for _, w := range All {
		if w.Data == "ids" {
			continue // they have no keys
		}
		o, err := cluster.Resolve(w.Options, nil)
		if err != nil {
			t.Fatal(err)
		}
		calls := w.Build(Config{Options: o, Concurrency: 2, Model: w.Models[0], Base: base}).Calls
		seen := seenKeys{}
		calls.Probe(t.Context(), seen)
		for _, op := range []history.Op{
			{F: opRead, Key: 3}, {F: opWrite, Key: 3, Value: history.Int(1)}, {F: opCAS, Key: 3, Value: history.Pair(1, 2)}, {F: opAdd, Value: history.Int(1)}, {F: opRemove, Value: history.Int(1)},
			{F: opAppend, Key: 3, Value: history.Int(1)}, {F: opIncrement, Value: history.Int(1)}, {F: opDecrement, Value: history.Int(1)}, {F: opAcquire, Key: 3}, {F: opRelease, Key: 3},
			{F: opSend, Key: 3, Value: history.Int(1)}, {F: opPoll, Key: 3, Value: history.Int(0)},
		} {
			_, _ = calls.Call(t.Context(), seen, &op)
		}
		if len(seen) == 0 {
			t.Errorf("%s: no key was asked for", w.Name)
		}
		for key := range seen {
			if key>>32 != base>>32 {
				t.Errorf("%s: key %d is not the run's own", w.Name, key)
			}
		}
	}
}
