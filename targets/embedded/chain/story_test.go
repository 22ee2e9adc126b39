package chain

import (
	"fmt"
	"io"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/harness/sim/simstory"
	"github.com/faultline-dev/faultline/targets/embedded/view"
)

// The stories in testdata show how the store behaves, step by step, in the simulated
// world. A reader new to it should begin with testdata/stories/update; package simstory
// lists the commands.
//
//	cluster ... [replicas=3] [bug=...] [compact=BYTES]
//	dump         each node's view and operations: those committed, and the last
func TestStories(t *testing.T) {
	simstory.Teller{
		System: storySystem, Dump: dumpNode, Describe: describe,
		Logs: []string{"view ", "has the history", "cut a torn end"},
	}.Run(t, "testdata/stories")
}

func storySystem(t *testing.T, d *datadriven.TestData) (node.System, error) {
	bug := ""
	c := Config{Replicas: 3}
	d.MaybeScanArgs(t, "replicas", &c.Replicas)
	d.MaybeScanArgs(t, "bug", &bug)
	d.MaybeScanArgs(t, "compact", &c.CompactAt)
	c.Bug = Bug(bug)
	return New(c)
}

func dumpNode(w io.Writer, n node.Node, _ []string) {
	s := n.(*server)
	fmt.Fprintf(w, "view %s; up to date in %d; committed %d of %d", s.views.Current(), s.log.UpToDate(), s.log.Commit(), s.log.Last())
}

func describe(m node.Message) string {
	switch m := m.(type) {
	case *Update:
		return fmt.Sprintf("Update %d after %d", len(m.Entries), m.From)
	case *Ack:
		return fmt.Sprintf("Ack %d, stable %d", m.Number, m.Stable)
	case *Reply:
		return fmt.Sprintf("Reply %d", m.Number)
	case *Join:
		return fmt.Sprintf("Join after %d", m.Mark.Number)
	case *History:
		return fmt.Sprintf("History %s", &m.State)
	case *view.Ask:
		return fmt.Sprintf("view.Ask still in %d?", m.View)
	case *view.Confirm:
		return fmt.Sprintf("view.Confirm %d", m.View)
	}
	return ""
}
