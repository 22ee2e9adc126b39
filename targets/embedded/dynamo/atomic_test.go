package dynamo

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
)

var (
	atomicConfig = Config{Mode: Atomic, N: 3, R: 2, W: 2, VirtualNodes: 4, CompactAt: 400}
	quorumConfig = Config{Mode: LastWriteWins, N: 3, R: 2, W: 2, VirtualNodes: 4, CompactAt: 400}
)

const ordeals = 40

// Under loss, partitions, clock skew and crashes that tear the log, every history of mode
// abd is linearizable.
func TestAtomicIsLinearizable(t *testing.T) {
	for seed := range uint64(ordeals) {
		_, ops := ordeal(t, atomicConfig, seed)
		if !linearizableRegister(ops) {
			t.Errorf("seed %d: the register is not linearizable", seed)
		}
		if a := setAnomaly(ops); a != "" {
			t.Errorf("seed %d: the set: %s", seed, a)
		}
	}
}

// What was acknowledged reaches the homes in the end: after healing, every coordinator
// reads every element.
func TestQuorumKeepsElements(t *testing.T) {
	for seed := range uint64(ordeals) {
		w, ops := ordeal(t, quorumConfig, seed)
		if lost := lostElements(w, ops); len(lost) > 0 {
			t.Errorf("seed %d: acknowledged elements %v are missing", seed, lost)
		}
	}
}

// The two tests above can fail: Dynamo's own mode is not linearizable, nor is any of the
// planted bugs harmless.
func TestOrdealsFindBugs(t *testing.T) {
	register := func(_ *world, ops []clientOp) bool { return !linearizableRegister(ops) }
	set := func(_ *world, ops []clientOp) bool { return setAnomaly(ops) != "" }
	lost := func(w *world, ops []clientOp) bool { return len(lostElements(w, ops)) > 0 }
	for _, c := range []struct {
		name  string
		mode  Config
		bug   Bug
		found func(*world, []clientOp) bool
	}{
		{"lww register", quorumConfig, NoBug, register},
		{"lww set", quorumConfig, NoBug, set},
		{"", quorumConfig, HintsDropped, lost},
		{"", atomicConfig, NoWriteBack, register},
		{"set without write-back", atomicConfig, NoWriteBack, set},
		{"", atomicConfig, AckBeforeSync, register},
		{"", atomicConfig, TimestampReuse, register},
		{"", atomicConfig, HintedMajority, register},
	} {
		t.Run(cmp.Or(c.name, string(c.bug)), func(t *testing.T) {
			c.mode.Bug = c.bug
			for seed := range uint64(200) {
				if c.found(ordeal(t, c.mode, seed)) {
					t.Logf("found by seed %d", seed)
					return
				}
			}
			t.Error("not found")
		})
	}
}

const ordealLength = 8 * time.Second

// ordeal lets ten clients, two for each node, use one register and one set for some
// seconds while messages are lost, links cut and nodes crash; then it heals everything.
func ordeal(t *testing.T, c Config, seed uint64) (*world, []clientOp) {
	w := newWorld(t, c, 5, seed)
	w.jitter, w.loss = 9*time.Millisecond, 0.02
	var ops []clientOp
	for i := range 2 * len(w.hosts) {
		client(w, w.hosts[i/2], int64(i+1)*1_000_000, rand.New(rand.NewPCG(seed, uint64(i+1))), &ops)
	}
	var faults func()
	faults = func() {
		if w.now < ordealLength {
			fault(w)
			w.after(time.Duration(200+w.rand.IntN(500))*time.Millisecond, faults)
		}
	}
	w.after(300*time.Millisecond, faults)
	w.pass(ordealLength)
	w.loss = 0
	w.lost = func(node.ID, node.ID, node.Message) bool { return false }
	for _, h := range w.hosts {
		if h.server == nil {
			h.start()
		}
	}
	w.pass(5 * time.Second)
	return w, ops
}

func fault(w *world) {
	h := w.hosts[w.rand.IntN(len(w.hosts))]
	switch w.rand.IntN(4) {
	case 0:
		side := w.rand.IntN(1 << len(w.hosts))
		w.lost = func(from, to node.ID, _ node.Message) bool {
			i := slices.IndexFunc(w.hosts, func(h *host) bool { return h.id == from })
			j := slices.IndexFunc(w.hosts, func(h *host) bool { return h.id == to })
			return side>>i&1 != side>>j&1
		}
	case 1:
		w.lost = func(node.ID, node.ID, node.Message) bool { return false }
	case 2:
		h.skew = time.Duration(w.rand.IntN(2000)-1000) * time.Millisecond
	default:
		if h.server != nil {
			h.crash(true)
		}
		w.after(time.Duration(w.rand.IntN(1000))*time.Millisecond, func() {
			if h.server == nil {
				h.start()
			}
		})
	}
}

