// Package nemesis hurts clusters on purpose, and proves that it hurt.
//
// The one idea: a fault is an object with an enforced life: choose, inject, confirm that
// it took hold, hold, recover, confirm recovered. It travels with its schedule and its
// healing, asks the cluster for capabilities and never for a world, and leaves evidence
// in the history. Start with All, the table of nemeses, then Compose, which makes one
// nemesis out of those that a run asks for.
package nemesis

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/faultline-dev/faultline/harness/cluster"
)

// Nemesis is one family of faults as the registry knows it.
type Nemesis struct {
	Name    string
	Doc     string
	Needs   string // the capability of the cluster, in words
	Options []cluster.Option
	Page    Page

	// verbs name the operations that inject and recover, for each kind of fault; a kind
	// that the table lacks uses the entry "".
	start, stop string
	atLeast     int // nodes
	bind        func(env *env, o cluster.Options) fault
	// offers tells whether a connection has what the faults are made through. Nil: they are
	// made to the cluster alone.
	offers func(cluster.Conn) bool
	// patient faults are undone by the system itself, so after all others, and with time.
	patient bool
	// cannot names the kinds that a cluster cannot do, with the reasons. Nil: it can do all.
	cannot func(cluster.Cluster) map[string]string
}

// possible leaves out the kinds that the cluster cannot do from those that a run takes by
// default; one that was asked for is refused.
func (n Nemesis) possible(c cluster.Cluster, w cluster.World, asked []string) ([]string, error) {
	if n.cannot == nil {
		return asked, nil
	}
	cannot := n.cannot(c)
	var can []string
	for _, kind := range asked {
		reason, refused := cannot[kind]
		switch {
		case !refused:
			can = append(can, kind)
		case strings.Join(asked, ",") != n.Options[0].Default:
			return nil, &cluster.Refusal{Fault: n.Options[0].Name + "=" + kind, World: fmt.Sprintf("on %s", w), Reason: reason}
		}
	}
	return can, nil
}

// Page is what docs/nemeses.md says of a nemesis beside its options.
type Page struct {
	Kinds    [][2]string // what each kind does: name, sentence
	Sim      string      // how it is done in the simulated world
	Docker   string      // and in containers
	Evidence string      // what proves that it bit
	Limits   []string    // what it does not do
}

// fault is a nemesis bound to a cluster. It has at most one fault in force at a time.
type fault interface {
	// inject chooses victims, hurts them and confirms that it took hold. It returns
	// cluster.ErrSkipped when no victim was free.
	inject(ctx context.Context, kind string) (injury, error)
	// recover undoes what inject did, confirms it and says how much the fault bit.
	recover(ctx context.Context) (recovery, error)
}

// injury is a fault that took hold.
type injury struct {
	victims  []string
	evidence string
}

// recovery is the end of a fault.
type recovery struct {
	bit      int64  // how much it did; 0 means that it had no effect
	evidence string // of what it did, and that it is gone
}

