package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// labelTarget, on somebody else's container, says which target it is a node of. Where a
// project has such labels only those containers count, so that clients, sidecars and other
// systems may live beside the cluster.
const labelTarget = "faultline.target"

// The labels of docker compose.
const (
	composeProject = "com.docker.compose.project"
	composeService = "com.docker.compose.service"
	composeNumber  = "com.docker.compose.container-number"
	composeOneOff  = "com.docker.compose.oneoff"
)

// found is a container of a cluster that somebody else runs.
type found struct {
	name   string // of the node
	id     string
	addr   netip.Addr
	static bool // the address stays when the container is started again
}

// Attachable names the nodes of a cluster that is there already. ref is compose:PROJECT or
// label:KEY=VALUE.
func Attachable(ctx context.Context, ref, target string) ([]string, error) {
	if _, _, err := parseRef(ref); err != nil {
		return nil, err // which takes no engine to say
	}
	e, err := connect(ctx)
	if err != nil {
		return nil, err
	}
	all, err := e.find(ctx, ref, target)
	names := make([]string, len(all))
	for i, f := range all {
		names[i] = f.name
	}
	return names, errors.Join(err, e.close())
}

// parseRef says which label a cluster's containers carry.
func parseRef(ref string) (label, what string, err error) {
	kind, name, ok := strings.Cut(ref, ":")
	switch {
	case ok && kind == "compose" && name != "":
		return composeProject + "=" + name, "compose project " + name, nil
	case ok && kind == "label" && name != "" && !strings.HasPrefix(name, "="):
		return name, "label " + name, nil
	}
	return "", "", fmt.Errorf("%q is neither compose:PROJECT nor label:KEY=VALUE", ref)
}

// find looks for the containers of a cluster, in the order of their names.
func (e *engine) find(ctx context.Context, ref, target string) ([]found, error) {
	label, what, err := parseRef(ref)
	if err != nil {
		return nil, err
	}
	list, err := e.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: client.Filters{}.Add("label", label)})
	if err != nil {
		return nil, fmt.Errorf("list the containers of %s: %w", what, err)
	}
	members, err := ofTarget(list.Items, target)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	if len(members) == 0 {
		return nil, fmt.Errorf("%s has no containers: docker ps --filter label=%s lists them", what, label)
	}
	shared, err := sharedNetwork(members)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	var all []found
	for _, c := range members {
		f, err := e.asNode(ctx, c, shared)
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b found) int { return cmp.Or(natural(a.name, b.name), cmp.Compare(a.id, b.id)) })
	for i := 1; i < len(all); i++ {
		if all[i].name == all[i-1].name {
			return nil, fmt.Errorf("%s has two containers named %s", what, all[i].name)
		}
	}
	return all, nil
}

// ofTarget keeps the nodes of the target: those that say so, or all if none says anything.
// Runs of docker compose run are no nodes, and nor is what runs are made of.
func ofTarget(all []container.Summary, target string) ([]container.Summary, error) {
	var members, named []container.Summary
	var says []string // of what targets they say that they are
	for _, c := range all {
		_, ours := c.Labels[labelRun]
		if ours || strings.EqualFold(c.Labels[composeOneOff], "true") {
			continue
		}
		members = append(members, c)
		of := c.Labels[labelTarget]
		if of != "" {
			says = append(says, of)
		}
		if of == target {
			named = append(named, c)
		}
	}
	slices.Sort(says)
	switch says = slices.Compact(says); {
	case len(says) == 0:
		return members, nil
	case len(named) == 0:
		return nil, fmt.Errorf("its containers say that they are of target %s, and none of %s (label %s)", strings.Join(says, ", "), target, labelTarget)
	}
	return named, nil
}

// sharedNetwork is one that all members are on, the first by name.
func sharedNetwork(members []container.Summary) (string, error) {
	var names []string
	for i, c := range members {
		if c.State != container.StateRunning {
			return "", fmt.Errorf("container %s is %s: start it first", containerName(c), c.State)
		}
		var on []string
		if c.NetworkSettings != nil {
			for name := range c.NetworkSettings.Networks {
				on = append(on, name)
			}
		}
		if i == 0 {
			names = on
		}
		names = slices.DeleteFunc(names, func(n string) bool { return !slices.Contains(on, n) || n == "host" || n == "none" })
	}
	if len(names) == 0 {
		return "", errors.New("its containers share no network of their own, on which they could be told apart")
	}
	slices.Sort(names)
	return names[0], nil
}

func containerName(c container.Summary) string {
	if len(c.Names) == 0 {
		return c.ID[:12]
	}
	return strings.TrimPrefix(c.Names[0], "/")
}

// asNode is a container as a node: called after its service if it has one.
func (e *engine) asNode(ctx context.Context, c container.Summary, network string) (found, error) {
	f := found{name: containerName(c), id: c.ID}
	if s := c.Labels[composeService]; s != "" {
		f.name = s
		if n := c.Labels[composeNumber]; n != "" && n != "1" {
			f.name += "-" + n
		}
	}
	got, err := e.ContainerInspect(ctx, c.ID, client.ContainerInspectOptions{})
	if err != nil {
		return f, fmt.Errorf("inspect container %s: %w", f.name, err)
	}
	if s := got.Container.NetworkSettings; s != nil && s.Networks[network] != nil {
		end := s.Networks[network]
		f.addr = end.IPAddress
		f.static = end.IPAMConfig != nil && end.IPAMConfig.IPv4Address.IsValid()
	}
	if !f.addr.IsValid() {
		return f, fmt.Errorf("container %s has no address on network %s", f.name, network)
	}
	return f, nil
}

// natural orders names such as n2 before n10.
func natural(a, b string) int {
	stem := func(s string) (string, int) {
		head := strings.TrimRight(s, "0123456789")
		n, _ := strconv.Atoi(s[len(head):])
		return head, n
	}
	ha, na := stem(a)
	hb, nb := stem(b)
	return cmp.Or(strings.Compare(ha, hb), cmp.Compare(na, nb), strings.Compare(a, b))
}
