package object

import (
	"context"

	"github.com/faultline-dev/faultline/checkers/engine/moments"
	"github.com/faultline-dev/faultline/checkers/engine/monitor"
	"github.com/faultline-dev/faultline/checkers/engine/search"
	"github.com/faultline-dev/faultline/checkers/engine/words"
)

// followed decides an object whose parts have few states, going through its events once, if no part
// has too many operations open at once.
func (s *subject) followed(ctx context.Context, f *finding) {
	if s.kind.word == nil {
		return
	}
	parts := make([]words.Object, 0, len(s.values))
	slots := make([]uint8, len(s.ops))
	took, at, failed := true, int32(0), int32(-1) // where and whereby it fails
	for _, o := range s.ops {
		part, ok := s.kind.part(s, o.do)
		if !ok {
			return
		}
		for int(part) >= len(parts) {
			parts = append(parts, words.Start(0))
		}
	}
	span := func(i int32) (call, ret int32) { return s.ops[i].call, s.ops[i].ret }
	moments.Each(len(s.ops), span, func(moment, i int32, ret bool) {
		if !took || failed >= 0 {
			return
		}
		part, _ := s.kind.part(s, s.ops[i].do)
		if !ret {
			slots[i], took = parts[part].Call(s.kind.word(s.ops[i].do))
		} else if !parts[part].Return(slots[i]) {
			at, failed = moment, i
		}
	})
	if !took {
		return
	}
	if f.engine = byWords; failed >= 0 {
		f.fail(func() *story {
			t := s.wordStory(ctx, at, s.ops[failed].do)
			t.detail.Engine = byWords
			return t
		})
	}
}

// wordStory tells why the part that an operation is of fails at a moment.
func (s *subject) wordStory(ctx context.Context, at int32, d Do) *story {
	which, _ := s.kind.part(s, d)
	var part []op
	for _, o := range s.ops {
		if p, _ := s.kind.part(s, o.do); p == which {
			part = append(part, o)
		}
	}
	if r, ok := s.judgeElement(part); ok && r.Verdict == monitor.Illegal {
		return s.monitorStory(ctx, part, r)
	}
	r := s.search(ctx, part, true, limits{memory: mostMemory}, search.Options{})
	if r.Verdict != search.Illegal { // it had no time to find out what is known
		r = search.Result{At: at, Order: func() []int32 { return nil }}
	}
	return s.searchStory(ctx, part, true, r)
}
