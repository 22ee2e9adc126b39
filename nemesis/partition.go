package nemesis

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/faultline-dev/faultline/harness/cluster"
)

// partition cuts links. Its evidence is the packets that the cuts dropped.
type partition struct {
	*env
	cutter cluster.Cutter
}

func bindPartition(e *env, _ cluster.Options) fault {
	if c, ok := e.cluster.(cluster.Cutter); ok {
		return &partition{e, c}
	}
	return nil
}

func (p *partition) inject(ctx context.Context, kind string) (injury, error) {
	nodes := p.cluster.Nodes()
	leader := p.leader(ctx, nodes[p.rand.IntN(len(nodes))])
	g := grudge(kind, nodes, leader, p.rand)
	if err := p.cutter.Cut(ctx, g); err != nil {
		return injury{}, fmt.Errorf("cut links: %w", err)
	}
	return injury{victims: sides(nodes, g), evidence: kind + ": " + describe(nodes, g)}, nil
}

func (p *partition) recover(ctx context.Context) (recovery, error) {
	dropped, countErr := p.cutter.Dropped(ctx)
	if err := p.cutter.Uncut(ctx); err != nil {
		return recovery{}, fmt.Errorf("heal links: %w", err)
	}
	if countErr != nil {
		return recovery{}, fmt.Errorf("count dropped packets: %w", countErr)
	}
	return recovery{bit: dropped, evidence: fmt.Sprintf("%d packets dropped; links restored", dropped)}, nil
}

// sides are the nodes that ignore somebody, in order.
func sides(nodes []string, g cluster.Grudge) []string {
	return slices.DeleteFunc(slices.Clone(nodes), func(n string) bool { return len(g[n]) == 0 })
}

// describe says who ignores whom: nodes with the same grudge are told together.
func describe(nodes []string, g cluster.Grudge) string {
	var parts []string
	told := map[string]bool{}
	for _, n := range nodes {
		peers := inOrder(nodes, g[n])
		if told[n] || len(peers) == 0 {
			continue
		}
		var same []string
		for _, m := range nodes {
			if slices.Equal(inOrder(nodes, g[m]), peers) {
				same = append(same, m)
				told[m] = true
			}
		}
		verb := "hears"
		if len(same) > 1 {
			verb = "hear"
		}
		parts = append(parts, fmt.Sprintf("%s %s nothing of %s", strings.Join(same, ","), verb, strings.Join(peers, ",")))
	}
	return strings.Join(parts, "; ")
}
