package cluster

import (
	"context"
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
	// Data lists the data models that the target's connections implement: register, set.
	Data []string
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

// Bug is a planted bug: a realistic mistake, named after what it breaks.
type Bug struct {
	Name     string
	Doc      string
	Workload string            // by which it should be found
	Nemeses  []string          // under which
	Anomaly  string            // what the checker should say
	Set      map[string]string // further options needed
}
