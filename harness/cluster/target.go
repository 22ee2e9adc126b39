package cluster

import (
	"context"
	"fmt"
	"time"

	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/harness/node"
)

// Family is the side of replication a target stands on.
type Family string

// The families.
const (
	LeaderBased Family = "leader-based"
	Leaderless  Family = "leaderless"
)

// World is where a cluster can live.
type World string

// The worlds.
const (
	Sim    World = "sim"
	Docker World = "docker"
)

// Opener makes a cluster, without starting it.
type Opener func(ctx context.Context, spec Spec) (Cluster, error)

// Target is a system under test as the registry knows it.
type Target struct {
	Name   string
	Family Family
	Doc    string // one line
	// Versioned targets take a version after @, which reaches them as option "version".
	Versioned bool
	Options   []Option
	Bugs      []Bug // planted; chosen by the option "bug", which is then implied
	Rows      []Row // what simulated runs over many seeds shall show
	// Data lists the data models that the target's connections implement: register, set.
	Data []string
	// Needs says of data models which option they need to have which value.
	Needs []Need
	// Promises lists what the target keeps with these options.
	Promises func(Options) []Promise
	Open     map[World]Opener
	// About is for the target's page: how its nodes are set up and what is tested, a
	// paragraph or two in Markdown.
	About string
	// Records say what runs found, for the target's page.
	Records []Record
	// Reference is set for reference systems, whose nodes run on harness/node: the hidden
	// node command serves it inside a container.
	Reference *Reference
}

// Need is a data model that a target offers only with an option at a value.
type Need struct{ Data, Option, Value string }

// Reference is a system of ours, the same code in every world.
type Reference struct {
	// System makes the node side from the target's options.
	System func(Options) (node.System, error)
	// Client makes a connection from a way to call one node.
	Client func(c Caller, o Options) Conn
}

// Caller carries one client's requests to one node, one at a time.
type Caller interface {
	// Call sends a request and waits for its reply. An error of a request that certainly
	// never reached the node is Definite.
	Call(ctx context.Context, request node.Message) (node.Message, error)
	Close() error
}

// Call is Caller.Call for a system whose requests and replies are of one type.
func Call[M node.Message](ctx context.Context, c Caller, request M) (M, error) {
	reply, err := c.Call(ctx, request)
	if err != nil {
		return request, err
	}
	m, ok := reply.(M)
	if !ok {
		return request, fmt.Errorf("a reply of type %T to a request of type %T", reply, request)
	}
	return m, nil
}

// Promise is one thing a target keeps.
type Promise struct {
	Data     string      // the data model: register, set, ...
	Model    model.Model // the strongest that holds
	Nemeses  []string    // it holds under these; nil means under all
	MaxDrift time.Duration
	Quote    string // the documentation's sentence
	Source   string // where it stands
}

// Record is what came of runs of one command.
type Record struct {
	Command string // as typed: faultline run --target ...
	Outcome string // "valid 5 of 5", "invalid in the first of 5"
	Found   string // the anomaly's sentence, or what held, with its evidence
}

// Bug is a planted bug: a realistic mistake, named after what it breaks. It is chosen by
// the option "bug", which every target with bugs has. `faultline bench detect` runs each
// until it is found, and the same seeds without it, which must be valid: so Set must make a
// configuration that is right but for the bug.
type Bug struct {
	Name     string
	Doc      string
	Workload string            // by which it should be found
	Model    model.Model       // that it breaks; "" means the workload's own
	Nemeses  []string          // under which
	Anomaly  string            // what the checker should say
	Set      map[string]string // further options needed: of the target, the workload or the nemeses
	// Cited is the published finding that the bug is modelled on, if there is one.
	Cited string
	// Quiet is set for a bug that shows without any nemesis; another one must not.
	Quiet bool
}

// Row is one configuration of a target without a bug that `faultline bench detect` runs over
// many seeds, in the simulated world. There are two kinds:
//
//   - a correct row (Weakness empty) states a promise: every run must be valid, under all
//     nemeses that the promise covers. The target's Promises must cover it.
//   - a weak row shows what a target does not promise, and what comes of it: some run must
//     be invalid with the anomaly Weakness. No promise may cover it.
//
// A target in the simulated world has a correct row for each thing that it promises, and a
// weak one for each notable thing that it does not:
//
//	Rows: []cluster.Row{
//		{Workload: "set", Set: map[string]string{"mode": "siblings"}},
//		{Workload: "set", Nemeses: []string{"partition"}, Weakness: "lost-element"},
//	}
type Row struct {
	Workload string
	Model    model.Model       // to check; "" means the workload's own
	Set      map[string]string // options of the target, the workload or the nemeses
	// Nemeses to run under. Nil means, in a correct row, all that the promise covers.
	Nemeses  []string
	Weakness string
}

// Correct reports whether every run of the row must be valid.
func (r Row) Correct() bool { return r.Weakness == "" }
