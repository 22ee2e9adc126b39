package nemesis

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/faultline-dev/faultline/harness/cluster"
	"pgregory.net/rapid"
)

func names(n int) []string {
	var nodes []string
	for i := range n {
		nodes = append(nodes, string(rune('a'+i)))
	}
	return nodes
}

// hears reports whether a hears b.
func hears(g cluster.Grudge, a, b string) bool { return a == b || !slices.Contains(g[a], b) }

// heard is the number of nodes that a hears, itself included.
func heard(g cluster.Grudge, nodes []string, a string) int {
	n := 0
	for _, b := range nodes {
		if hears(g, a, b) {
			n++
		}
	}
	return n
}

// TestGrudges holds what each kind of partition promises, for every size and draw.
func TestGrudges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 9).Draw(t, "nodes")
		kind := rapid.SampledFrom(grudgeKinds).Draw(t, "kind")
		nodes := names(n)
		leader := rapid.SampledFrom(nodes).Draw(t, "leader")
		g := grudge(kind, nodes, leader, rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)))

		cuts := 0
		symmetric := true
		for _, a := range nodes {
			if slices.Contains(g[a], a) {
				t.Fatalf("%s ignores itself: %v", a, g)
			}
			for _, b := range nodes {
				if !hears(g, a, b) {
					cuts++
				}
				symmetric = symmetric && hears(g, a, b) == hears(g, b, a)
			}
		}
		majority := n/2 + 1
		if cuts == 0 && !(kind == "majorities-ring" && n == 2) {
			t.Fatalf("%s of %d nodes cuts nothing", kind, n)
		}
		switch kind {
		case "one":
			if alone := count(nodes, func(a string) bool { return heard(g, nodes, a) == 1 }); alone != 1 && n > 2 {
				t.Fatalf("%d nodes are alone: %v", alone, g)
			}
		case "leader":
			if heard(g, nodes, leader) != 1 {
				t.Fatalf("the leader %s is not alone: %v", leader, g)
			}
		case "halves":
			for _, a := range nodes {
				if k := heard(g, nodes, a); k != n/2 && k != n-n/2 {
					t.Fatalf("%s hears %d of %d: %v", a, k, n, g)
				}
			}
		case "majority":
			if with := count(nodes, func(a string) bool { return heard(g, nodes, a) >= majority }); with < majority && n > 2 {
				t.Fatalf("only %d nodes of %d are with the majority: %v", with, n, g)
			}
		case "majorities-ring":
			windows := map[string]bool{}
			for _, a := range nodes {
				if heard(g, nodes, a) != majority {
					t.Fatalf("%s hears %d, a majority is %d: %v", a, heard(g, nodes, a), majority, g)
				}
				window := ""
				for _, b := range nodes {
					if hears(g, a, b) {
						window += b
					}
				}
				windows[window] = true
			}
			if len(windows) != n && n > 2 {
				t.Fatalf("%d different majorities among %d nodes: %v", len(windows), n, g)
			}
		case "bridge":
			if n >= 3 {
				if b := count(nodes, func(a string) bool { return heard(g, nodes, a) == n }); b != 1 {
					t.Fatalf("%d bridges: %v", b, g)
				}
			}
		case "one-way":
			if symmetric {
				t.Fatalf("cut both ways: %v", g)
			}
		}
		if kind != "one-way" && kind != "majorities-ring" && !symmetric {
			t.Fatalf("%s is cut one way: %v", kind, g)
		}
	})
}

func count(nodes []string, is func(string) bool) int {
	n := 0
	for _, a := range nodes {
		if is(a) {
			n++
		}
	}
	return n
}
