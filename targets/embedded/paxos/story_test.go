package paxos

import (
	"fmt"
	"io"
	"strconv"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/harness/sim/simstory"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
)

// The stories in testdata show how the store behaves, step by step, in the simulated world.
// A reader new to it should begin with testdata/stories/election; package simstory lists
// the commands.
//
//	cluster ... [reads=round|log] [bug=...] [compact=BYTES]
//	dump [KEY]   each node's slots and, if a register is named, what it has carried out of that
func TestStories(t *testing.T) {
	simstory.Teller{System: storySystem, Dump: dumpNode, Describe: describe, Logs: []string{"cut a torn end"}}.Run(t, "testdata/stories")
}

func storySystem(t *testing.T, d *datadriven.TestData) (node.System, error) {
	reads, bug := string(ByRound), ""
	var c Config
	d.MaybeScanArgs(t, "reads", &reads)
	d.MaybeScanArgs(t, "bug", &bug)
	d.MaybeScanArgs(t, "compact", &c.CompactAt)
	c.Reads, c.Bug = Reads(reads), Bug(bug)
	return New(c)
}

func dumpNode(w io.Writer, n node.Node, arguments []string) {
	s := n.(*server)
	fmt.Fprintf(w, "promised %d, slots %d to %d, chosen before %d", s.promised, s.log.first, s.log.next()-1, s.log.chosen)
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

// describe leaves heartbeats and what is not the protocol's own out.
func describe(m node.Message) string {
	switch m := m.(type) {
	case *Prepare:
		return fmt.Sprintf("prepare ballot %d, slots from %d", m.Ballot, m.Slot)
	case *Promise:
		return fmt.Sprintf("promise ballot %d: %s", m.Ballot, suffix(&m.Suffix))
	case *Accept:
		text := fmt.Sprintf("accept ballot %d:", m.Ballot)
		for i, v := range m.Values {
			text += fmt.Sprintf(" %d=%s", m.Slot+uint64(i), value(v))
		}
		return text
	case *Accepted:
		return fmt.Sprintf("accepted ballot %d: %d of slot %d", m.Ballot, m.Count, m.Slot)
	case *Nack:
		return fmt.Sprintf("nack ballot %d: promised %d", m.Ballot, m.Promised)
	case *CatchUp:
		return fmt.Sprintf("catchup from slot %d", m.Slot)
	case *Learn:
		return "learn " + suffix(&m.Suffix)
	}
	return ""
}

func suffix(x *Suffix) string {
	text := fmt.Sprintf("chosen before %d", x.Chosen)
	if x.Snapshot != nil {
		text += fmt.Sprintf(", the state before %d", x.Slot)
	}
	for i, e := range x.Entries {
		if e.Ballot != 0 {
			text += fmt.Sprintf(", %d=%s in ballot %d", x.Slot+uint64(i), value(e.Value), e.Ballot)
		}
	}
	return text
}

func value(v []byte) string {
	if len(v) == 0 {
		return "no-op"
	}
	r, err := takeCommand(v)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d:%d", r.Key, r.Value)
}
