package nemesis

import (
	"math/rand/v2"
	"slices"

	"github.com/faultline-dev/faultline/harness/cluster"
)

// grudgeKinds are the ways to split a network.
var grudgeKinds = []string{"one", "halves", "majority", "majorities-ring", "bridge", "leader", "one-way"}

// grudge is who ignores whom for a kind of partition. leader is the one to isolate.
func grudge(kind string, nodes []string, leader string, r *rand.Rand) cluster.Grudge {
	n := len(nodes)
	shuffled := slices.Clone(nodes)
	r.Shuffle(n, func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	switch kind {
	case "halves":
		return split(shuffled[:n/2], shuffled[n/2:])
	case "majority":
		minority := 1 + r.IntN(max(1, (n-1)/2))
		return split(shuffled[:minority], shuffled[minority:])
	case "majorities-ring":
		return majoritiesRing(shuffled)
	case "bridge":
		return bridge(shuffled)
	case "leader":
		return isolate(leader, nodes)
	case "one-way":
		deaf := 1 + r.IntN(n-1)
		return oneWay(shuffled[:deaf], shuffled[deaf:])
	default:
		return isolate(shuffled[0], nodes)
	}
}

// split makes two sides that hear nothing of each other.
func split(a, b []string) cluster.Grudge {
	g := oneWay(a, b)
	for n, peers := range oneWay(b, a) {
		g[n] = peers
	}
	return g
}

// oneWay makes the deaf hear nothing of the others, who still hear the deaf.
func oneWay(deaf, others []string) cluster.Grudge {
	g := cluster.Grudge{}
	for _, n := range deaf {
		g[n] = slices.Clone(others)
	}
	return g
}

// isolate cuts one node off from all others.
func isolate(one string, nodes []string) cluster.Grudge {
	others := slices.DeleteFunc(slices.Clone(nodes), func(n string) bool { return n == one })
	return split([]string{one}, others)
}

// bridge makes two halves that only one node can reach, and it both of them.
func bridge(nodes []string) cluster.Grudge {
	if len(nodes) < 3 {
		return isolate(nodes[0], nodes)
	}
	rest := nodes[1:]
	return split(rest[:len(rest)/2], rest[len(rest)/2:])
}

// majoritiesRing lets every node hear a majority, but no two nodes the same one: on a
// ring, each hears the window of majority size in whose middle it stands.
func majoritiesRing(ring []string) cluster.Grudge {
	n := len(ring)
	majority := n/2 + 1
	g := cluster.Grudge{}
	for i := range ring {
		middle := ring[(i+majority/2)%n]
		for k := majority; k < n; k++ {
			g[middle] = append(g[middle], ring[(i+k)%n])
		}
	}
	return g
}
