// Package host runs the node of a reference system as a process: harness/node on TCP, a
// real disk and real timers. It is the twin of harness/sim; the node's code is the same.
//
// The one idea: one goroutine, the loop, calls the node; all others only carry things to
// it and away from it. A socket or a file never makes the node wait: what it sends goes
// into bounded buffers that drop when they are full, and what its disk does is reported
// by a later event.
//
//	peers ---> connections --\                    /--> links ------> peers
//	clients -> connections ---+--> loop: node ---+---> connections -> clients
//	            timers, disk -/                   \--> disk
//
// Start with Serve, then loop.go. Command is the hidden command line that a container
// runs; Dial and Status are the side of the clients.
package host

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"sync"

	"github.com/faultline-dev/faultline/harness/node"
)

// Peer is a node of the cluster and where it listens.
type Peer struct {
	ID   node.ID
	Addr string // host:port
}

// Config says which node to run.
type Config struct {
	System node.System
	ID     node.ID
	Peers  []Peer // all nodes in order, this one included
	Dir    string // of the node's files; created if need be
	Seed   uint64 // of the node's random stream; 0 draws one
	Log    io.Writer
}

func (c *Config) check() error {
	if c.System.New == nil || c.System.Codec == nil {
		return errors.New("no system to run")
	}
	seen := map[node.ID]bool{}
	for _, p := range c.Peers {
		if seen[p.ID] {
			return fmt.Errorf("node %s is among the peers twice", p.ID)
		}
		seen[p.ID] = true
		if _, _, err := net.SplitHostPort(p.Addr); err != nil {
			return fmt.Errorf("address of node %s: %w", p.ID, err)
		}
	}
	if !seen[c.ID] {
		return fmt.Errorf("node %q is not among the peers", c.ID)
	}
	return nil
}

// Fatal is the error of a node that ended its own life by Env.Fatalf.
type Fatal struct {
	Node    node.ID
	Message string
}

func (f *Fatal) Error() string { return fmt.Sprintf("node %s died: %s", f.Node, f.Message) }

// ExitCode is that of a Go program that panics, so that whoever watches the process need
// not tell the two apart.
func (f *Fatal) ExitCode() int { return 2 }

// Serve runs a node on a listener until ctx is done, which is no error, or the node dies.
// It closes the listener and leaves no goroutine behind. A panic of the node's code is
// not caught: it ends the process.
func Serve(ctx context.Context, l net.Listener, c Config) error {
	defer l.Close()
	if err := c.check(); err != nil {
		return err
	}
	seed, err := seedOf(c.Seed)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()

	lp := newLoop(&c, rand.New(rand.NewPCG(seed, seed)))
	if lp.disk, err = openDisk(ctx, &wg, c.Dir, lp.complete); err != nil {
		return fmt.Errorf("open the disk of node %s: %w", c.ID, err)
	}
	for _, p := range c.Peers {
		if p.ID == c.ID {
			continue
		}
		k := newLink(c.ID, p)
		lp.links[p.ID] = k
		wg.Go(func() { k.run(ctx) })
	}
	s := &server{loop: lp, codec: c.System.Codec}
	wg.Go(func() { s.accept(ctx, l) })
	return lp.run(ctx, c.System.New())
}

func seedOf(seed uint64) (uint64, error) {
	if seed != 0 {
		return seed, nil
	}
	var b [8]byte
	if _, err := crand.Read(b[:]); err != nil {
		return 0, fmt.Errorf("draw a seed: %w", err)
	}
	return binary.LittleEndian.Uint64(b[:]), nil
}

func ids(peers []Peer) []node.ID {
	all := make([]node.ID, len(peers))
	for i, p := range peers {
		all[i] = p.ID
	}
	return slices.Clip(all)
}
