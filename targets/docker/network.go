package docker

import (
	"context"
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
)

// Networks come from ranges that nobody should be using: the one set aside for testing
// network devices (RFC 2544) and, if this machine has a route to that, a private one.
var ranges = []netip.Prefix{netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("10.192.0.0/11")}

// firstHost leaves the low addresses to the gateway and whatever else is on a network.
const firstHost = 10

// subnets lists the /24 networks that a run may try, in an order of its own, so that runs
// side by side seldom try the same one.
func subnets(run string, taken []netip.Prefix) []netip.Prefix {
	h := fnv.New32a()
	_, _ = h.Write([]byte(run))
	var all []netip.Prefix
	for _, r := range ranges {
		n := uint32(1) << (24 - r.Bits())
		for i := range n {
			a := r.Addr().As4()
			k := (h.Sum32() + i) % n
			a[1], a[2] = a[1]+byte(k>>8), byte(k)
			p := netip.PrefixFrom(netip.AddrFrom4(a), 24)
			if !slices.ContainsFunc(taken, p.Overlaps) {
				all = append(all, p)
			}
		}
	}
	return all
}

// hosts gives the nodes their addresses within a subnet.
func hosts(subnet netip.Prefix, names []string) []Node {
	nodes := make([]Node, len(names))
	for i, name := range names {
		a := subnet.Addr().As4()
		a[3] = byte(firstHost + i)
		nodes[i] = Node{Name: name, Index: i + 1, Addr: netip.AddrFrom4(a)}
	}
	return nodes
}

// makeNetwork makes the run's network on a subnet that is free. It is an internal one:
// nodes reach each other and are reached from here, and nothing else.
func (e *engine) makeNetwork(ctx context.Context, name, run string, labels map[string]string) (netip.Prefix, error) {
	taken, err := routed()
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("list this machine's routes: %w", err)
	}
	for _, subnet := range subnets(run, taken) {
		_, err := e.NetworkCreate(ctx, name, client.NetworkCreateOptions{
			Driver: "bridge", Internal: true, Labels: labels,
			IPAM: &network.IPAM{Config: []network.IPAMConfig{{Subnet: subnet}}},
		})
		if err == nil {
			return subnet, nil
		}
		// Another run was faster, or a network without a route has it.
		if !strings.Contains(err.Error(), "overlap") {
			return netip.Prefix{}, fmt.Errorf("make network %s: %w", name, err)
		}
	}
	return netip.Prefix{}, fmt.Errorf("make network %s: no subnet is free in %v", name, ranges)
}
