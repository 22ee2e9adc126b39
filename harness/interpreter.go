package harness

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/faultline-dev/faultline/harness/generator"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/runtime"
)

// The interpreter drives one generator with a fixed number of threads. One task schedules;
// each thread is a worker task that carries out one operation at a time.
//
//	scheduler --- slot + queue of one ---> worker   (runs the operation)
//	          <-- queue of worker numbers --
//
// A slot is written by one side at a time, the queues hand it over; nothing is allocated
// for an operation. Completions are taken first, then deadlines, then the generator is
// asked: so what a generator is told is always as fresh as can be.

// recorder takes a run's events as they happen.
type recorder interface {
	Append(*history.Op) error
	Note(history.Event) error
	Flush() error
}

// invoker carries out operations for one thread. It is used by one worker at a time; when
// a call ignores its deadline the invoker is left behind with it.
type invoker interface {
	// Invoke carries out op and sets its completion's type, value and error. retire
	// says that the process must end: its state or its connection is in doubt.
	Invoke(ctx context.Context, op, done *history.Op) (retire bool)
	Close()
}

// interpreterConfig is what an interpreter is made from.
type interpreterConfig struct {
	Runtime     runtime.Runtime
	Record      recorder
	Clients     int
	Nemesis     bool
	OpTimeout   time.Duration // of a client operation
	FaultLimit  time.Duration // of a nemesis operation
	Invoker     func(thread, process int) invoker
	Stop        *atomic.Bool // set: generate no more
	Context     context.Context
	Log         func(format string, args ...any)
	OpLimit     int  // client operations to invoke at most; 0: no limit
	IntendedNow bool // open loop: an invocation counts from its intended start
}

// grace is how long a call may take to notice that its deadline has passed.
const grace = 500 * time.Millisecond

// flushEvery bounds what a kill -9 of the harness can lose.
const flushEvery = 400 * time.Millisecond

// readOnceFor is how many operations in a row share one reading of the clock.
const readOnceFor = 4

// pollEvery bounds how long the scheduler waits without looking at Stop.
const pollEvery = 100 * time.Millisecond

// The fates of an operation: the worker and the scheduler race for its completion when its
// deadline passes, and the first to change inTime wins.
const (
	inTime int32 = iota
	finished
	leftBehind
)

// worker is one thread's task and its slot.
type worker struct {
	in      runtime.Queue
	inv     invoker
	op      history.Op // the invocation
	result  history.Op // the completion
	retire  bool
	sleep   time.Duration // instead of an operation
	quit    bool
	running bool
	limit   *runtime.Deadline
	until   time.Duration
	expired bool
	seq     uint64       // of the operation in the slot
	fate    atomic.Int32 // of the operation in the slot
}

type interpreter struct {
	interpreterConfig
	gen     generator.Generator
	gctx    *generator.Context
	workers []*worker // by thread+1; the nemesis is 0
	process []int     // by thread+1
	done    runtime.Queue
	busy    int
	limits  deadlineRing
	issued  int
	lost    int
	flushed time.Duration
	maxLag  time.Duration
	event   generator.Event
	failed  error
	start   time.Time // of the run by the wall clock; zero in a virtual world
	seq     uint64    // of the last operation handed out
	idle    time.Duration
	live    atomic.Int32  // workers that have not ended
	now     time.Duration // when the clock was last read
	fresh   int           // how many operations it may still serve
}

func newInterpreter(c interpreterConfig) *interpreter {
	in := &interpreter{interpreterConfig: c, gctx: generator.NewContext(c.Clients, c.Nemesis), idle: -1}
	if !c.Runtime.Virtual() {
		in.start = time.Now().Add(-c.Runtime.Now())
	}
	in.done = c.Runtime.NewQueue(c.Clients + 1)
	in.workers = make([]*worker, c.Clients+1)
	in.process = make([]int, c.Clients+1)
	for i := range in.workers {
		in.process[i] = i - 1
		if i == 0 && !c.Nemesis {
			continue
		}
		in.hire(i)
	}
	return in
}

// hire starts a worker for a thread.
func (in *interpreter) hire(i int) {
	w := &worker{in: in.Runtime.NewQueue(1), inv: in.Invoker(i-1, in.process[i])}
	in.workers[i] = w
	in.live.Add(1)
	in.Runtime.Go(fmt.Sprintf("worker %d", i-1), func() { in.work(i, w) })
}

