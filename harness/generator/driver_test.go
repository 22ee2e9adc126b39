package generator

import (
	"fmt"
	"strings"
	"testing"

	"github.com/faultline-dev/faultline/harness/history"
)

// driver is a scheduler under simulated time: each operation takes its latency, then
// completes as outcome says; one that ends in doubt gives its thread a new process.
type driver struct {
	threads int
	nemesis bool
	latency func(thread, n int) int64 // of the n-th operation
	outcome func(thread, n int) history.Type
	until   int64
	most    int // operations
}

// told is an operation that the driver dispatched.
type told struct {
	at, due int64
	thread  int
	process int
	op      Op
}

func (t told) String() string {
	who := fmt.Sprint(t.thread)
	if t.thread == NemesisThread {
		who = "nemesis"
	}
	what := t.op.F
	switch t.op.Kind {
	case KindSleep:
		what = fmt.Sprintf("sleep %d", t.op.Sleep)
	case KindLog:
		return fmt.Sprintf("%5d  log %s", t.at, t.op.Text)
	}
	if t.op.Keyed {
		what = fmt.Sprintf("%s of key %d", what, t.op.Key)
	}
	if t.op.Value != history.Nil {
		what += " " + t.op.Value.String()
	}
	s := fmt.Sprintf("%5d  %s %s", t.at, who, what)
	if t.process != t.thread {
		s += fmt.Sprintf(" (process %d)", t.process)
	}
	if t.due != 0 && t.due < t.at {
		s += fmt.Sprintf(" (due at %d)", t.due)
	}
	return s
}

type running struct {
	thread int
	end    int64
	n      int
	op     history.Op
	sleep  bool
}

// run drives g and returns what was dispatched and how it ended. It asks each question
// twice, since asking must be without effect.
func (d driver) run(t testing.TB, g Generator) (all []told, end string) {
	t.Helper()
	ctx := NewContext(d.threads, d.nemesis)
	var flight []running
	n := 0
	complete := func(i int) {
		r := flight[i]
		flight = append(flight[:i:i], flight[i+1:]...)
		ctx.Time = r.end
		ctx.Release(r.thread)
		if r.sleep {
			return
		}
		r.op.Time, r.op.Type = r.end, d.outcome(r.thread, r.n)
		if r.op.Type == history.Info && r.thread != NemesisThread {
			ctx.Replace(r.thread, ctx.Process(r.thread)+d.threads)
		}
		g = g.Update(ctx, &Event{Thread: r.thread, Op: &r.op})
	}
	for steps := 0; ; steps++ {
		if steps > 100_000 {
			t.Fatal("the generator never ends")
		}
		first := -1
		for i, r := range flight {
			if first < 0 || r.end < flight[first].end {
				first = i
			}
		}
		if first >= 0 && flight[first].end <= ctx.Time {
			complete(first)
			continue
		}
		if ctx.Time >= d.until {
			return all, "time is up"
		}
		if len(all) == d.most {
			return all, "enough"
		}
		op, status, next := g.Op(ctx)
		if again, status2, _ := g.Op(ctx); again != op || status2 != status {
			t.Fatalf("asked twice it says %v %v and %v %v", op, status, again, status2)
		}
		wait := d.until
		if first >= 0 {
			wait = min(wait, flight[first].end)
		}
		switch {
		case status == Done && first < 0:
			return all, fmt.Sprintf("done at %d", ctx.Time)
		case status == Done:
			ctx.Time = wait
			continue
		case status == Pending:
			if op.Time > ctx.Time {
				wait = min(wait, op.Time)
			} else if first < 0 {
				return all, fmt.Sprintf("pending for ever at %d", ctx.Time)
			}
			ctx.Time = wait
			continue
		case op.Time > ctx.Time:
			ctx.Time = min(wait, op.Time)
			continue
		}
		g = next
		if op.Kind == KindLog {
			all = append(all, told{at: ctx.Time, op: op})
			continue
		}
		if !ctx.Free().Has(op.Thread) {
			t.Fatalf("thread %d is not free for %v", op.Thread, op)
		}
		process := op.Thread
		if op.Thread != NemesisThread {
			process = ctx.Process(op.Thread)
		}
		all = append(all, told{ctx.Time, op.Time, op.Thread, process, op})
		ctx.Acquire(op.Thread)
		r := running{thread: op.Thread, n: n, end: ctx.Time + d.latency(op.Thread, n), sleep: op.Kind == KindSleep}
		if r.sleep {
			r.end = ctx.Time + op.Sleep
		}
		n++
		r.op = history.Op{Time: ctx.Time, Process: process, F: op.F, Key: op.Key, Keyed: op.Keyed, Value: op.Value}
		flight = append(flight, r)
		if !r.sleep {
			op := r.op
			g = g.Update(ctx, &Event{Thread: r.thread, Op: &op})
		}
	}
}

func table(all []told, end string) string {
	var b strings.Builder
	for _, o := range all {
		fmt.Fprintln(&b, o)
	}
	fmt.Fprintln(&b, end)
	return b.String()
}
