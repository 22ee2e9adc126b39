// Package workloads holds what clients do in a run and what is then judged: each workload
// is a generator of operations, the client calls that carry them out, and checkers.
//
// The one idea: a workload asks a connection for the data model that it needs, so every
// target that honours the model can be driven by it. Start with Workload, then register.go.
package workloads

import (
	"context"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/generator"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/model"
)

// Workload is a workload as the registry knows it.
type Workload struct {
	Name    string
	Doc     string        // one line
	Data    string        // the data model that it needs of a connection
	Models  []model.Model // the models it can check, its own first
	Options []cluster.Option
	Page    Page // for the page of workloads
	Build   func(Config) Instance
}

// Config is what an instance is built from.
type Config struct {
	Options     cluster.Options
	Seed        uint64
	Concurrency int         // client threads
	Model       model.Model // to check
	Omit        []string    // operations that the target does not offer
	// Sample is a connection, to learn from what it offers; nil where a history is judged.
	Sample cluster.Conn
	// Base is added to every key on its way to a connection: a cluster that was there
	// already holds what earlier runs wrote. Histories count keys from 0 all the same.
	Base int64
}

// Instance is a workload made ready for one run.
type Instance struct {
	Main  generator.Generator // the main phase, for client threads; need not end by itself
	Final generator.Generator // after healing; nil if there is nothing to read
	// FinalOf, if it is not nil, makes Final of what happened in the main phase.
	FinalOf func(h *history.History) generator.Generator
	Calls   Calls
	// Kinds are the operations that the workload exists for: a run without an ok one of
	// each proves nothing.
	Kinds    []string
	Checkers []checkers.Checker
}

// Calls carries operations out on a connection.
type Calls interface {
	// Supports reports why the connection cannot be used at all, or nil.
	Supports(conn cluster.Conn) error
	// Probe names the operations that the connection does not offer. It may call them
	// on data that the workload does not use.
	Probe(ctx context.Context, conn cluster.Conn) []string
	// Call carries out op and returns the completion's value. Errors are classified by
	// package cluster.
	Call(ctx context.Context, conn cluster.Conn, op *history.Op) (history.Value, error)
	// Mutates reports whether an operation may change the system's state, so that an
	// unclear error leaves it indeterminate.
	Mutates(f string) bool
}

// All is the registry.
var All = []Workload{register, set, bag, lists, counter, ids, locks, logs}

// Find returns the workload of that name.
func Find(all []Workload, name string) (Workload, error) {
	names := make([]string, len(all))
	for i, w := range all {
		if w.Name == name {
			return w, nil
		}
		names[i] = w.Name
	}
	return Workload{}, cluster.Unknown("workload", name, names)
}