// work is a worker's life.
func (in *interpreter) work(i int, w *worker) {
	defer func() {
		w.inv.Close()
		if w.fate.Load() != leftBehind {
			in.live.Add(-1)
		}
	}()
	for {
		if _, ok := w.in.Get(runtime.Forever); !ok || w.quit {
			return
		}
		if w.sleep > 0 {
			_ = in.Runtime.Sleep(w.limit, w.sleep)
		} else {
			w.retire = w.inv.Invoke(w.limit, &w.op, &w.result)
		}
		if !w.fate.CompareAndSwap(inTime, finished) {
			return // the scheduler has completed the operation in our stead
		}
		in.done.Put(i)
	}
}

// run drives gen until it is done, or stopped, and nothing is under way.
func (in *interpreter) run(gen generator.Generator) error {
	in.gen, in.fresh = gen, 0
	for in.failed == nil {
		if i, ok := in.done.Get(0); ok {
			in.complete(i)
			continue
		}
		// The clock was read just now, with a completion or for the operation before: an
		// invocation may count from a moment earlier, never from one later.
		if in.fresh == 0 {
			in.now, in.fresh = in.Runtime.Now(), readOnceFor
		}
		in.fresh--
		now := in.now
		in.expire(now)
		in.flush(now)
		if in.Context.Err() != nil {
			return context.Cause(in.Context)
		}
		if in.Stop.Load() || in.OpLimit > 0 && in.issued >= in.OpLimit {
			if in.busy == 0 {
				return in.failed
			}
			in.wait(now, runtime.Forever)
			continue
		}
		in.gctx.Time = int64(now)
		op, status, next := in.gen.Op(in.gctx)
		switch {
		case status == generator.Done:
			if in.busy == 0 {
				return in.failed
			}
			in.wait(now, runtime.Forever)
		case status == generator.Pending:
			in.wait(now, in.pendingUntil(now, op.Time))
		case op.Time > int64(now):
			in.wait(now, time.Duration(op.Time))
		default:
			in.gen, in.idle = next, -1
			in.dispatch(op, now)
		}
	}
	return in.failed
}

// pendingUntil says how long to wait for a generator that has nothing to do now. While
// operations are under way one of their completions may wake it; otherwise only time can,
// and it is asked again in small steps, for an hour at most.
func (in *interpreter) pendingUntil(now time.Duration, hint int64) time.Duration {
	switch {
	case hint > int64(now):
		return time.Duration(hint)
	case in.busy > 0:
		return runtime.Forever
	case in.idle < 0:
		in.idle = now
	case now-in.idle > time.Hour:
		in.failed = errors.New("the generator has been pending for an hour with nothing under way")
	}
	return now + time.Millisecond
}

// wait sleeps until a completion, the next deadline or the given time.
func (in *interpreter) wait(now, until time.Duration) {
	in.fresh = 0
	if limit, ok := in.limits.next(in.workers); ok {
		until = min(until, limit)
	}
	if !in.Runtime.Virtual() {
		until = min(until, now+pollEvery)
	}
	if i, ok := in.done.Get(until); ok {
		in.complete(i)
	} else if until != runtime.Forever {
		in.maxLag = max(in.maxLag, in.Runtime.Now()-until)
	}
}

// dispatch hands an operation to its thread's worker.
func (in *interpreter) dispatch(op generator.Op, now time.Duration) {
	if op.Kind == generator.KindLog {
		in.Log("%s", op.Text)
		return
	}
	i := op.Thread + 1
	if i < 0 || i >= len(in.workers) || in.workers[i] == nil || in.workers[i].running {
		in.failed = fmt.Errorf("the generator asked for thread %d, which is not free", op.Thread)
		return
	}
	w := in.workers[i]
	w.running, w.expired, w.retire = true, false, false
	w.fate.Store(inTime)
	in.seq++
	w.seq = in.seq
	in.gctx.Acquire(op.Thread)
	in.busy++
	limit := in.OpTimeout
	if i == 0 {
		limit = in.FaultLimit
	}
	if w.sleep = 0; op.Kind == generator.KindSleep {
		w.sleep = time.Duration(op.Sleep)
		limit = w.sleep + grace
	}
	w.until = now + limit
	if w.limit == nil || !w.limit.Renew(w.until) {
		w.limit = runtime.NewDeadline(in.Context, in.start, w.until)
	}
	if op.Kind == generator.KindSleep || i == 0 {
		in.limits.pushOdd(i, w.seq, w.until)
	} else {
		in.limits.push(i, w.seq, w.until)
	}
	if op.Kind == generator.KindInvoke {
		w.op = history.Op{
			Time: int64(now), Process: in.process[i], Type: history.Invoke,
			F: op.F, Key: op.Key, Keyed: op.Keyed, Value: op.Value,
		}
		if in.IntendedNow && op.Time > 0 && i > 0 {
			w.op.Time = min(op.Time, w.op.Time)
		}
		if i > 0 {
			in.issued++
		}
		in.record(op.Thread, &w.op)
	}
	w.in.Put(0)
}

