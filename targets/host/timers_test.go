package host

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Timers fire in the order of their times, those of one time in the order in which they
// were set, those that were stopped not at all, and none early.
func TestTimersFireInOrder(t *testing.T) {
	type plan struct {
		at      time.Duration
		stopped bool
	}
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.Map(rapid.IntRange(0, 5), func(n int) time.Duration { return time.Duration(n) * time.Second })
		plans := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) plan {
			return plan{at.Draw(t, "at"), rapid.IntRange(0, 3).Draw(t, "fate") == 0}
		}), 0, 30).Draw(t, "plans")
		now := at.Draw(t, "now")
		var ts timers
		var fired, want []int
		var set []*timer
		for i, p := range plans {
			set = append(set, ts.add(p.at, func() { fired = append(fired, i) }))
			if !p.stopped && p.at <= now {
				want = append(want, i)
			}
		}
		for i, p := range plans {
			if p.stopped {
				set[i].Stop()
				set[i].Stop()
			}
		}
		slices.SortStableFunc(want, func(a, b int) int { return int(plans[a].at - plans[b].at) })
		next := ts.fire(func() time.Duration { return now })
		if !slices.Equal(fired, want) {
			t.Fatalf("%v fired instead of %v", fired, want)
		}
		wait := idle
		for _, p := range plans {
			if !p.stopped && p.at > now {
				wait = min(wait, p.at-now)
			}
		}
		if next != wait {
			t.Fatalf("the loop would sleep %s instead of %s", next, wait)
		}
	})
}

// A timer that sets itself again without a pause leaves the loop time for others.
func TestTimerThatNeverRests(t *testing.T) {
	var ts timers
	fired := 0
	var again func()
	again = func() {
		fired++
		ts.add(0, again)
	}
	again()
	for range 3 {
		if wait := ts.fire(func() time.Duration { return 0 }); wait != 0 {
			t.Errorf("the loop would sleep %s", wait)
		}
	}
	if fired != 4 {
		t.Errorf("it fired %d times in 3 rounds", fired-1)
	}
}
