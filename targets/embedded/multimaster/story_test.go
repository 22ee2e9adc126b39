package multimaster

import (
	"fmt"
	"io"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/harness/sim/simstory"
)

// The stories in testdata show how the store behaves, step by step, in the simulated
// world. A reader new to it should begin with testdata/stories/replication; package
// simstory lists the commands.
//
//	cluster ... [bug=...] [compact=BYTES]
//	dump         each node's rows, and who may lack how many of its writes
func TestStories(t *testing.T) {
	simstory.Teller{System: storySystem, Dump: dumpNode, Describe: describe, Logs: []string{"cut a torn end"}}.Run(t, "testdata/stories")
}

func storySystem(t *testing.T, d *datadriven.TestData) (node.System, error) {
	var c Config
	bug := ""
	d.MaybeScanArgs(t, "bug", &bug)
	d.MaybeScanArgs(t, "compact", &c.CompactAt)
	c.Bug = Bug(bug)
	return New(c)
}

func dumpNode(w io.Writer, n node.Node, _ []string) {
	s := n.(*server)
	for i := range s.rows {
		if i > 0 {
			fmt.Fprint(w, ", ")
		}
		fmt.Fprint(w, describeRow(&s.rows[i]))
	}
	for i := range s.peers {
		lacks := 0
		for _, e := range s.log {
			if e.number > s.peers[i].position && s.valid(e) {
				lacks++
			}
		}
		if lacks > 0 {
			fmt.Fprintf(w, "; %s may lack %d", s.peers[i].id, lacks)
		}
	}
}

func describeRow(r *Row) string {
	if r.Key.Kind == Set {
		return fmt.Sprintf("s%d=%v by %s", r.Key.ID, r.Elements, r.Stamp.Node)
	}
	return fmt.Sprintf("r%d=%d by %s", r.Key.ID, r.Value, r.Stamp.Node)
}

func describe(m node.Message) string {
	switch m := m.(type) {
	case *Replicate:
		text := fmt.Sprintf("replicate to %d:", m.Upto)
		for i := range m.Rows {
			text += " " + describeRow(&m.Rows[i])
		}
		return text
	case *Replicated:
		return fmt.Sprintf("replicated to %d", m.Upto)
	}
	return fmt.Sprintf("%T", m)
}
