package raft

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/harness/sim/simstory"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
)

// The stories in testdata show how the store behaves, step by step, in the simulated
// world. A reader new to it should begin with testdata/stories/election; package simstory
// lists the commands.
//
//	cluster ... [reads=index|lease|local] [lease-clock=...] [bug=...] [compact=BYTES]
//	dump [KEY]   each node's log and, if a register is named, what it has applied of that
func TestStories(t *testing.T) {
	simstory.Teller{System: storySystem, Dump: dumpNode, Logs: []string{"cut a torn end"}}.Run(t, "testdata/stories")
}

func storySystem(t *testing.T, d *datadriven.TestData) (node.System, error) {
	reads, clock, bug := string(ByIndex), string(Monotonic), ""
	var c Config
	d.MaybeScanArgs(t, "reads", &reads)
	d.MaybeScanArgs(t, "lease-clock", &clock)
	d.MaybeScanArgs(t, "bug", &bug)
	d.MaybeScanArgs(t, "compact", &c.CompactAt)
	c.Reads, c.LeaseClock, c.Bug = Reads(reads), Clock(clock), Bug(bug)
	return New(c)
}

func dumpNode(w io.Writer, n node.Node, arguments []string) {
	s := n.(*Server)
	first, err := s.store.FirstIndex()
	last, err2 := s.store.LastIndex()
	if err := errors.Join(err, err2); err != nil {
		fmt.Fprint(w, err)
		return
	}
	fmt.Fprintf(w, "term %d, log %d to %d, applied %d", s.term, first, last, s.applied)
	for _, a := range arguments {
		key, err := strconv.ParseInt(a, 10, 64)
		if err != nil {
			fmt.Fprint(w, err)
			return
		}
		reply := s.machine.Read(&kv.Request{Op: kv.OpRead, Key: key})
		fmt.Fprintf(w, ": %s", simstory.Answer(kv.OpRead, &reply))
	}
}
