package harness

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/faultline-dev/faultline/harness/generator"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/runtime"
)

// countdown asks for left operations on whatever thread is free.
type countdown struct{ left int }

func (g countdown) Op(ctx *generator.Context) (generator.Op, generator.Status, generator.Generator) {
	if g.left == 0 {
		return generator.Op{}, generator.Done, g
	}
	thread := generator.AnyThread
	ctx.Free().Each(func(t int) bool { thread = t; return false })
	if thread == generator.AnyThread {
		return generator.Op{}, generator.Pending, g
	}
	op := generator.Op{Thread: thread, F: "write", Value: history.Int(int64(g.left))}
	return op, generator.Ready, countdown{g.left - 1}
}

func (g countdown) Update(*generator.Context, *generator.Event) generator.Generator { return g }

// memo records in memory.
type memo struct {
	history.History
	fail error
}

func (m *memo) Append(op *history.Op) error {
	m.History.Append(*op)
	return m.fail
}
func (m *memo) Note(e history.Event) error { m.History.Note(e); return nil }
func (m *memo) Flush() error               { return nil }

// fakeInvoker answers as call says.
type fakeInvoker struct {
	call   func(ctx context.Context, op *history.Op) (history.Op, bool)
	closed *atomic.Int32
}

func (f fakeInvoker) Invoke(ctx context.Context, op, done *history.Op) (retire bool) {
	*done, retire = f.call(ctx, op)
	return retire
}
func (f fakeInvoker) Close() { f.closed.Add(1) }

type rig struct {
	*interpreter
	memo   *memo
	hired  atomic.Int32
	closed atomic.Int32
	procs  sync.Map
}

func newRig(t *testing.T, clients int, timeout time.Duration, call func(context.Context, *history.Op) (history.Op, bool)) *rig {
	r := &rig{memo: &memo{}}
	r.interpreter = newInterpreter(interpreterConfig{
		Runtime: runtime.NewWall(), Record: r.memo, Clients: clients, OpTimeout: timeout, FaultLimit: timeout,
		Invoker: func(_, process int) invoker {
			r.hired.Add(1)
			r.procs.Store(process, true)
			return fakeInvoker{call, &r.closed}
		},
		Stop: new(atomic.Bool), Context: t.Context(), Log: t.Logf,
	})
	return r
}

func succeed(_ context.Context, op *history.Op) (history.Op, bool) {
	return history.Op{Type: history.OK, Value: op.Value}, false
}

func TestEveryOperationCompletesOnceOnItsProcess(t *testing.T) {
	r := newRig(t, 7, time.Second, succeed)
	if err := r.run(countdown{1000}); err != nil {
		t.Fatal(err)
	}
	r.close()
	if got := r.memo.Len(); got != 2000 {
		t.Fatalf("%d events, want 2000", got)
	}
	for i, j := range r.memo.Completions() {
		if j < 0 || r.memo.At(int(j)).Value != r.memo.At(i).Value {
			t.Fatalf("event %d has no completion of its own: %v", i, r.memo.At(i))
		}
	}
	if r.hired.Load() != 7 || r.closed.Load() != 7 {
		t.Errorf("hired %d, closed %d, want 7 of each", r.hired.Load(), r.closed.Load())
	}
}

func TestADeadlineEndsAnOperationAndItsProcess(t *testing.T) {
	r := newRig(t, 1, 10*time.Millisecond, func(ctx context.Context, op *history.Op) (history.Op, bool) {
		<-ctx.Done()
		return history.Op{Type: history.Info, Error: ctx.Err().Error()}, true
	})
	if err := r.run(countdown{3}); err != nil {
		t.Fatal(err)
	}
	r.close()
	var processes []int
	for i := 1; i < r.memo.Len(); i += 2 {
		op := r.memo.At(i)
		if op.Type != history.Info || op.Error != context.DeadlineExceeded.Error() {
			t.Errorf("completion %v", op)
		}
		processes = append(processes, op.Process)
	}
	if len(processes) != 3 || processes[0] != 0 || processes[1] != 1 || processes[2] != 2 {
		t.Errorf("processes %v, want 0 1 2: one for each operation in doubt", processes)
	}
	if r.lost != 0 {
		t.Errorf("%d lost, but every call minded its context", r.lost)
	}
}

