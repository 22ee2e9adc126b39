// Package lock checks locks that clients acquire and release, with fencing tokens.
//
// The one idea: judge by what a holder can know. A client certainly believes that it holds
// the lock from the acknowledgement of its acquire to the invocation of its release, so two
// such spans of time that overlap are a double grant, whatever happened inside the system;
// and if no two overlap there is an order of all grants and releases, for each can be
// thought to happen at just those moments. A lock that is a lease cannot promise that: its
// holder may be slow to learn that the lease ran out. What it can promise is that its
// tokens rise, so that whatever the lock guards can turn away a holder of the past: an
// acquire that began when another one had been acknowledged gets a greater token, else that
// is a token regression; so are two grants with the same token.
//
// An acquire in doubt proves nothing. A release ends its holder's belief with its
// invocation, however it completes: one that is refused because the lease ran out, one in
// doubt too.
//
// Start with New.
package lock

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

// Options of the check.
type Options struct {
	// Overlaps allows several holders at a time, as leases make them; they are counted all
	// the same.
	Overlaps bool
}

// New returns a checker of locks, one for each key, with acquire, whose completion's value
// is the token (an integer, or nothing where the lock has none), and release.
func New(o Options) checkers.Checker { return checker{o} }

type checker struct{ Options }

func (checker) Name() string { return "lock" }

func (c checker) Check(ctx context.Context, h *history.History, budget checkers.Budget) checkers.Result {
	ctx, cancel := context.WithTimeout(ctx, budget.OrDefault().Time)
	defer cancel()
	result := checkers.Result{Checker: c.Name()}
	grants, overlaps, regressions := 0, 0, 0
	for _, s := range gather(h) {
		if s.Fault == "" && ctx.Err() != nil {
			s.Fault = "no time was left for it"
		}
		if s.Fault != "" {
			result.Doubt(s.name(), s.Fault)
			continue
		}
		double, regression := s.doubles(), s.regressions()
		grants, overlaps, regressions = grants+len(s.grants), overlaps+len(double), regressions+len(regression)
		if len(double) > 0 && !c.Overlaps {
			result.Anomalies = append(result.Anomalies, s.doubleGrant(double))
		}
		if len(regression) > 0 {
			result.Anomalies = append(result.Anomalies, s.tokenRegression(regression))
		}
	}
	if len(result.Anomalies) > 0 {
		result.Valid = checkers.Invalid
	}
	result.Count("grants", grants, "acknowledged")
	result.Count("double grants", overlaps, "while an earlier holder had not begun to release")
	result.Count("token regressions", regressions, "")
	return result
}

const (
	none  = -1
	never = math.MaxInt // later than any event
)

// grant is an acknowledged acquire. Events are indices in the history.
type grant struct {
	call, ret int
	release   int // the invocation of the holder's release, never if it has none
	token     int64
	hasToken  bool
}

// subject is one lock.
type subject struct {
	checkers.Subject
	grants []grant     // by acknowledgement
	holds  map[int]int // process -> its grant, while it holds the lock
}

// gather splits a history into its locks, in order of first use.
func gather(h *history.History) []*subject {
	begin := func(of checkers.Subject) *subject {
		return &subject{Subject: of, holds: map[int]int{}}
	}
	return checkers.Gather(h, begin, func(s *subject, i int, e history.Op, match []int32) {
		switch e.F {
		case "acquire":
			s.acquire(i, e, match)
		case "release":
			if g, held := s.holds[e.Process]; held && e.Type == history.Invoke {
				s.grants[g].release = i
				delete(s.holds, e.Process)
			}
		default:
			s.Reject("operation %d is %q, which a lock does not have", i, e.F)
		}
	})
}

func (s *subject) acquire(i int, e history.Op, match []int32) {
	if e.Type != history.OK || match[i] < 0 {
		return
	}
	if e.Value.Kind != history.KindInt && !e.Value.IsNil() {
		s.Reject("operation %d was granted token %s, which is no integer", i, e.Value)
		return
	}
	if _, held := s.holds[e.Process]; held {
		s.Reject("process %d acquires the lock that it holds (operation %d), and locks that can be taken twice are not judged", e.Process, i)
		return
	}
	s.holds[e.Process] = len(s.grants)
	s.grants = append(s.grants, grant{call: int(match[i]), ret: i, release: never, token: e.Value.A, hasToken: !e.Value.IsNil()})
}

