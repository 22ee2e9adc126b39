package host

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/node"
)

// Command is the hidden command that serves one node of one of these targets: what runs
// in a container. It returns nil when it is told to stop (SIGTERM, SIGINT or ctx), and a
// *Fatal when the node died of itself.
func Command(ctx context.Context, args []string, targets []cluster.Target) error {
	c, listen, err := parseArgs(args, targets)
	if err != nil {
		return fmt.Errorf("node: %w", err)
	}
	c.Log = os.Stderr
	// As the first process of a container it would otherwise ignore SIGTERM.
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return fmt.Errorf("node %s: %w", c.ID, err)
	}
	return Serve(ctx, l, c)
}

// Args is the command line of Command for a node; parseArgs is its inverse.
func Args(target string, settings cluster.Options, id node.ID, peers []Peer, dir, listen string) []string {
	args := []string{"--target", target, "--id", string(id), "--data", dir, "--listen", listen}
	list := make([]string, len(peers))
	for i, p := range peers {
		list[i] = string(p.ID) + "=" + p.Addr
	}
	args = append(args, "--peers", strings.Join(list, ","))
	names := make([]string, 0, len(settings))
	for name := range settings {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		args = append(args, "--set", name+"="+settings[name])
	}
	return args
}

func parseArgs(args []string, targets []cluster.Target) (c Config, listen string, err error) {
	var target, id string
	settings := map[string]string{}
	fs := flag.NewFlagSet("node", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&target, "target", "", "the reference system")
	fs.StringVar(&id, "id", "", "this node's name")
	fs.StringVar(&c.Dir, "data", "", "the directory of its files")
	fs.StringVar(&listen, "listen", "", "the address to listen on")
	fs.Uint64Var(&c.Seed, "seed", 0, "of its random stream")
	fs.Func("peers", "all nodes: n1=host:port,...", func(list string) error {
		for _, p := range strings.Split(list, ",") {
			name, addr, ok := strings.Cut(p, "=")
			if !ok {
				return fmt.Errorf("%q is not of the form name=host:port", p)
			}
			c.Peers = append(c.Peers, Peer{node.ID(name), addr})
		}
		return nil
	})
	fs.Func("set", "an option of the target: name=value", func(s string) error {
		name, value, ok := strings.Cut(s, "=")
		if !ok {
			return fmt.Errorf("%q is not of the form name=value", s)
		}
		settings[name] = value
		return nil
	})
	if err := fs.Parse(args); err != nil {
		return c, "", err
	}
	if fs.NArg() > 0 {
		return c, "", fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	for _, needed := range []string{"target", "id", "data", "listen", "peers"} {
		if fs.Lookup(needed).Value.String() == "" && (needed != "peers" || c.Peers == nil) {
			return c, "", fmt.Errorf("--%s is missing", needed)
		}
	}
	c.ID = node.ID(id)
	if c.System, err = system(target, settings, targets); err != nil {
		return c, "", err
	}
	return c, listen, c.check()
}

func system(name string, settings map[string]string, targets []cluster.Target) (node.System, error) {
	var names []string
	for _, t := range targets {
		if t.Reference == nil {
			continue
		}
		names = append(names, t.Name)
		if t.Name != name {
			continue
		}
		known := t.Options
		if !slices.ContainsFunc(known, func(o cluster.Option) bool { return o.Name == "bug" }) {
			known = append(slices.Clone(known), cluster.Option{Name: "bug"}) // implied; see Target.Bugs
		}
		options, err := cluster.Resolve(known, settings)
		if err != nil {
			return node.System{}, fmt.Errorf("target %s: %w", name, err)
		}
		return t.Reference.System(options)
	}
	return node.System{}, cluster.Unknown("reference system", name, names)
}
