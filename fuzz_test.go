package faultline

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/object"
	"github.com/faultline-dev/faultline/harness"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/store"
)

// judged judges a history as faultline check does, and holds that no checker broke down and
// that whoever does not know says why.
func judged(t *testing.T, h *history.History, kind string) {
	t.Helper()
	q := harness.Question{
		Workload: objectWorkload(kind, history.Nil), Alone: true,
		Budget: checkers.Budget{Time: 200 * time.Millisecond, Memory: 64 << 20, Workers: 1},
	}
	res := harness.Summarise(h, harness.Judge(context.Background(), h, q), store.Config{})
	for _, r := range res.Checkers {
		switch {
		case strings.Contains(r.Reason, "the checker failed"):
			t.Errorf("%s: %s: %s", kind, r.Checker, r.Reason)
		case r.Valid == checkers.Unknown && r.Reason == "":
			t.Errorf("%s: %s does not know, nor why", kind, r.Checker)
		case r.Valid == checkers.Invalid && len(r.Anomalies) == 0:
			t.Errorf("%s: %s says invalid without an anomaly", kind, r.Checker)
		}
		for _, a := range r.Anomalies {
			for _, at := range a.Ops {
				if at < 0 || at >= h.Len() {
					t.Errorf("%s: %s names event %d of %d", kind, a.Name, at, h.Len())
				}
			}
		}
	}
}

// FuzzCheckText judges what can be read of any text.
func FuzzCheckText(f *testing.F) {
	f.Add("{:process 0 :type :invoke :f :enqueue :value 1}{:process 0 :type :ok :f :enqueue :value 1}", uint8(5), false)
	f.Add("{:process 0 :type :invoke :f :txn :value [[:r 1 nil] [:w 2 3]]}{:process 0 :type :ok :f :txn :value [[:r 1 2] [:w 2 3]]}", uint8(1), false)
	f.Add("{:process 0 :type :invoke :f :read :value [1 nil]}{:process 0 :type :ok :f :read :value [1 #{1 2}]}", uint8(4), false)
	f.Add(`{"process":0,"type":"invoke","f":"add","value":99999999999999999999,"time":9223372036854775807}`+"\n"+`{"process":0,"type":"ok","f":"add","time":0}`, uint8(9), true)
	f.Fuzz(func(t *testing.T, text string, kind uint8, jsonl bool) {
		read := history.ReadEDN
		if jsonl {
			read = history.ReadJSONL
		}
		h, err := read(strings.NewReader(text), history.ImportOptions{Name: "h", Independent: "auto"})
		if err != nil {
			return
		}
		judged(t, h, object.All[int(kind)%len(object.All)].Name)
	})
}

// FuzzCheckOperations judges histories of the type's own operations with values that may or
// may not suit them. Each event takes three bytes.
func FuzzCheckOperations(f *testing.F) {
	for kind := range object.All {
		f.Add(uint8(kind), []byte("\x00\x00\x01\x11\x01\x00\x10\x00\x01\x01\x00\x02\x21\x01\x03"))
	}
	values := []history.Value{
		history.Nil, history.Int(1), history.Int(2), history.Int(3), history.Int(-1 << 63), history.Int(1<<63 - 1),
		history.EDN("true"), history.EDN("false"), history.Text("a"), history.EDN(":a"), history.EDN("1.5"),
		history.List(nil), history.List([]int64{1}), history.List([]int64{1, 2}), history.List([]int64{2, 2}), history.Pair(1, 2),
		history.EDN("[1 true]"), history.EDN("[[1 2] [2 3]]"), history.EDN("{1 2}"), history.EDN("{1 nil, 2 3}"),
		history.EDN("[[:r 1 nil] [:w 1 2]]"), history.EDN("[[:r 1 2] [:w 1 2]]"), history.EDN("[[:w 1 1]]"), history.EDN("[]"),
	}
	f.Fuzz(func(t *testing.T, kind uint8, events []byte) {
		of := object.All[int(kind)%len(object.All)]
		h := &history.History{}
		open := map[int]string{}
		for i := 0; i+2 < len(events) && i < 3*64; i += 3 {
			o := of.Operations[int(events[i+1])%len(of.Operations)]
			op := history.Op{Process: int(events[i] & 7), F: o.Name, Value: values[int(events[i+2])%len(values)]}
			op.Time = int64(events[i]) * 1e6 // any order
			if events[i+1]&128 != 0 && len(o.Also) > 0 {
				op.F = o.Also[0]
			}
			if name, busy := open[op.Process]; busy {
				op.F, op.Type = name, history.Type(1+events[i]>>3&3)
				if op.Type > history.Info {
					op.Type = history.OK // half of them
				}
				delete(open, op.Process)
			} else {
				open[op.Process] = op.F
			}
			if events[i]&64 != 0 {
				op.Keyed, op.Key = true, 1
			}
			h.Append(op)
		}
		judged(t, h, of.Name)
	})
}
