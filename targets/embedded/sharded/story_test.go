package sharded

import (
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/harness/sim/simstory"
)

// The stories in testdata show how the store behaves, step by step, in the simulated world.
// A reader new to it should begin with testdata/stories/move; package simstory lists the
// commands.
//
//	cluster ... [groups=2] [moves] [bug=...]   moves: the store moves shards by itself
//	dump   for each node which groups it leads, and what its copies of the groups hold
func TestStories(t *testing.T) {
	simstory.Teller{System: storySystem, Dump: dumpNode, Describe: describe}.Run(t, "testdata/stories")
}

func storySystem(t *testing.T, d *datadriven.TestData) (node.System, error) {
	c := Config{Groups: 2, MoveEvery: -1}
	bug := ""
	d.MaybeScanArgs(t, "groups", &c.Groups)
	d.MaybeScanArgs(t, "bug", &bug)
	if d.HasArg("moves") {
		c.MoveEvery = 2 * time.Second
	}
	c.Bug = Bug(bug)
	return New(c)
}

// describe shows what goes from group to group.
func describe(m node.Message) string {
	switch m := m.(type) {
	case *Transfer:
		return fmt.Sprintf("transfer of shard %d from group %d to group %d, version %d", m.Shard, m.From, m.To, m.Version)
	case *Taken:
		return fmt.Sprintf("taken shard %d of group %d, version %d", m.Shard, m.From, m.Version)
	}
	return ""
}

func dumpNode(w io.Writer, n node.Node, _ []string) {
	s := n.(*server)
	fmt.Fprintf(w, "table %d", s.table.version)
	for g, m := range s.members {
		if m.leads {
			fmt.Fprintf(w, ", leads %s", m.name)
		}
		if g == 0 {
			continue
		}
		fmt.Fprintf(w, "; group %d:", g)
		for i, h := range s.groups[g].shards {
			switch h.state {
			case served:
				fmt.Fprintf(w, " %d", i)
			case frozen:
				fmt.Fprintf(w, " (%d to group %d)", i, h.to)
			}
		}
	}
}
