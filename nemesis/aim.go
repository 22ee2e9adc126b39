package nemesis

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/runtime"
)

// aims are the ways to choose victims.
var aims = []string{"one", "minority", "majority", "leader", "all"}

// env is what the faults of a run share.
type env struct {
	cluster  cluster.Cluster
	runtime  runtime.Runtime
	rand     *rand.Rand
	note     func(history.Event)
	held     map[string]string // node -> the nemesis that has its process killed or paused
	interval time.Duration     // mean length of a fault
}

// aim chooses victims among all nodes, in the cluster's order.
func (e *env) aim(ctx context.Context, kind string) []string {
	return e.choose(ctx, kind, func(string) bool { return true })
}

// aimFree chooses victims whom no other fault holds, as far as there are enough of them; none
// if there are none.
func (e *env) aimFree(ctx context.Context, kind string) []string {
	free := func(node string) bool { return e.held[node] == "" }
	return slices.DeleteFunc(e.choose(ctx, kind, free), func(node string) bool { return !free(node) })
}

// choose prefers some nodes, where the kind leaves a choice.
func (e *env) choose(ctx context.Context, kind string, preferred func(node string) bool) []string {
	nodes := e.cluster.Nodes()
	n := len(nodes)
	shuffled := slices.Clone(nodes)
	e.rand.Shuffle(n, func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	slices.SortStableFunc(shuffled, func(a, b string) int {
		switch {
		case preferred(a) == preferred(b):
			return 0
		case preferred(a):
			return -1
		}
		return 1
	})
	var chosen []string
	switch kind {
	case "leader":
		chosen = []string{e.leader(ctx, shuffled[0])}
		if !preferred(chosen[0]) {
			chosen[0] = shuffled[0]
		}
	case "minority":
		chosen = shuffled[:1+e.rand.IntN(max(1, (n-1)/2))]
	case "majority":
		chosen = shuffled[:min(n, n/2+1+e.rand.IntN(max(1, (n-1)/2)))]
	case "all":
		chosen = shuffled
	default:
		chosen = shuffled[:1]
	}
	return inOrder(nodes, chosen)
}

// leader is the latest leader, or otherwise where none is known.
func (e *env) leader(ctx context.Context, otherwise string) string {
	if teller, ok := e.cluster.(cluster.LeaderTeller); ok {
		if leaders, err := teller.Leaders(ctx); err == nil && len(leaders) > 0 {
			return leaders[0]
		}
	}
	return otherwise
}

// inOrder returns the chosen ones in the order of all.
func inOrder(all, chosen []string) []string {
	var sorted []string
	for _, n := range all {
		if slices.Contains(chosen, n) {
			sorted = append(sorted, n)
		}
	}
	return sorted
}
