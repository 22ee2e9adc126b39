package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	testcontainers "github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/log"
)

// The labels of what a run makes.
const (
	labelRun   = "faultline.run"   // the run's identity, and the name of its lock
	labelOwner = "faultline.owner" // where that lock is to be looked for
	labelNode  = "faultline.node"
)

// engine is the connection to the Docker engine.
type engine struct {
	provider *testcontainers.DockerProvider
	client.APIClient
}

// quiet keeps testcontainers from writing to standard error, and from starting a
// container that reaps what others left behind: it would have to be pulled, and our own
// labels and locks know better which run is alive.
var quiet = sync.OnceValue(func() error {
	log.SetDefault(log.NewNoopLogger())
	return os.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true")
})

// pingLimit is how long an engine may take to say that it is there.
const pingLimit = 10 * time.Second

func connect(ctx context.Context) (*engine, error) {
	if !supported {
		return nil, fmt.Errorf("%w: nodes in containers are reached and hurt from a Linux machine; elsewhere use the control container: docker compose run control", ErrUnavailable)
	}
	if err := quiet(); err != nil {
		return nil, err
	}
	// One that was named and is not there must not be replaced by another that is, as
	// testcontainers would do.
	if host := os.Getenv(client.EnvOverrideHost); host != "" {
		if err := ping(ctx, host); err != nil {
			return nil, err
		}
	}
	p, err := testcontainers.NewDockerProvider(testcontainers.Generic2DockerOptions(testcontainers.WithLogger(log.NewNoopLogger()))...)
	if err != nil {
		return nil, unavailable(err)
	}
	e := &engine{p, p.Client()}
	ctx, cancel := context.WithTimeout(ctx, pingLimit)
	defer cancel()
	if _, err := e.Ping(ctx, client.PingOptions{}); err != nil {
		return nil, errors.Join(unavailable(err), e.close())
	}
	return e, nil
}

// ping asks the engine that the environment names whether it is there.
func ping(ctx context.Context, host string) error {
	c, err := client.New(client.FromEnv)
	if err != nil {
		return fmt.Errorf("%w: %s=%s: %w", ErrUnavailable, client.EnvOverrideHost, host, err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, pingLimit)
	defer cancel()
	if _, err := c.Ping(ctx, client.PingOptions{}); err != nil {
		return unavailable(err)
	}
	return nil
}

// unavailable says what to do about an engine that cannot be talked to.
func unavailable(err error) error {
	if strings.Contains(err.Error(), "permission denied") {
		return fmt.Errorf("%w: you may not talk to the Docker engine; faults in containers need root anyway, so run this as root: %w", ErrUnavailable, err)
	}
	return fmt.Errorf("%w: the Docker engine does not answer; start it, or set DOCKER_HOST to where it is: %w", ErrUnavailable, err)
}

func (e *engine) close() error { return e.provider.Close() }

// ofRun selects what carries a run's label; any run's if the name is empty.
func ofRun(run string) client.Filters {
	label := labelRun
	if run != "" {
		label += "=" + run
	}
	return client.Filters{}.Add("label", label)
}

// belonging is what one run has in the engine.
type belonging struct {
	run, owner string
	containers []thing
	networks   []thing
}

type thing struct{ id, name string }

// belongings lists by run what carries our label: that of one run, or of all.
func (e *engine) belongings(ctx context.Context, run string) ([]*belonging, error) {
	byRun := map[string]*belonging{}
	of := func(labels map[string]string) *belonging {
		b := byRun[labels[labelRun]]
		if b == nil {
			b = &belonging{run: labels[labelRun], owner: labels[labelOwner]}
			byRun[b.run] = b
		}
		return b
	}
	containers, err := e.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: ofRun(run)})
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	for _, c := range containers.Items {
		b, name := of(c.Labels), c.ID[:12]
		if len(c.Names) > 0 {
			name = c.Names[0][1:] // without the slash
		}
		b.containers = append(b.containers, thing{c.ID, name})
	}
	networks, err := e.NetworkList(ctx, client.NetworkListOptions{Filters: ofRun(run)})
	if err != nil {
		return nil, fmt.Errorf("list networks: %w", err)
	}
	for _, n := range networks.Items {
		b := of(n.Labels)
		b.networks = append(b.networks, thing{n.ID, n.Name})
	}
	all := make([]*belonging, 0, len(byRun))
	for _, b := range byRun {
		all = append(all, b)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].run < all[j].run })
	return all, nil
}

// remove removes what a run has. What somebody else removed meanwhile is no error.
func (e *engine) remove(ctx context.Context, b *belonging) (removed []string, err error) {
	var mu sync.Mutex
	var errs []error
	note := func(what string, t thing, err error) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil:
			removed = append(removed, what+" "+t.name)
		case !gone(err):
			errs = append(errs, fmt.Errorf("remove %s %s: %w", what, t.name, err))
		}
	}
	var wg sync.WaitGroup
	for _, c := range b.containers {
		wg.Go(func() {
			_, err := e.ContainerRemove(ctx, c.id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
			note("container", c, err)
		})
	}
	wg.Wait()
	for _, n := range b.networks { // only now: an attached container would hold it
		_, err := e.NetworkRemove(ctx, n.id, client.NetworkRemoveOptions{})
		note("network", n, err)
	}
	sort.Strings(removed)
	return removed, errors.Join(errs...)
}

// gone is the engine's answer about what is not there, or is being removed already.
func gone(err error) bool { return errdefs.IsNotFound(err) || errdefs.IsConflict(err) }
