// Package unique checks what gives out ids: no two requests get the same one.
//
// The one idea: two acknowledgements that carry the same id prove the fault by themselves,
// whatever the order in which they came about. An id whose request is in doubt or failed was
// not seen by anybody, so nothing is said about it. That ids rise, or have no gaps, is not
// asked for: Jepsen's and Maelstrom's unique-ids ask for no more, and systems that let each
// node count by itself promise no more.
//
// Start with New.
package unique

import (
	"context"
	"fmt"
	"slices"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

// New returns a checker of ids, one space of them for each key, with generate, whose
// completion's value is the id: an integer, or a text.
func New() checkers.Checker { return checker{} }

type checker struct{}

func (checker) Name() string { return "unique" }

const (
	// maxAnomalies is how many ids are told about; the others are counted.
	maxAnomalies = 8
	// bytesPerID is what one acknowledged id costs at most, but for the text of one.
	bytesPerID = 128
)

// subject is one space of ids.
type subject struct {
	checkers.Subject
	room     *int64                  // bytes that the ids of all subjects may still take
	first    map[history.Value]grant // the first grant of each id
	again    map[history.Value][]grant
	repeated []history.Value // the keys of again, as they were repeated first
	asked    int
	doubtful int
}

// grant is an acknowledged request; events are indices in the history.
type grant struct{ call, ret int }

func (checker) Check(ctx context.Context, h *history.History, budget checkers.Budget) checkers.Result {
	budget = budget.OrDefault()
	ctx, cancel := context.WithTimeout(ctx, budget.Time)
	defer cancel()
	result := checkers.Result{Checker: checker{}.Name()}
	asked, acked, doubtful, doubled := 0, 0, 0, 0
	for _, s := range gather(ctx, h, budget.Memory) {
		if s.Fault != "" {
			result.Doubt(s.name(), s.Fault)
		}
		asked, acked, doubtful = asked+s.asked, acked+len(s.first), doubtful+s.doubtful
		for _, id := range s.repeated {
			acked += len(s.again[id])
			if doubled++; doubled <= maxAnomalies {
				result.Anomalies = append(result.Anomalies, s.duplicate(id))
			}
		}
	}
	if doubled > 0 {
		result.Valid = checkers.Invalid
	}
	result.Count("ids asked for", asked, "")
	result.Count("ids acknowledged", acked, "")
	result.Count("ids in doubt", doubtful, "nobody saw which they are, so nothing is said about them")
	result.Count("ids given out twice", doubled, "or more often")
	return result
}

// gather splits a history into its spaces of ids, in order of first use.
func gather(ctx context.Context, h *history.History, memory int64) []*subject {
	begin := func(of checkers.Subject) *subject {
		return &subject{Subject: of, room: &memory, first: map[history.Value]grant{}, again: map[history.Value][]grant{}}
	}
	return checkers.Gather(h, begin, func(s *subject, i int, e history.Op, match []int32) {
		if s.Fault != "" {
			return
		}
		if ctx.Err() != nil {
			s.Reject("no time was left for it")
			return
		}
		s.take(i, e, match)
	})
}

func (s *subject) take(i int, e history.Op, match []int32) {
	switch {
	case e.F != "generate":
		s.Reject("operation %d is %q, which ids do not have", i, e.F)
	case e.Type == history.Invoke:
		s.asked++
		if match[i] < 0 || s.H.At(int(match[i])).Type == history.Info {
			s.doubtful++
		}
	case e.Type == history.OK && match[i] >= 0:
		if e.Value.Kind != history.KindInt && e.Value.Kind != history.KindText {
			s.Reject("operation %d got %s, which is no id: an integer or a text", i, e.Value)
			return
		}
		if *s.room -= bytesPerID + int64(len(e.Value.S)); *s.room < 0 {
			s.Reject("there are too many ids for the memory given")
			return
		}
		s.grant(e.Value, grant{int(match[i]), i})
	}
}

func (s *subject) grant(id history.Value, g grant) {
	if _, found := s.first[id]; !found {
		s.first[id] = g
		return
	}
	if s.again[id] == nil {
		s.repeated = append(s.repeated, id)
	}
	s.again[id] = append(s.again[id], g)
}

// maxProof bounds the grants of one id that an anomaly names.
const maxProof = 10

// duplicate tells of an id that was given out more than once.
func (s *subject) duplicate(id history.Value) checkers.Anomaly {
	first, again := s.first[id], s.again[id]
	second := again[0]
	text := fmt.Sprintf("%s got id %s at %s, which %s had got at %s", s.Who(second.ret), id, s.When(second.ret), s.Who(first.ret), s.When(first.ret))
	if second.call < first.ret {
		text += ", while both asked for one"
	}
	if more := len(again) - 1; more > 0 {
		text += fmt.Sprintf("; it was given out %d times in all", more+2)
	}
	a := checkers.Anomaly{Name: "duplicate-id", Sentence: text, Ops: []int{first.call, first.ret}}
	if s.Keyed {
		key := s.Key
		a.Key, a.Sentence = &key, fmt.Sprintf("on key %s, %s", s.KeyName(), text)
	}
	for _, g := range again[:min(len(again), maxProof)] {
		a.Ops = append(a.Ops, g.call, g.ret)
	}
	slices.Sort(a.Ops)
	return a
}

func (s *subject) name() string {
	if !s.Keyed {
		return "the ids"
	}
	return "key " + s.KeyName()
}