// pair are two grants that cannot both be right, the earlier one first.
type pair struct{ a, b grant }

// doubles finds, for each grant, the holder that had not begun to release by then, if there
// is one.
func (s *subject) doubles() (found []pair) {
	latest := grant{release: none} // of those before, the one that is released last
	for _, g := range s.grants {
		if latest.release > g.ret {
			found = append(found, pair{latest, g})
		}
		if g.release > latest.release {
			latest = g
		}
	}
	return found
}

// regressions finds grants whose token is no greater than one that was acknowledged before
// they were asked for, or the same as another one's.
func (s *subject) regressions() (found []pair) {
	holders := map[int64]grant{}
	byCall := make([]grant, 0, len(s.grants))
	for _, g := range s.grants {
		if g.hasToken {
			byCall = append(byCall, g)
		}
	}
	byRet := slices.Clone(byCall)
	slices.SortStableFunc(byCall, func(a, b grant) int { return cmp.Compare(a.call, b.call) })
	greatest, some := grant{}, false
	for _, g := range byCall {
		for ; len(byRet) > 0 && byRet[0].ret < g.call; byRet = byRet[1:] {
			if !some || byRet[0].token > greatest.token {
				greatest, some = byRet[0], true
			}
		}
		other, same := holders[g.token]
		switch {
		case some && greatest.token >= g.token:
			found = append(found, pair{greatest, g})
		case same:
			found = append(found, pair{other, g})
		}
		holders[g.token] = g
	}
	return found
}

func (s *subject) doubleGrant(pairs []pair) checkers.Anomaly {
	a, b := pairs[0].a, pairs[0].b
	until := "had not released it when the run ended"
	proof := []int{a.call, a.ret, b.call, b.ret}
	if a.release != never {
		until = fmt.Sprintf("began to release it only at %s", s.When(a.release))
		proof = append(proof, a.release)
	}
	text := fmt.Sprintf("%s was granted the lock%s at %s, while %s held it: granted%s at %s, it %s",
		s.Who(b.ret), token(b), s.When(b.ret), s.Who(a.ret), token(a), s.When(a.ret), until)
	return s.anomaly("double-grant", text, len(pairs), proof)
}

func (s *subject) tokenRegression(pairs []pair) checkers.Anomaly {
	a, b := pairs[0].a, pairs[0].b
	text := fmt.Sprintf("%s was granted the lock with token %d at %s, and %s with token %d at %s",
		s.Who(a.ret), a.token, s.When(a.ret), s.Who(b.ret), b.token, s.When(b.ret))
	if a.ret < b.call {
		text += fmt.Sprintf(", which it had asked for only %s after the other grant: its token has to be greater", checkers.Span(s.Time(b.call)-s.Time(a.ret)))
	} else {
		text += ": no two grants may have the same token"
	}
	return s.anomaly("token-regression", text, len(pairs), []int{a.call, a.ret, b.call, b.ret})
}

func token(g grant) string {
	if !g.hasToken {
		return ""
	}
	return fmt.Sprintf(" with token %d", g.token)
}

func (s *subject) anomaly(name, text string, cases int, proof []int) checkers.Anomaly {
	a := checkers.Anomaly{Name: name, Sentence: text, Ops: proof}
	if cases > 1 {
		a.Sentence += fmt.Sprintf("; and %d more like it", cases-1)
	}
	if s.Keyed {
		key := s.Key
		a.Key, a.Sentence = &key, fmt.Sprintf("on lock %d, %s", key, a.Sentence)
	}
	slices.Sort(a.Ops)
	a.Ops = slices.Compact(a.Ops)
	return a
}

func (s *subject) name() string {
	if !s.Keyed {
		return "the lock"
	}
	return fmt.Sprintf("lock %d", s.Key)
}
