package caspaxos

import (
	"fmt"
	"io"
	"strconv"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/harness/sim/simstory"
)

// The stories in testdata show how the store behaves, step by step, in the simulated world.
// A reader new to it should begin with testdata/stories/round; package simstory lists the
// commands.
//
//	cluster ... [bug=...] [compact=BYTES]
//	dump KIND KEY   what each node has promised and accepted of a register, counter or list
func TestStories(t *testing.T) {
	simstory.Teller{System: storySystem, Dump: dumpNode, Describe: describe, Logs: []string{"cut a torn end"}}.Run(t, "testdata/stories")
}

func storySystem(t *testing.T, d *datadriven.TestData) (node.System, error) {
	var c Config
	bug := ""
	d.MaybeScanArgs(t, "bug", &bug)
	d.MaybeScanArgs(t, "compact", &c.CompactAt)
	c.Bug = Bug(bug)
	return New(c), nil
}

var kinds = map[string]Kind{"register": plain, "counter": counter, "list": list}

func dumpNode(w io.Writer, n node.Node, arguments []string) {
	number, err := strconv.ParseInt(arguments[1], 10, 64)
	if err != nil {
		fmt.Fprint(w, err)
		return
	}
	x := n.(*server).acceptor.at(Key{kinds[arguments[0]], number})
	fmt.Fprintf(w, "promised %s, accepted %s", ballot(x.promised), state(x.accepted, &x.state))
}

func describe(m node.Message) string {
	switch m := m.(type) {
	case *Prepare:
		return "prepare " + ballot(m.Ballot)
	case *Promise:
		return fmt.Sprintf("promise %s: %s", ballot(m.Ballot), state(m.Accepted, &m.State))
	case *Accept:
		return fmt.Sprintf("accept %s", state(m.Ballot, &m.State))
	case *Accepted:
		return "accepted " + ballot(m.Ballot)
	case *Conflict:
		return fmt.Sprintf("conflict %s: seen %s", ballot(m.Ballot), ballot(m.Seen))
	}
	return ""
}

func ballot(b Ballot) string { return fmt.Sprintf("(%d,%d)", b.Counter, b.Proposer) }

func state(b Ballot, x *State) string {
	switch {
	case b == Ballot{}:
		return "nothing"
	case x.Elements != nil:
		return fmt.Sprintf("%v in %s", x.Elements, ballot(b))
	}
	return fmt.Sprintf("%d in %s", x.Value, ballot(b))
}
