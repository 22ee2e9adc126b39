package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/faultline-dev/faultline/harness/runtime"
)

func TestEventsComeInOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var s schedule
	var want []event
	for i := range 2000 {
		e := event{at: r.Int64N(100), seq: uint64(i)}
		want = append(want, e)
		s.push(e)
		if r.IntN(3) == 0 {
			got := s.pop()
			k := slices.IndexFunc(want, func(w event) bool { return w.at == got.at && w.seq == got.seq })
			for _, w := range want {
				if w.before(&got) {
					t.Fatalf("event %v came before %v", got, w)
				}
			}
			want = slices.Delete(want, k, k+1)
		}
	}
	for len(s.heap) > 0 {
		s.pop()
	}
}

func TestTasksTakeTurns(t *testing.T) {
	w := New(Config{})
	var log []string
	w.Run(func() {
		q := w.NewQueue(8)
		for i, d := range []time.Duration{30, 10, 20} {
			w.Go(fmt.Sprint(i), func() {
				_ = w.Sleep(context.Background(), d*time.Millisecond)
				log = append(log, fmt.Sprintf("%d at %s", i, w.Now()))
				q.Put(i)
			})
		}
		if _, ok := q.Get(0); ok {
			t.Error("an empty queue gave a number")
		}
		if _, ok := q.Get(5 * time.Millisecond); ok || w.Now() != 5*time.Millisecond {
			t.Errorf("a wait until 5ms ended at %s", w.Now())
		}
		for range 3 {
			n, ok := q.Get(runtime.Forever)
			log = append(log, fmt.Sprintf("got %d %v", n, ok))
		}
		if _, ok := q.Get(7 * time.Second); ok || w.Now() != 7*time.Second {
			t.Errorf("a wait until 7s ended at %s", w.Now())
		}
	})
	want := "1 at 10ms|got 1 true|2 at 20ms|got 2 true|0 at 30ms|got 0 true"
	if got := strings.Join(log, "|"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestSleepEndsAtTheDeadline(t *testing.T) {
	w := New(Config{})
	w.Run(func() {
		ctx := runtime.NewDeadline(context.Background(), time.Time{}, time.Second)
		if err := w.Sleep(ctx, time.Minute); !errors.Is(err, context.DeadlineExceeded) || w.Now() != time.Second {
			t.Errorf("slept until %s: %v", w.Now(), err)
		}
		cancelled, cancel := context.WithCancel(context.Background())
		cancel()
		if err := w.Sleep(cancelled, time.Minute); !errors.Is(err, context.Canceled) || w.Now() != time.Second {
			t.Errorf("slept until %s: %v", w.Now(), err)
		}
	})
}

// Tasks that still wait when the world ends are unwound: their deferred calls run.
func TestTheEndUnwindsTasks(t *testing.T) {
	w := New(Config{})
	unwound := 0
	w.Run(func() {
		for range 3 {
			w.Go("waits", func() {
				defer func() { unwound++ }()
				w.NewQueue(1).Get(runtime.Forever)
				t.Error("a wait without end has ended")
			})
		}
		_ = w.Sleep(context.Background(), time.Second)
	})
	if unwound != 3 {
		t.Errorf("%d of 3 tasks were unwound", unwound)
	}
}

func TestAStandstillIsSaid(t *testing.T) {
	defer func() {
		if p := recover(); p == nil || !strings.Contains(fmt.Sprint(p), "come to a stop") {
			t.Errorf("a world in which nothing can happen ended with %v", p)
		}
	}()
	w := New(Config{})
	w.Run(func() { w.NewQueue(1).Get(runtime.Forever) })
}

// A world in which more and more happens and time does not move on is ended, and its main
// task may say so.
func TestAStormIsSaid(t *testing.T) {
	w := New(Config{})
	var said any
	w.Run(func() {
		defer func() { said = recover() }()
		w.Go("other", func() {
			for {
				_ = w.Sleep(context.Background(), 0)
			}
		})
		_ = w.Sleep(context.Background(), time.Hour)
	})
	if said != error(runtime.ErrStorm) {
		t.Errorf("it ended with %v", said)
	}
}

func BenchmarkSwitch(b *testing.B) {
	w := New(Config{})
	w.Run(func() {
		q, back := w.NewQueue(1), w.NewQueue(1)
		w.Go("other", func() {
			for {
				n, _ := q.Get(runtime.Forever)
				back.Put(n)
			}
		})
		b.ReportAllocs()
		for b.Loop() {
			q.Put(1)
			back.Get(runtime.Forever)
		}
	})
}