// clientOp is a client's operation; without a reply it may have happened at any time.
type clientOp struct {
	request     *kv.Request
	reply       *kv.Reply
	call, ended time.Duration
}

const never = time.Hour

// client sends one request after another.
func client(w *world, h *host, first int64, random *rand.Rand, ops *[]clientOp) {
	value := first
	var next func()
	next = func() {
		if w.now >= ordealLength {
			return
		}
		w.after(time.Duration(20+random.IntN(60))*time.Millisecond, func() {
			if h.server == nil {
				next()
				return
			}
			value++
			r := &kv.Request{Op: []kv.Op{kv.OpRead, kv.OpWrite, kv.OpAdd, kv.OpReadAll}[random.IntN(4)], Key: 1, Value: value}
			op := clientOp{request: r, call: w.now}
			w.request(h, r, func(reply *kv.Reply) {
				op.reply, op.ended = reply, w.now
				mutates := r.Op == kv.OpWrite || r.Op == kv.OpAdd
				switch {
				case reply != nil && reply.Status == kv.Done:
					*ops = append(*ops, op)
				case mutates && (reply == nil || reply.Status == kv.Uncertain):
					op.reply, op.ended = nil, never
					*ops = append(*ops, op)
				}
				next()
			})
		})
	}
	next()
}

// linearizableRegister checks the operations on the register by porcupine's search.
func linearizableRegister(ops []clientOp) bool {
	var events []porcupine.Operation
	for i, op := range ops {
		if op.request.Op == kv.OpRead || op.request.Op == kv.OpWrite {
			events = append(events, porcupine.Operation{
				ClientId: i, Input: op.request, Output: op.reply, Call: int64(op.call), Return: int64(op.ended),
			})
		}
	}
	model := porcupine.Model{
		Init: func() any { return int64(0) },
		Step: func(state, input, output any) (bool, any) {
			r, reply := input.(*kv.Request), output.(*kv.Reply)
			if r.Op == kv.OpWrite {
				return true, r.Value
			}
			return state == reply.Value, state
		},
	}
	return porcupine.CheckOperations(model, events)
}

// setAnomaly checks the operations on the set directly. Additions commute, so there is an
// order exactly if the reads form a chain and respect the order in which operations ended
// and began.
func setAnomaly(ops []clientOp) string {
	var adds, reads []clientOp
	for _, op := range ops {
		switch op.request.Op {
		case kv.OpAdd:
			adds = append(adds, op)
		case kv.OpReadAll:
			reads = append(reads, op)
		}
	}
	slices.SortStableFunc(reads, func(a, b clientOp) int {
		return cmp.Or(cmp.Compare(len(a.reply.Elements), len(b.reply.Elements)), cmp.Compare(a.call, b.call))
	})
	for i, r := range reads {
		has := map[int64]bool{}
		for _, e := range r.reply.Elements {
			has[e] = true
		}
		if i > 0 {
			for _, e := range reads[i-1].reply.Elements {
				if !has[e] {
					return fmt.Sprintf("of two reads each lacks an element of the other: %d", e)
				}
			}
		}
		for _, smaller := range reads[:i] {
			if r.ended < smaller.call && len(smaller.reply.Elements) < len(has) {
				return "an element was read and later missed"
			}
		}
		for _, a := range adds {
			switch in := has[a.request.Value]; {
			case in && a.call > r.ended:
				return fmt.Sprintf("%d was read before it was added", a.request.Value)
			case !in && a.ended < r.call:
				return fmt.Sprintf("%d was added and then missed", a.request.Value)
			}
			for _, b := range adds {
				if a.ended < b.call && has[b.request.Value] && !has[a.request.Value] {
					return fmt.Sprintf("%d is seen without %d, which was there before", b.request.Value, a.request.Value)
				}
			}
		}
	}
	return ""
}

// lostElements are those whose addition was acknowledged and that some node does not see.
func lostElements(w *world, ops []clientOp) []int64 {
	var lost []int64
	for _, h := range w.hosts {
		seen := map[int64]bool{}
		w.request(h, &kv.Request{Op: kv.OpReadAll, Key: 1}, func(r *kv.Reply) {
			for _, e := range r.Elements {
				seen[e] = true
			}
		})
		w.pass(time.Second)
		for _, op := range ops {
			if op.request.Op == kv.OpAdd && op.reply != nil && !seen[op.request.Value] {
				lost = append(lost, op.request.Value)
			}
		}
	}
	return lost
}
