package docker

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/history"
)

// strangers brings up three sleeping containers that no run of ours made, two of them nodes
// of target sleeper, as somebody's compose project would; static says whether they keep
// their addresses. It returns what to attach to.
func strangers(t *testing.T, e *engine, static bool) (ref string, ids []string) {
	t.Helper()
	name := runName("strangers-" + strings.ToLower(t.Name()))
	ctx := t.Context()
	img, err := sleeper.Image(ctx, nil)
	must(t, err)
	tag, err := e.ensure(ctx, sleeper.Name, img, os.Stderr)
	must(t, err)
	subnet, err := e.makeNetwork(ctx, name, name, nil)
	must(t, err)
	t.Cleanup(func() {
		for _, id := range ids {
			_, _ = e.ContainerRemove(context.Background(), id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		}
		_, _ = e.NetworkRemove(context.Background(), name, client.NetworkRemoveOptions{})
	})
	for i, target := range []string{"sleeper", "sleeper", "other"} {
		end := &network.EndpointSettings{}
		if static {
			a := subnet.Addr().As4()
			a[3] = byte(20 + i)
			end.IPAMConfig = &network.EndpointIPAMConfig{IPv4Address: netip.AddrFrom4(a)}
		}
		made, err := e.ContainerCreate(ctx, client.ContainerCreateOptions{
			Name: fmt.Sprintf("%s-%d", name, i+1),
			Config: &container.Config{Image: tag, Cmd: []string{"infinity"}, Labels: map[string]string{
				composeProject: name, composeService: fmt.Sprintf("s%d", i+1), composeNumber: "1", labelTarget: target,
			}},
			NetworkingConfig: &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{name: end}},
		})
		must(t, err)
		ids = append(ids, made.ID)
		_, err = e.ContainerStart(ctx, made.ID, client.ContainerStartOptions{})
		must(t, err)
	}
	return "compose:" + name, ids
}

// attachSpec is how a run attaches to those of target sleeper.
func attachSpec(ref, run string, faults ...string) cluster.Spec {
	s := specOf(run, os.Stderr)
	s.Nodes, s.Attach, s.Faults, s.Note = []string{"s1", "s2"}, ref, faults, func(history.Event) {}
	return s
}

// whole fails the test unless the containers run, are not paused and drop nothing, and no
// mark of the run is left.
func whole(t *testing.T, e *engine, ids []string, run string) {
	t.Helper()
	for _, id := range ids {
		got, err := e.ContainerInspect(t.Context(), id, client.ContainerInspectOptions{})
		must(t, err)
		s := got.Container.State
		if !s.Running || s.Paused {
			t.Errorf("container %s: running %v, paused %v", got.Container.Name, s.Running, s.Paused)
			continue
		}
		rules, err := exec.Command("nsenter", "-t", fmt.Sprint(s.Pid), "-n", "nft", "list", "tables").CombinedOutput()
		must(t, err)
		if bytes.Contains(rules, []byte("faultline")) { // the engine has a table of its own there
			t.Errorf("container %s still has our rules:\n%s", got.Container.Name, rules)
		}
	}
	marks, err := e.marks(t.Context())
	must(t, err)
	if slices.ContainsFunc(marks, func(m mark) bool { return m.run == run }) {
		t.Error("the run's mark is left")
	}
}

func needNft(t *testing.T) {
	t.Helper()
	for _, tool := range []string{"nft", "nsenter"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("looking at rules takes nft and nsenter on this machine: ", err)
		}
	}
}

// TestAttach hurts somebody's cluster and gives it back whole.
func TestAttach(t *testing.T) {
	e := needEngine(t)
	needNft(t)
	ref, ids := strangers(t, e, true)
	names, err := Attachable(t.Context(), ref, "sleeper")
	must(t, err)
	if !slices.Equal(names, []string{"s1", "s2"}) {
		t.Fatalf("nodes %v: those of another target do not count", names)
	}
	run := runName("attach")
	opened, err := Opener(sleeper)(t.Context(), attachSpec(ref, run, "partition", "pause", "kill"))
	must(t, err)
	c := opened.(*containers)
	must(t, c.Start(t.Context()))
	must(t, c.Cut(t.Context(), cluster.Grudge{"s1": {"s2"}}))
	if err := exec.Command("nsenter", "-t", fmt.Sprint(c.nodes[1].pid), "-n", "bash", "-c", "exec 3<>/dev/udp/"+c.nodes[0].Addr.String()+"/9 && echo >&3").Run(); err != nil {
		t.Fatalf("send a packet from s2 to s1: %v", err)
	}
	if n, err := c.Dropped(t.Context()); err != nil || n == 0 {
		t.Errorf("the cut dropped %d packets, %v", n, err)
	}
	_, err = c.Pause(t.Context(), "s1")
	must(t, err)
	_, err = c.Kill(t.Context(), "s2")
	must(t, err)
	must(t, c.Close(context.WithoutCancel(t.Context())))
	whole(t, e, ids, run)
}

// TestCleanHealsAttached kills a harness that holds somebody's cluster by the throat.
func TestCleanHealsAttached(t *testing.T) {
	e := needEngine(t)
	needNft(t)
	ref, ids := strangers(t, e, true)
	run := runName("attached-orphan")
	owner := exec.Command(os.Args[0])
	owner.Env = append(os.Environ(), "FAULTLINE_TEST_OWNER="+run, "FAULTLINE_TEST_ATTACH="+ref)
	owner.Stderr = os.Stderr
	out, err := owner.StdoutPipe()
	must(t, err)
	must(t, owner.Start())
	line, _ := bufio.NewReader(out).ReadString('\n')
	must(t, owner.Process.Kill())
	_ = owner.Wait()
	if line != "started\n" {
		t.Fatalf("the owner to be says %q", line)
	}
	done, err := Clean(t.Context(), os.Stderr)
	must(t, err)
	for _, want := range []string{"resumed container", "started container", "healed container"} {
		if !slices.ContainsFunc(done, func(d string) bool { return strings.HasPrefix(d, want) }) {
			t.Errorf("clean did not say %q, but %v", want, done)
		}
	}
	whole(t, e, ids, run)
}

// attachAndHurt is the owner's part in that.
func attachAndHurt(c cluster.Cluster) error {
	ctx := context.Background()
	n := c.(*containers)
	_, pause := n.Pause(ctx, "s1")
	_, kill := n.Kill(ctx, "s2")
	return errors.Join(n.Cut(ctx, cluster.Grudge{"s1": {"s2"}}), pause, kill)
}

// TestAttachRefusals: what cannot be attached to is said before anything is done.
func TestAttachRefusals(t *testing.T) {
	e := needEngine(t)
	ref, _ := strangers(t, e, false)
	var refusal *cluster.Refusal
	_, err := Opener(sleeper)(t.Context(), attachSpec(ref, runName("refused"), "kill"))
	if !errors.As(err, &refusal) || !strings.Contains(err.Error(), "ipv4_address") {
		t.Errorf("a kill of nodes whose addresses may change: %v", err)
	}
	for _, c := range []struct{ ref, target, want string }{
		{ref, "etcd", "of target other, sleeper"},
		{"compose:there-is-none-such", "etcd", "no containers"},
		{"etcd", "etcd", "compose:PROJECT"},
		{"label:", "etcd", "label:KEY=VALUE"},
	} {
		if _, err := Attachable(t.Context(), c.ref, c.target); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("attach to %s for %s: %v; want %q in it", c.ref, c.target, err, c.want)
		}
	}
}
