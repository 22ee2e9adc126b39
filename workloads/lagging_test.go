package workloads

import (
	"context"
	"sort"
	"testing"
	"time"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/generator"
	"github.com/faultline-dev/faultline/harness/model"
)

// ordered is a system that puts all changes in one order, of which its connections see what
// a node of their own has got so far: a sequential store, and no more.
type ordered struct {
	count   int                // of changes so far
	changes map[int64][]change // by key
	rand    generator.Rand
	lag     int64 // how many changes a node falls behind at most
}

type change struct {
	at    int
	value int64
}

// lagging is a connection, which never goes back and sees what it did itself.
type lagging struct {
	*ordered
	at      int  // how many changes it has seen
	forgets bool // it does go back
}

func (l *lagging) Close() error { return nil }

// look goes on, and returns what is to be seen of a key.
func (l *lagging) look(key int64) []change {
	least := max(0, l.count-int(l.rand.Int64N(l.lag+1)))
	if l.at = max(l.at, least); l.forgets {
		l.at = least
	}
	all := l.changes[key]
	return all[:sort.Search(len(all), func(i int) bool { return all[i].at > l.at })]
}

func (l *lagging) change(key, value int64) {
	l.count++
	l.changes[key] = append(l.changes[key], change{l.count, value})
	l.at = l.count
}

func (l *lagging) Read(_ context.Context, key int64) (int64, bool, error) {
	if seen := l.look(key); len(seen) > 0 {
		return seen[len(seen)-1].value, true, nil
	}
	return 0, false, nil
}

func (l *lagging) Write(_ context.Context, key, value int64) error { l.change(key, value); return nil }

func (l *lagging) CompareAndSet(_ context.Context, key, expect, value int64) error {
	all := l.changes[key]
	if l.at = l.count; len(all) == 0 || all[len(all)-1].value != expect {
		return &cluster.Mismatch{}
	}
	l.change(key, value)
	return nil
}

func (l *lagging) Append(_ context.Context, key, element int64) error {
	l.change(key, element)
	return nil
}

func (l *lagging) ReadList(_ context.Context, key int64) (elements []int64, err error) {
	for _, c := range l.look(key) {
		elements = append(elements, c.value)
	}
	return elements, nil
}

// TestLagging: a store whose nodes lag behind each by itself is found sequential in runs of
// twenty seconds, and is not linearizable; one whose connections go back is not even that.
func TestLagging(t *testing.T) {
	for _, w := range []Workload{register, lists} {
		for seed := uint64(1); seed <= *crowds; seed++ {
			for _, c := range []struct {
				model   model.Model
				forgets bool
				want    checkers.Validity
			}{{model.Sequential, false, checkers.Valid}, {model.Linearizable, false, checkers.Invalid}, {model.Sequential, true, checkers.Invalid}} {
				all := &ordered{changes: map[int64][]change{}, rand: generator.NewRand(seed, "lag"), lag: []int64{5, 50, 500}[seed%3]}
				h, load := crowd(t, w, c.model, func() cluster.Conn { return &lagging{ordered: all, forgets: c.forgets} }, seed, 10, 20*time.Second, 100)
				began := time.Now()
				results := checkers.All(context.Background(), h, checkers.Budget{}, load.Checkers...)
				if v := checkers.Verdict(results); v != c.want {
					t.Errorf("%s, %s, goes back %v, seed %d: %v, want %v: %+v", w.Name, c.model, c.forgets, seed, v, c.want, results)
				}
				t.Log(w.Name, c.model, c.forgets, seed, h.Len(), time.Since(began))
			}
		}
	}
}