// All are the nemeses.
var All = []Nemesis{
	{
		Name: "partition", Doc: "drops packets between nodes: the network splits", Needs: "cut links",
		Options: []cluster.Option{kinds("partition", "the ways to split, in turn", grudgeKinds)},
		start:   "start-partition", stop: "stop-partition", atLeast: 2, bind: bindPartition,
		Page: partitionPage,
	},
	{
		Name: "kill", Doc: "kills node processes as kill -9 does and starts them again", Needs: "kill and restart nodes",
		Options: []cluster.Option{
			kinds("kill", "whom to kill, in turn", aims),
			{Name: "kill-process", Doc: "kill only the processes of this name in each victim (redis-server), * and ? standing for any characters; empty: the whole node", Check: isPattern},
		},
		start: "kill", stop: "restart", atLeast: 1, bind: bindKill,
		Page: killPage,
	},
	{
		Name: "pause", Doc: "freezes node processes and lets them go on", Needs: "pause and resume nodes",
		Options: []cluster.Option{
			kinds("pause", "whom to pause, in turn", aims),
			{Name: "pause-how", Default: pauseFreeze, Values: []string{pauseFreeze, pauseStop}, Doc: "freeze the node as a whole, or stop its processes by SIGSTOP"},
			{Name: "pause-process", Doc: "stop only the processes of this name in each victim; empty: all", Check: isPattern},
		},
		start: "pause", stop: "resume", atLeast: 1, bind: bindPause,
		Page: pausePage,
	},
	{
		Name: "restart", Doc: "asks nodes to end, as an operator does, and starts them again", Needs: "end node processes in good order",
		Options: []cluster.Option{kinds("restart", "whom to restart, in turn", aims)},
		start:   "stop-node", stop: "start-node", atLeast: 1, bind: bindRestart,
		Page: restartPage,
	},
	{
		Name: "crash-loop", Doc: "kills nodes several times in a row, each time as soon as they are back or before", Needs: "kill and restart nodes",
		Options: []cluster.Option{kinds("crash-loop", "whom to kill, in turn", aims)},
		start:   "crash", stop: "end-crashes", atLeast: 1, bind: bindCrashLoop,
		Page: crashLoopPage,
	},
	{
		Name: "disk", Doc: "makes disks lose what was not synced, tear writes, stall or be slow; on request be full or damaged", Needs: "damage disks",
		Options: []cluster.Option{
			someKinds("disk", "what disks do, in turn", diskKinds, diskSafe),
			kinds("disk-nodes", "whose disks, in turn", aims),
			{Name: "disk-files", Default: "*", Doc: "the files that bit-flip and truncate damage, by name or by path in the node's data, * and ? standing for any characters", Check: isPattern},
			{Name: "disk-live", Default: "false", Values: []string{"true", "false"}, Doc: "damage the files of running nodes; else each is killed before and started after"},
		},
		start: "start-disk", stop: "stop-disk", atLeast: 1, bind: bindDisk,
		Page: diskPage,
	},
	{
		Name: "clock", Doc: "makes nodes' wall clocks jump, flip or run at the wrong rate, and sets them right again", Needs: "skew clocks",
		Options: []cluster.Option{
			kinds("clock", "what to do to clocks, in turn", []string{"bump", "strobe", "drift"}),
			kinds("clock-nodes", "whose clocks, in turn", aims),
			{Name: "clock-offset", Default: anyOffset, Doc: "how far bumps and strobes take clocks ahead (2s) or behind (-2s); any draws it each time", Check: isOffset},
		},
		start: "skew-clock", stop: "reset-clock", atLeast: 1, bind: bindClock,
		Page: clockPage,
	},
	{
		Name: "packet", Doc: "delays, loses, duplicates, reorders, corrupts or slows packets between nodes", Needs: "shape links",
		Options: []cluster.Option{
			someKinds("packet", "what to do to packets, in turn", packetKinds, packetDefault),
			kinds("packet-nodes", "whose packets, in turn", aims),
		},
		start: "start-packet", stop: "stop-packet", atLeast: 2, bind: bindPacket, cannot: cannotShape,
		Page: packetPage,
	},
	{
		Name: "membership", Doc: "has members leave the system and join it again, while all processes run on", Needs: "change its members",
		Options: []cluster.Option{kinds("membership", "whom to have leave, in turn", []string{"one", "minority", "leader"})},
		start:   "shrink", stop: "grow", atLeast: 2, bind: bindMembership, offers: offersMembers, patient: true,
		Page: membershipPage,
	},
}

// Simulated are the names of those that the simulated world can do to any system.
func Simulated() (names []string) {
	for _, n := range All {
		if n.Page.Sim != "" && n.offers == nil {
			names = append(names, n.Name)
		}
	}
	return names
}

// Find returns the nemesis of that name.
func Find(name string) (Nemesis, error) {
	names := make([]string, len(All))
	for i, n := range All {
		names[i] = n.Name
		if n.Name == name {
			return n, nil
		}
	}
	return Nemesis{}, cluster.Unknown("nemesis", name, names)
}

// isPattern is a Check for a name with wild cards.
func isPattern(value string) error {
	if _, err := path.Match(value, ""); err != nil {
		return fmt.Errorf("%q is no pattern for names (such as redis-*)", value)
	}
	return nil
}

// kinds is an option that lists some of the kinds there are; all of them by default.
func kinds(name, doc string, all []string) cluster.Option { return someKinds(name, doc, all, all) }

// someKinds is kinds with fewer of them by default.
func someKinds(name, doc string, all, standard []string) cluster.Option {
	return cluster.Option{
		Name: name, Default: strings.Join(standard, ","), Doc: doc + ": some of " + strings.Join(all, ","),
		Check: func(value string) error {
			for _, kind := range strings.Split(value, ",") {
				if !slices.Contains(all, kind) {
					return cluster.Unknown("kind", kind, all)
				}
			}
			return nil
		},
	}
}

// refusal says why a cluster cannot be hurt in some way.
func refusal(n Nemesis, w cluster.World) error {
	return &cluster.Refusal{Fault: n.Name, World: fmt.Sprintf("on %s", w), Reason: "the cluster cannot " + n.Needs}
}
