// Package backup is a replicated store after the primary-backup approach (Alsberg and Day,
// "A Principle for Resilient Sharing of Distributed Resources", ICSE 1976), with views and
// the names of messages as in Viewstamped Replication (Oki and Liskov, PODC 1988; Liskov
// and Cowling, "Viewstamped Replication Revisited", 2012).
//
// The one idea: the first member of a view is the primary, all others are its backups. It
// numbers the changes and sends them to every backup; a change is acknowledged when all of
// them have it on their disks. So any backup can take over, and one that fails is left out
// of the next view before anything more is acknowledged. Who is in a view is agreed on by a
// majority of all nodes (package view).
//
//	client -> any node -> primary -> Prepare -> all backups -> PrepareOK -> applied -> reply
//
// With asynchronous replication the primary acknowledges what is on its own disk alone: it
// is fast, and a failover loses what the backups had not got.
//
// Start with server.go (a node's life), then primary.go and replica.go (its two roles).
package backup

import (
	"fmt"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/oplog"
)

// Replication says when a change is acknowledged.
type Replication string

// The ways to replicate.
const (
	Sync  Replication = "sync"  // when all members of the view have it
	Async Replication = "async" // when the primary has it
)

// Bug is a planted mistake.
type Bug string

// The bugs.
const (
	NoBug            Bug = ""
	ForgottenTail    Bug = "forgotten-tail"
	AckBeforeBackups Bug = "ack-before-backups"
	DeposedReads     Bug = "deposed-primary-reads"
	ViewNotPersisted Bug = "view-not-persisted"
	StaleBackup      Bug = "stale-backup-promoted"
)

// Config is how the store is set up.
type Config struct {
	Replication Replication
	Bug         Bug
	// Replicas is how many nodes are in a view, if so many are there.
	Replicas int
	// CompactAt is the size of the log file, in bytes, from which on it is rewritten; 0
	// means oplog.DefaultCompactAt.
	CompactAt int
}

// Check reports what is wrong with a configuration.
func (c Config) Check() error {
	switch {
	case c.Replicas < 1:
		return fmt.Errorf("primary-backup: a view of %d nodes", c.Replicas)
	case c.Replication != Sync && c.Replication != Async:
		return fmt.Errorf("primary-backup: unknown way to replicate %q", c.Replication)
	}
	return nil
}

// New returns the store as a system that a world can run.
func New(c Config) (node.System, error) {
	if err := c.Check(); err != nil {
		return node.System{}, err
	}
	if c.CompactAt == 0 {
		c.CompactAt = oplog.DefaultCompactAt
	}
	return node.System{New: func() node.Node { return &server{cfg: c} }, Codec: Decode}, nil
}
