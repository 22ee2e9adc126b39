package cluster

import (
	"context"
	"errors"
	"testing"
)

// dispenser gives out ids and a lock, and fails as it is told to.
type dispenser struct {
	taken    int64
	acquired bool
	err      error
}

func (d *dispenser) Close() error { return nil }

type idsOnly struct{ *dispenser }

func (d idsOnly) NextID(context.Context) (int64, error) { d.taken++; return d.taken, d.err }

type lockOnly struct{ *dispenser }

func (d lockOnly) Acquire(_ context.Context, key int64) (int64, error) {
	d.acquired = key == ProbeKey
	return 1, d.err
}
func (d lockOnly) Release(context.Context, int64) error { d.acquired = false; return nil }

// TestProbe: a probe does work, gives back what it took, and passes on what went wrong.
func TestProbe(t *testing.T) {
	d := &dispenser{}
	if err := Probe(t.Context(), idsOnly{d}); err != nil || d.taken != 1 {
		t.Errorf("ids: %v, %d taken", err, d.taken)
	}
	if err := Probe(t.Context(), lockOnly{d}); err != nil || d.acquired {
		t.Errorf("lock: %v, still acquired: %v", err, d.acquired)
	}
	d.err = errors.New("no quorum")
	for _, conn := range []Conn{idsOnly{d}, lockOnly{d}} {
		if err := Probe(t.Context(), conn); !errors.Is(err, d.err) {
			t.Errorf("%T: %v", conn, err)
		}
	}
	if err := Probe(t.Context(), d); err == nil {
		t.Error("what offers nothing passes")
	}
}
