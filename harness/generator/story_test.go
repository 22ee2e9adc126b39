package generator

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/faultline-dev/faultline/harness/history"
)

// of are n operations of that name with the values 1, 2, 3, ...
func of(f string, n int) Generator {
	list := make([]Op, n)
	for i := range list {
		list[i] = Invoke(f)
		list[i].Value = history.Int(int64(i + 1))
	}
	return Of(list...)
}

func always(f string) Generator { return Repeat(Of(Invoke(f))) }

// subjects are the generators that the stories tell of.
var subjects = map[string]func() Generator{
	"of":            func() Generator { return of("a", 3) },
	"of-nothing":    func() Generator { return Of() },
	"own-thread":    func() Generator { return Of(Op{Thread: 1, F: "a"}, Op{Thread: 1, F: "b"}, Invoke("c")) },
	"repeat":        func() Generator { return always("a") },
	"func":          func() Generator { return Func(func(ctx *Context) (Op, bool) { return Invoke("a"), ctx.Time < 30 }) },
	"map":           func() Generator { return Map(func(o Op) Op { o.F += "!"; return o }, of("a", 2)) },
	"filter":        func() Generator { return Filter(func(o Op) bool { return o.Value.A%2 == 0 }, of("a", 5)) },
	"filter-none":   func() Generator { return Filter(func(Op) bool { return false }, always("a")) },
	"limit":         func() Generator { return Limit(2, always("a")) },
	"limit-sleep":   func() Generator { return Limit(2, Cycle(Sleep(5), of("a", 1))) },
	"once":          func() Generator { return Once(always("a")) },
	"time-limit":    func() Generator { return TimeLimit(25, always("a")) },
	"time-late":     func() Generator { return Seq(Sleep(100), TimeLimit(25, always("a"))) },
	"until":         func() Generator { return Until(25, always("a")) },
	"until-ahead":   func() Generator { return Until(25, Delay(40, always("a"))) },
	"stagger":       func() Generator { return Stagger(10, NewRand(1, "x"), of("a", 6)) },
	"delay":         func() Generator { return Delay(30, of("a", 4)) },
	"rate":          func() Generator { return Rate(1e9/10, Uniform, 1, of("a", 6)) },
	"rate-poisson":  func() Generator { return Rate(1e9/10, Exponential, 1, of("a", 6)) },
	"seq":           func() Generator { return Seq(of("a", 2), Of(), of("b", 2)) },
	"cycle":         func() Generator { return Cycle(of("a", 1), of("b", 2)) },
	"cycle-nothing": func() Generator { return Cycle(Of(), Of()) },
	"sleep-log":     func() Generator { return Seq(of("a", 1), Log("half-way"), Sleep(50), of("b", 1)) },
	"synchronize":   func() Generator { return Seq(of("a", 4), Synchronize(of("b", 3))) },
	"phases":        func() Generator { return Phases(of("a", 3), of("b", 3)) },
	"until-ok":      func() Generator { return UntilOK(always("a")) },
	"until-ok-ours": func() Generator {
		return Any(OnThreads(func(t int) bool { return t == 0 }, UntilOK(always("a"))), OnThreads(func(t int) bool { return t == 1 }, of("b", 4)))
	},
	"reserve": func() Generator {
		return Reserve([]int{1, 2}, always("one"), always("two"), always("rest"))
	},
	"reserve-nested": func() Generator {
		return OnThreads(func(t int) bool { return t >= 2 }, Reserve([]int{1}, always("first"), Reserve([]int{1}, always("second"), always("third"))))
	},
	"on-threads": func() Generator { return OnThreads(func(t int) bool { return t == 2 }, of("a", 2)) },
	"each":       func() Generator { return EachThread(of("a", 2)) },
	"each-until": func() Generator { return EachThread(UntilOK(always("a"))) },
	"flip-flop":  func() Generator { return FlipFlop(always("a"), of("b", 2)) },
	"any":        func() Generator { return Any(Delay(25, of("slow", 3)), Delay(10, of("quick", 5))) },
	"any-tie":    func() Generator { return Any(of("a", 3), of("b", 3)) },
	"mix":        func() Generator { return Mix(NewRand(1, "x"), of("a", 4), of("b", 4), of("c", 4)) },
	"mix-stalled": func() Generator {
		stuck := OnThreads(func(t int) bool { return t == 99 }, always("never"))
		waiting := Delay(1000, of("late", 2))
		return Mix(NewRand(1, "x"), waiting, of("a", 4), stuck)
	},
	"process-limit": func() Generator { return ProcessLimit(4, of("a", 40)) },
	"independent":   func() Generator { return Independent(2, KeyRange(0, 3), func(int64) Generator { return of("a", 3) }) },
	"independent-odd": func() Generator {
		return Independent(2, Keys(7), func(key int64) Generator { return of(fmt.Sprintf("k%d", key), 2) })
	},
	"nemesis": func() Generator {
		return Any(Clients(of("a", 6)), Nemesis(Seq(Sleep(15), Of(Invoke("start")), Sleep(20), Of(Invoke("stop")))))
	},
}

// TestStories: run NAME [threads=N] [nemesis] [latency=a,b,...] [info=N] [fail=N] [most=N]
// prints what the generator had done: when (in ns), by whom, what. Latencies go round; every
// N-th operation ends in doubt, or fails.
func TestStories(t *testing.T) {
	datadriven.Walk(t, "testdata/stories", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			name := d.CmdArgs[0].Key
			make, ok := subjects[name]
			if !ok {
				d.Fatalf(t, "there is no generator %q", name)
			}
			threads, info, fail, most := 3, 0, 0, 20
			d.MaybeScanArgs(t, "threads", &threads)
			d.MaybeScanArgs(t, "info", &info)
			d.MaybeScanArgs(t, "fail", &fail)
			d.MaybeScanArgs(t, "most", &most)
			latencies := []int64{10}
			for _, a := range d.CmdArgs {
				if a.Key == "latency" {
					latencies = nil
					for i := range a.Vals {
						var l int64
						a.Scan(t, i, &l)
						latencies = append(latencies, l)
					}
				}
			}
			drive := driver{
				threads: threads, nemesis: d.HasArg("nemesis"), until: 1e6, most: most,
				latency: func(_, n int) int64 { return latencies[n%len(latencies)] },
				outcome: func(_, n int) history.Type {
					switch {
					case info > 0 && (n+1)%info == 0:
						return history.Info
					case fail > 0 && (n+1)%fail == 0:
						return history.Fail
					}
					return history.OK
				},
			}
			return table(drive.run(t, make()))
		})
	})
}
