package backup

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
// world. A reader new to it should begin with testdata/stories/failover; package simstory
// lists the commands.
//
//	cluster ... [replication=sync|async] [replicas=3] [bug=...] [compact=BYTES]
//	dump         each node's view and operations: those committed, and the last
func TestStories(t *testing.T) {
	simstory.Teller{
		System: storySystem, Dump: dumpNode, Describe: describe,
		Logs: []string{"view ", "brought up to date", "cut a torn end"},
	}.Run(t, "testdata/stories")
}

func storySystem(t *testing.T, d *datadriven.TestData) (node.System, error) {
	replication, bug := string(Sync), ""
	c := Config{Replicas: 3}
	d.MaybeScanArgs(t, "replication", &replication)
	d.MaybeScanArgs(t, "replicas", &c.Replicas)
	d.MaybeScanArgs(t, "bug", &bug)
	d.MaybeScanArgs(t, "compact", &c.CompactAt)
	c.Replication, c.Bug = Replication(replication), Bug(bug)
	return New(c)
}

func dumpNode(w io.Writer, n node.Node, _ []string) {
	s := n.(*server)
	fmt.Fprintf(w, "view %s; up to date in %d; committed %d of %d", s.views.Current(), s.log.UpToDate(), s.log.Commit(), s.log.Last())
}

func describe(m node.Message) string {
	switch m := m.(type) {
	case *Prepare:
		return fmt.Sprintf("Prepare %d after %d, committed %d", len(m.Entries), m.From, m.Commit)
	case *PrepareOK:
		return fmt.Sprintf("PrepareOK %d", m.Number)
	case *GetState:
		return fmt.Sprintf("GetState after %d", m.Mark.Number)
	case *NewState:
		return fmt.Sprintf("NewState %s", &m.State)
	case *view.Prepare:
		return fmt.Sprintf("view.Prepare ballot %d, after view %s", m.Ballot, &m.Current)
	case *view.Promise:
		if m.Accepted > 0 {
			return fmt.Sprintf("view.Promise ballot %d, accepted in %d: view %s", m.Ballot, m.Accepted, &m.Value)
		}
		return fmt.Sprintf("view.Promise ballot %d", m.Ballot)
	case *view.Accept:
		return fmt.Sprintf("view.Accept ballot %d: view %s", m.Ballot, &m.Value)
	case *view.Accepted:
		return fmt.Sprintf("view.Accepted ballot %d", m.Ballot)
	case *view.Decided:
		return fmt.Sprintf("view.Decided view %s", &m.View)
	case *view.Ask:
		return fmt.Sprintf("view.Ask still in %d?", m.View)
	case *view.Confirm:
		return fmt.Sprintf("view.Confirm %d", m.View)
	}
	return ""
}
