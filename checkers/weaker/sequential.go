package weaker

import (
	"context"
	"fmt"
	"strings"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/model"
)

// Sequential returns a checker of sequential consistency (Lamport, IEEE ToC 1979): one order
// of all operations on all keys exists that is legal and in which each process's stand in
// the order in which it did them.
//
// That is NP-hard to decide, even where it is known which write each read saw (Gibbons and
// Korach, SIAM J. Comput. 1997), so it is tried in turns that cost ever more:
//
//  1. Processes and keys that have nothing to do with each other are taken apart.
//  2. A key that is not coherent proves that there is no order.
//  3. If the versions of each key are lined up by real time in one way or another, an order
//     is a matter of sorting (world.go). That finds one for whatever is linearizable.
//  4. What must come before what is followed to its end (forced.go); a circle proves that
//     there is no order.
//  5. All orders are searched, within a budget (search.go).
//
// An order that is found is replayed before it is believed.
func Sequential() checkers.Checker { return sequential{} }

type sequential struct{}

func (sequential) Name() string { return string(model.Sequential) }

func (c sequential) Check(ctx context.Context, h *history.History, budget checkers.Budget) checkers.Result {
	result := checkers.Result{Checker: c.Name()}
	budget = budget.OrDefault()
	if why := tooLarge(h, budget.Memory); why != "" {
		result.Doubt("the history", why)
		return result
	}
	ctx, cancel := context.WithTimeout(ctx, budget.Time)
	defer cancel()
	all, processes := registers(h, history.Nil)
	t := newTails(processes)
	groups := apart(all, processes)
	ops, searched, invalid := 0, 0, 0
	for n, rs := range groups {
		w, found, why := c.judge(ctx, rs, t, budget.Memory, len(groups)-n)
		if w != nil {
			ops += len(w.ops)
			if w.searched {
				searched++
			}
		}
		if why != "" {
			result.Doubt(about(rs), why)
		}
		if found != nil {
			result.Valid = checkers.Invalid
			if invalid++; invalid <= maxAnomalies {
				result.Anomalies = append(result.Anomalies, *found)
			}
		}
	}
	result.Count("keys", len(all), "")
	result.Count("operations", ops, "those that constrain the order")
	result.Count("groups", len(groups), "of keys that no process ties to those of another")
	if searched > 0 {
		result.Count("searched groups", searched, "no order of versions by real time was one, so it had to be searched for")
	}
	if invalid > 0 {
		result.Count("invalid groups", invalid, "")
	}
	return result
}

// judge decides one group, while so many are left to decide: an anomaly, or why it is not
// known, or neither.
func (c sequential) judge(ctx context.Context, rs []*register, t *tails, memory int64, groups int) (*world, *checkers.Anomaly, string) {
	n := 0
	for _, r := range rs {
		n += len(r.ops)
		if r.Fault != "" {
			return nil, nil, r.Fault
		}
		if r.phantom != none {
			a := r.phantomAnomaly()
			return nil, &a, ""
		}
	}
	for _, r := range rs {
		if w := r.contradiction(t); w != nil {
			a := r.anomaly("nonsequential", w, r.jointly(w))
			return nil, &a, ""
		}
	}
	if ctx.Err() != nil {
		return nil, nil, "no time was left for it"
	}
	if why := room(int64(n)*2*bytesPerOperation, memory); why != "" {
		return nil, nil, why
	}
	w := newWorld(rs, t)
	if w.sorted() {
		return w, nil, ""
	}
	w.searched = true
	ctx, cancel := share(ctx, groups)
	defer cancel()
	if circle := w.saturate(ctx, memory/2); circle != nil {
		a := w.anomaly(circle)
		return w, &a, ""
	}
	s := newSearch(w)
	switch order, ended := s.run(ctx, memory/2); {
	case order != nil && w.legal(order):
		return w, nil, ""
	case order != nil:
		return w, nil, "the order that was found is none; that is a mistake of the checker"
	case ended:
		a := w.exhausted()
		return w, &a, ""
	default:
		return w, nil, fmt.Sprintf("no order was found in the time and memory given; the longest one tried had %d of its %d operations", s.best, len(w.ops))
	}
}

// share is the time for one of so many groups.
func share(ctx context.Context, groups int) (context.Context, context.CancelFunc) {
	end, _ := ctx.Deadline()
	return context.WithTimeout(ctx, untilShare(end, groups))
}

// about names a group by its keys.
func about(rs []*register) string {
	var names []string
	for _, r := range rs {
		if len(names) == 3 {
			return strings.Join(names, ", ") + fmt.Sprintf(" and %d more", len(rs)-3)
		}
		names = append(names, r.name())
	}
	return strings.Join(names, ", ")
}

// apart splits the keys into groups that share no process, in order of first use.
func apart(all []*register, processes int) [][]*register {
	parent := make([]int32, len(all))
	user := fill(processes) // by process: a key that it uses
	root := func(k int32) int32 {
		for parent[k] != k {
			parent[k] = parent[parent[k]]
			k = parent[k]
		}
		return k
	}
	for k, r := range all {
		k := int32(k)
		parent[k] = k
		for _, o := range r.ops {
			if user[o.process] == none {
				user[o.process] = k
			}
			a, b := root(user[o.process]), root(k)
			parent[max(a, b)] = min(a, b)
		}
	}
	var groups [][]*register
	at := fill(len(all))
	for k, r := range all {
		g := root(int32(k))
		if at[g] == none {
			at[g] = int32(len(groups))
			groups = append(groups, nil)
		}
		groups[at[g]] = append(groups[at[g]], r)
	}
	return groups
}
