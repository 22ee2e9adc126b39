package counter

import (
	"fmt"
	"slices"
	"sort"

	"github.com/faultline-dev/faultline/checkers"
)

// bounds holds every read of a counter that is decremented, too, to the least and the most
// that real time lets it be, as Jepsen's counter does: what had been acknowledged when the
// read began counts, and what was invoked until it returned may. That every read keeps to it
// is necessary for an order of all operations, but not enough: with increments and
// decrements the values no longer say in which order they were read.
func (s *subject) bounds() *checkers.Anomaly {
	up, down := timesOf(s.increments), timesOf(s.decrements)
	for _, r := range s.reads {
		least := up.acknowledged(r.call) - down.invoked(r.ret)
		most := up.invoked(r.ret) - down.acknowledged(r.call)
		if least <= r.value && r.value <= most {
			continue
		}
		text := fmt.Sprintf("%s read %d at %s, though it can be %d at least and %d at most: when the read began %d increments and %d decrements had been acknowledged, and until it ended %d and %d been invoked",
			s.Who(r.ret), r.value, s.When(r.ret), least, most, up.acknowledged(r.call), down.acknowledged(r.call), up.invoked(r.ret), down.invoked(r.ret))
		a := s.anomaly("nonlinearizable", text, r.call, r.ret)
		return &a
	}
	return nil
}

// times are the events of operations of one kind, in order.
type times struct{ calls, rets []int }

func timesOf(ops []operation) (t times) {
	for _, o := range ops {
		t.calls = append(t.calls, o.call)
		if o.ret != never {
			t.rets = append(t.rets, o.ret)
		}
	}
	slices.Sort(t.calls)
	slices.Sort(t.rets)
	return t
}

// acknowledged is how many had been by an event.
func (t times) acknowledged(event int) int64 { return int64(sort.SearchInts(t.rets, event)) }

// invoked is how many had been by an event.
func (t times) invoked(event int) int64 { return int64(sort.SearchInts(t.calls, event)) }
