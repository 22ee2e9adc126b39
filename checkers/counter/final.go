package counter

import (
	"fmt"
	"slices"

	"github.com/faultline-dev/faultline/checkers"
)

// final holds the final reads to what was acknowledged and what is in doubt.
func (s *subject) final() (found []checkers.Anomaly) {
	least, most := int64(s.acked-len(s.decrements)), int64(len(s.increments)-s.taken)
	acked, maybe := fmt.Sprintf("though %s acknowledged", was(s.acked)), fmt.Sprintf("though only %s, acknowledged or in doubt, may have happened", plural(len(s.increments), "increment"))
	if n := len(s.decrements); n > 0 {
		acked += fmt.Sprintf(", and only %d decrements, acknowledged or in doubt, may have happened", n)
		maybe += fmt.Sprintf(", and %d decrements were acknowledged", s.taken)
	}
	for _, k := range []struct {
		name string
		bad  func(v int64) bool
		tell string
	}{
		{"lost-increment", func(v int64) bool { return v < least }, acked},
		{"phantom-increment", func(v int64) bool { return v > most }, maybe},
	} {
		i := slices.IndexFunc(s.finals, func(r operation) bool { return k.bad(r.value) })
		if i < 0 {
			continue
		}
		r, also := s.finals[i], 0
		for _, other := range s.finals[i+1:] {
			if k.bad(other.value) {
				also++
			}
		}
		text := fmt.Sprintf("%s's final read at %s is %d, %s", s.Who(r.ret), s.When(r.ret), r.value, k.tell)
		if also > 0 {
			text += fmt.Sprintf("; so %s", plural(also, "more of the final reads"))
		}
		found = append(found, s.anomaly(k.name, text, r.call, r.ret))
	}
	return found
}

func (s *subject) anomaly(name, text string, proof ...int) checkers.Anomaly {
	a := checkers.Anomaly{Name: name, Sentence: text}
	if s.Keyed {
		key := s.Key
		a.Key, a.Sentence = &key, fmt.Sprintf("on key %s, %s", s.KeyName(), text)
	}
	for _, e := range proof {
		if e != none && e != never {
			a.Ops = append(a.Ops, e)
		}
	}
	slices.Sort(a.Ops)
	a.Ops = slices.Compact(a.Ops)
	return a
}

func was(n int) string {
	if n == 1 {
		return "1 increment was"
	}
	return fmt.Sprintf("%d increments were", n)
}

func plural(n int, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case noun == "increment":
		return fmt.Sprintf("%d increments", n)
	}
	return fmt.Sprintf("%d %s", n, noun)
}