func TestACallThatIgnoresItsDeadlineIsLeftBehind(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	var calls atomic.Int32
	r := newRig(t, 2, 10*time.Millisecond, func(_ context.Context, op *history.Op) (history.Op, bool) {
		if calls.Add(1) == 1 {
			<-release
		}
		return succeed(context.Background(), op)
	})
	if err := r.run(countdown{50}); err != nil {
		t.Fatal(err)
	}
	r.close()
	if r.lost != 1 {
		t.Errorf("%d lost, want 1", r.lost)
	}
	infos, lostEvents := 0, 0
	for i := range r.memo.Len() {
		if op := r.memo.At(i); op.Type == history.Info {
			infos++
			if !strings.Contains(op.Error, "did not return") {
				t.Errorf("completion %v", op)
			}
		}
	}
	for _, e := range r.memo.Telemetry() {
		if e.Kind == history.EventLost {
			lostEvents++
		}
	}
	if infos != 1 || lostEvents != 1 || r.memo.Len() != 100 {
		t.Errorf("%d info, %d lost events, %d events", infos, lostEvents, r.memo.Len())
	}
	if r.hired.Load() != 3 {
		t.Errorf("hired %d, want 3: a new worker took the lost one's place", r.hired.Load())
	}
}

func TestStopEndsGenerationButNotOperations(t *testing.T) {
	r := newRig(t, 4, time.Second, nil)
	var calls atomic.Int32
	for _, w := range r.workers {
		if w != nil {
			w.inv = fakeInvoker{func(_ context.Context, op *history.Op) (history.Op, bool) {
				if calls.Add(1) == 10 {
					r.Stop.Store(true)
				}
				return succeed(context.Background(), op)
			}, &r.closed}
		}
	}
	if err := r.run(countdown{1 << 30}); err != nil {
		t.Fatal(err)
	}
	r.close()
	for i, j := range r.memo.Completions() {
		if j < 0 {
			t.Errorf("event %d has no counterpart", i)
		}
	}
}

func TestCancellationLeavesAtOnce(t *testing.T) {
	r := newRig(t, 2, time.Hour, func(ctx context.Context, op *history.Op) (history.Op, bool) {
		<-ctx.Done()
		return history.Op{Type: history.Info, Error: "cancelled"}, true
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	r.Context = ctx
	why := errors.New("interrupted twice")
	time.AfterFunc(20*time.Millisecond, func() { cancel(why) })
	if err := r.run(countdown{10}); !errors.Is(err, why) {
		t.Errorf("error %v, want %v", err, why)
	}
	r.close()
	if r.live.Load() != 0 || r.lost != 0 {
		t.Errorf("%d workers alive, %d lost after close", r.live.Load(), r.lost)
	}
}

func TestAFailingRecorderEndsTheRun(t *testing.T) {
	r := newRig(t, 2, time.Second, succeed)
	r.memo.fail = errors.New("no space left on device")
	if err := r.run(countdown{10}); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("error %v", err)
	}
	r.close()
}

func TestAThreadThatIsNotFreeIsRefused(t *testing.T) {
	r := newRig(t, 1, time.Second, succeed)
	if err := r.run(wrongThread{}); err == nil || !strings.Contains(err.Error(), "not free") {
		t.Errorf("error %v", err)
	}
	r.close()
}

type wrongThread struct{ countdown }

func (wrongThread) Op(*generator.Context) (generator.Op, generator.Status, generator.Generator) {
	return generator.Op{Thread: 99, F: "write"}, generator.Ready, wrongThread{}
}

func BenchmarkInterpreter(b *testing.B) {
	in := newInterpreter(interpreterConfig{
		Runtime: runtime.NewWall(), Record: discard{}, Clients: 64, OpTimeout: 5 * time.Second,
		Invoker: func(int, int) invoker { return fakeInvoker{succeed, new(atomic.Int32)} },
		Stop:    new(atomic.Bool), Context: b.Context(), Log: b.Logf,
	})
	b.ReportAllocs()
	b.ResetTimer()
	if err := in.run(countdown{b.N}); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	in.close()
}

type discard struct{}

func (discard) Append(*history.Op) error { return nil }
func (discard) Note(history.Event) error { return nil }
func (discard) Flush() error             { return nil }
