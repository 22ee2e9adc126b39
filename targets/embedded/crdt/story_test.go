package crdt

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/harness/sim/simstory"
)

// The stories in testdata show how the store behaves, step by step, in the simulated
// world. A reader new to it should begin with testdata/stories/set; package simstory lists
// the commands.
//
//	cluster ... [sets=observed-remove|grow-only] [bug=...] [compact=BYTES]
//	dump         each node's items: an element with its tags and tombstones, a part of a counter
func TestStories(t *testing.T) {
	simstory.Teller{System: storySystem, Dump: dumpNode, Describe: describe, Logs: []string{"cut a torn end"}}.Run(t, "testdata/stories")
}

func storySystem(t *testing.T, d *datadriven.TestData) (node.System, error) {
	var c Config
	sets, bug := string(ObservedRemove), ""
	d.MaybeScanArgs(t, "sets", &sets)
	d.MaybeScanArgs(t, "bug", &bug)
	d.MaybeScanArgs(t, "compact", &c.CompactAt)
	c.Sets, c.Bug = Sets(sets), Bug(bug)
	return New(c)
}

func dumpNode(w io.Writer, n node.Node, _ []string) {
	var items []string
	n.(*server).each(func(it *held) { items = append(items, it.String()) })
	fmt.Fprint(w, strings.Join(items, ", "))
}

func (t Tag) String() string { return fmt.Sprintf("%s.%d", t.Node, t.Number) }

func (i *Item) String() string {
	if i.Node != "" {
		return fmt.Sprintf("c%d of %s: +%d -%d", i.Key, i.Node, i.Plus, i.Minus)
	}
	text := fmt.Sprintf("s%d has %d by %v", i.Key, i.Element, i.Live)
	if len(i.Dead) > 0 {
		text += fmt.Sprintf(" not %v", i.Dead)
	}
	return text
}

func describe(m node.Message) string {
	switch m := m.(type) {
	case *Delta:
		text := fmt.Sprintf("delta to %d:", m.Mark.Number)
		for i := range m.Items {
			text += " " + m.Items[i].String()
		}
		return text
	case *Confirm:
		return fmt.Sprintf("confirm %d at %d", m.Delta.Number, m.Mark.Number)
	}
	return fmt.Sprintf("%T", m)
}
