package journal_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/harness/runtime"
	"github.com/faultline-dev/faultline/harness/sim"
	"github.com/faultline-dev/faultline/targets/embedded/journal"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"github.com/faultline-dev/faultline/targets/embedded/wire"
)

// list is a node that keeps the numbers that it is given, in order.
type list struct {
	env     node.Env
	journal journal.Journal
	numbers []int64
}

func (l *list) Start(env node.Env) {
	l.env, l.journal = env, journal.Journal{CompactAt: 200, Snapshot: func(j *journal.Journal) {
		j.Write(func(b []byte) []byte { return wire.AppendList(b, l.numbers) })
	}}
	err := l.journal.Open(env, func(d *wire.Decoder) { l.numbers = append(l.numbers, d.List()...) })
	if err != nil {
		env.Fatalf("%v", err)
	}
}

func (*list) Receive(node.ID, node.Message) {}

func (l *list) Request(id node.RequestID, m node.Message) {
	r := m.(*kv.Request)
	if r.Op == kv.OpAppend {
		l.numbers = append(l.numbers, r.Value)
		l.journal.Write(func(b []byte) []byte { return wire.AppendList(b, []int64{r.Value}) })
	}
	reply := &kv.Reply{Elements: slices.Clone(l.numbers)}
	l.journal.Then(func() { l.env.Reply(id, reply) })
}

// Whatever an answer told of is still there after a crash, in its place, and in front of
// what comes later.
func TestAnswersSurviveCrashes(t *testing.T) {
	crashes, rewritten := 0, false
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 0))
		w := sim.New(sim.Config{Seed: seed, Nodes: []node.ID{"n1"}, System: node.System{New: func() node.Node { return &list{} }}})
		var told []int64
		client := func(first int64) func() {
			return func() {
				for n := first; n < first+100; n++ {
					ctx := runtime.NewDeadline(context.Background(), time.Time{}, w.Now()+time.Second)
					conn, err := w.Dial(ctx, "n1")
					if err != nil {
						_ = w.Sleep(ctx, 10*time.Millisecond)
						continue
					}
					m, err := conn.Call(ctx, &kv.Request{Op: kv.OpAppend, Value: n})
					_ = conn.Close()
					if err != nil {
						continue
					}
					got := m.(*kv.Reply).Elements
					if len(got) >= len(told) && !slices.Equal(got[:len(told)], told) {
						t.Errorf("seed %d: told of %v and then of %v", seed, told, got)
					}
					if len(got) > len(told) {
						told = got
					}
				}
			}
		}
		w.Run(func() {
			if err := w.Start("n1"); err != nil {
				t.Error(err)
			}
			for i := range 5 {
				w.Go("client", client(int64(i+1)*1000))
			}
			for range 30 {
				_ = w.Sleep(context.Background(), time.Duration(random.IntN(20))*time.Millisecond)
				if w.Kill("n1") {
					crashes++
				}
				if err := w.Start("n1"); err != nil {
					t.Error(err)
				}
			}
		})
		rewritten = rewritten || len(told) > 100
	}
	if crashes < 100 || !rewritten {
		t.Errorf("%d crashes, rewritten: %t: it proves little", crashes, rewritten)
	}
}