// complete takes a worker's completion.
func (in *interpreter) complete(i int) {
	w := in.workers[i]
	w.running = false
	w.limit.Release()
	in.busy--
	in.gctx.Release(i - 1)
	if w.sleep > 0 {
		return
	}
	done := &w.result
	in.now, in.fresh = in.Runtime.Now(), readOnceFor
	done.Time, done.Process, done.F = int64(in.now), w.op.Process, w.op.F
	done.Key, done.Keyed = w.op.Key, w.op.Keyed
	if (w.retire || done.Type == history.Info) && i > 0 {
		in.retire(i, w)
	}
	in.record(i-1, done)
}

// retire ends a thread's process: a new process, with a new worker and a fresh
// connection, takes its place.
func (in *interpreter) retire(i int, w *worker) {
	w.quit = true
	w.in.Put(0)
	in.replace(i)
}

func (in *interpreter) replace(i int) {
	in.process[i] += in.Clients
	in.gctx.Replace(i-1, in.process[i])
	in.hire(i)
}

// expire ends the contexts of operations that are past their deadline and, a grace
// later, leaves behind the workers whose calls have not noticed.
func (in *interpreter) expire(now time.Duration) {
	for {
		i, ok := in.limits.pop(in.workers, now)
		if !ok {
			return
		}
		w := in.workers[i]
		if !w.expired {
			w.expired = true
			w.limit.Expire(context.DeadlineExceeded)
			w.until = now + grace
			in.limits.pushOdd(i, w.seq, w.until)
			continue
		}
		if !w.fate.CompareAndSwap(inTime, leftBehind) {
			continue // it has just finished; its number is in the queue
		}
		in.lost++
		in.live.Add(-1)
		_ = in.Record.Note(history.Event{Time: int64(now), Kind: history.EventLost, N: int64(in.process[i]), Text: w.op.F})
		in.Log("process %d: %s ignored its deadline and was left behind", in.process[i], w.op.F)
		in.busy--
		in.gctx.Release(i - 1)
		done := w.op
		done.Time, done.Type, done.Error = int64(now), history.Info, "deadline exceeded; the client did not return"
		if i > 0 {
			in.replace(i)
		} else {
			in.hire(i)
		}
		if w.sleep == 0 {
			in.record(i-1, &done)
		}
	}
}

// record writes an event down and tells the generator of it.
func (in *interpreter) record(thread int, op *history.Op) {
	if err := in.Record.Append(op); err != nil {
		in.failed = fmt.Errorf("write the history: %w", err)
		return
	}
	in.gctx.Time = op.Time
	in.event.Thread, in.event.Op = thread, op
	in.gen = in.gen.Update(in.gctx, &in.event)
}

func (in *interpreter) flush(now time.Duration) {
	if in.Runtime.Virtual() || now-in.flushed < flushEvery {
		return
	}
	in.flushed = now
	if err := in.Record.Flush(); err != nil {
		in.failed = fmt.Errorf("write the history: %w", err)
	}
}

// close ends all workers. Operations that are under way after an error or a second
// Ctrl-C have had their context cancelled; those that ignore it are counted.
func (in *interpreter) close() {
	stop := in.Runtime.Now() + grace
	for _, w := range in.workers {
		if w != nil && w.running {
			w.limit.Expire(context.Canceled)
		}
	}
	for in.busy > 0 {
		i, ok := in.done.Get(stop)
		if !ok {
			break
		}
		in.workers[i].running = false
		in.busy--
	}
	for i, w := range in.workers {
		switch {
		case w == nil:
		case w.running && w.fate.CompareAndSwap(inTime, leftBehind):
			in.lost++
			in.live.Add(-1)
			in.Log("process %d: %s did not end with the run and was left behind", in.process[i], w.op.F)
		default:
			w.quit = true
			w.in.Put(0)
		}
	}
	for in.live.Load() > 0 && in.Runtime.Now() < stop+grace {
		_ = in.Runtime.Sleep(context.Background(), time.Millisecond)
	}
}
