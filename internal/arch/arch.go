// Package arch holds the rules of docs/architecture.md that a compiler does not: who may
// import whom, and what code that has to be deterministic must not do. Its tests apply
// them to this module.
package arch

import (
	"fmt"
	"slices"
	"strings"
)

// rooms are the packages from the top down: one imports only packages on lines below its
// own. A name that ends in /... is a tree, whose members may import its root alone.
var rooms = [][]string{
	{"cmd/..."},
	{"targets/all"},
	{"."},
	{"report"},
	{"harness/trial", "harness/sim/simstory"},
	{"harness"},
	{"harness/store"},
	{"workloads"},
	{"nemesis"},
	{"targets/*"},
	{"targets/docker"},
	{"targets/simulated"},
	{"targets/host"},
	{"targets/reference"},
	{"targets/embedded/..."},
	{"targets/embedded/raft"},
	{"targets/embedded/view"},
	{"targets/embedded/oplog"},
	{"targets/embedded/route"},
	{"targets/embedded/kv"},
	{"targets/embedded/journal"},
	{"targets/embedded/wire/wiretest"},
	{"targets/embedded/wire"},
	{"checkers/..."},
	{"checkers/engine/*"},
	{"checkers/engine/moments", "checkers/engine/subsets"},
	{"nemesis/linux/..."},
	{"harness/cluster"},
	{"harness/model"},
	{"harness/sim"},
	{"harness/node"},
	{"harness/runtime"},
	{"harness/generator"},
	{"harness/history"},
}

// extra are rules beyond the order of the rooms.
var extra = map[string]func(imported string) string{
	"targets/embedded/": func(imported string) string {
		if imported != "harness/node" && !strings.HasPrefix(imported, "targets/embedded/") {
			return "the nodes of reference systems import harness/node alone"
		}
		return ""
	},
	"checkers/": func(imported string) string {
		if strings.HasPrefix(imported, "harness/cluster") {
			return "checkers know nothing of clusters"
		}
		return ""
	},
	"nemesis/linux/": func(imported string) string {
		if strings.HasPrefix(imported, "harness/") {
			return "injectors know nothing of clusters"
		}
		return ""
	},
}

// line is the line of rooms that a package stands on, and the tree it belongs to.
func line(pkg string) (n int, tree string) {
	best, bestLen := -1, -1
	for i, names := range rooms {
		for _, name := range names {
			root, isTree := strings.CutSuffix(name, "/...")
			glob, isGlob := strings.CutSuffix(name, "/*")
			switch {
			case pkg == name || isTree && (pkg == root || strings.HasPrefix(pkg, root+"/")):
				if len(root) > bestLen {
					best, bestLen, tree = i, len(root), ""
					if isTree {
						tree = root
					}
				}
			case isGlob && strings.HasPrefix(pkg, glob+"/"):
				if len(glob) > bestLen {
					best, bestLen, tree = i, len(glob), ""
				}
			}
		}
	}
	return best, tree
}

// Import says what is wrong with one package importing another, both named from the
// module's root ("." is the root itself); "" if nothing is.
func Import(from, to string) string {
	a, treeA := line(from)
	b, treeB := line(to)
	switch {
	case a < 0:
		return fmt.Sprintf("%s is in no room: say in docs/architecture.md where it stands", from)
	case b < 0:
		return fmt.Sprintf("%s is in no room: say in docs/architecture.md where it stands", to)
	}
	for _, prefix := range slices.Sorted(mapsKeys(extra)) {
		if strings.HasPrefix(from, prefix) {
			if why := extra[prefix](to); why != "" {
				return why
			}
		}
	}
	switch {
	case b > a:
		return ""
	case a == b && treeA != "" && treeA == treeB && isAncestor(to, from):
		return ""
	case a == b:
		return "siblings do not import each other"
	}
	return "a package imports only packages below its own"
}

// isAncestor reports whether a package lies above another in its tree.
func isAncestor(above, pkg string) bool { return strings.HasPrefix(pkg, above+"/") }

func mapsKeys(m map[string]func(string) string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}
