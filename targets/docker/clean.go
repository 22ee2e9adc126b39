package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Clean removes the containers, volumes, networks and disks of runs whose process has ended,
// heals the clusters that such runs were attached to, and returns what it did. A living run
// is left alone, and so is one whose lock cannot be seen from here; log says which.
func Clean(ctx context.Context, log io.Writer) (done []string, err error) {
	e, err := connect(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	orphans, err := e.orphans(ctx, log)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, b := range orphans {
		names, err := e.remove(ctx, b)
		for _, name := range names {
			done = append(done, "removed "+name)
		}
		errs = append(errs, err)
	}
	disks, err := cleanDisks(log) // which nobody uses now
	errs = append(errs, err)
	healed, err := e.healOrphans(ctx, log)
	return append(append(done, disks...), healed...), errors.Join(append(errs, err)...)
}

// orphans are what runs left behind that nobody owns any more.
func (e *engine) orphans(ctx context.Context, log io.Writer) ([]*belonging, error) {
	here, err := place()
	if err != nil {
		return nil, fmt.Errorf("find out where locks are seen: %w", err)
	}
	all, err := e.belongings(ctx, "")
	if err != nil {
		return nil, err
	}
	var orphans []*belonging
	for _, b := range all {
		if b.owner != here {
			fmt.Fprintf(log, "run %s was started elsewhere (in another network namespace, on another machine or before the last boot), so that it cannot be told whether it is alive: left alone; remove it by: docker rm -fv $(docker ps -aqf label=%s=%s)\n", b.run, labelRun, b.run)
			continue
		}
		alive, err := held(b.run)
		if err != nil {
			return nil, err
		}
		if !alive {
			orphans = append(orphans, b)
		}
	}
	return orphans, nil
}
