package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/moby/moby/client"
)

// Check is one thing that this machine can or can't do.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Remedy string `json:"remedy,omitempty"` // what would mend it
}

// bases are the images that our targets' Dockerfiles start from.
var bases = []string{"debian:bookworm-slim", "golang:1.26-bookworm"}

// Doctor tries out what runs in containers need.
func Doctor(ctx context.Context) []Check {
	e, err := connect(ctx)
	checks := []Check{checkEngine(ctx, e, err), checkCut(), checkShape(), checkProcess(), checkDisk(), checkClock(ctx)}
	if err != nil {
		return checks
	}
	defer e.close()
	return append(checks, checkBases(ctx, e), checkOrphans(ctx, e))
}

func checkEngine(ctx context.Context, e *engine, err error) Check {
	c := Check{Name: "Docker engine"}
	if err == nil {
		var v client.ServerVersionResult
		if v, err = e.ServerVersion(ctx, client.ServerVersionOptions{}); err == nil {
			c.OK, c.Detail = true, fmt.Sprintf("version %s at %s", v.Version, e.DaemonHost())
			return c
		}
	}
	c.Detail = err.Error()
	c.Remedy = "install Docker and start its daemon; a user other than root must be in the group docker"
	if !supported {
		c.Remedy = "docker compose run control doctor"
	}
	return c
}

func checkCut() Check {
	if err := tryCut(); err != nil {
		return Check{
			Name: "network faults in containers", Detail: err.Error(),
			Remedy: "run as root, or with the capabilities NET_ADMIN, SYS_ADMIN and SYS_PTRACE; or in the control container: docker compose run control",
		}
	}
	return Check{Name: "network faults in containers", OK: true, Detail: "nftables works within a network namespace"}
}

func checkProcess() Check {
	c := Check{Name: "faults of processes in containers"}
	if err := tryProcess(); err != nil {
		c.Detail = err.Error()
		c.Remedy = "run as root, in the host's PID namespace; or in the control container: docker compose run control"
		return c
	}
	c.OK, c.Detail = true, "a process of ours was stopped, went on and was killed; those of others can be reached"
	return c
}

func checkBases(ctx context.Context, e *engine) Check {
	c := Check{Name: "base images", OK: true, Detail: fmt.Sprint(bases)}
	for _, image := range bases {
		if _, err := e.ImageInspect(ctx, image); err != nil {
			return Check{
				Name: c.Name, Detail: "not here yet: " + image,
				Remedy: "none needed where the engine can pull it; elsewhere make it by .ci/base-images",
			}
		}
	}
	return c
}

func checkOrphans(ctx context.Context, e *engine) Check {
	c := Check{Name: "nothing left behind"}
	var log bytes.Buffer
	orphans, err := e.orphans(ctx, &log)
	disks, diskErr := orphanDisks(&log)
	err = errors.Join(err, diskErr)
	switch {
	case err != nil:
		c.Detail = err.Error()
	case len(orphans)+len(disks) > 0:
		n := 0
		for _, b := range orphans {
			n += len(b.containers) + len(b.networks)
		}
		c.Detail = fmt.Sprintf("%d containers and networks of %d runs that were killed, disks of %d", n, len(orphans), len(disks))
		c.Remedy = "faultline clean"
	default:
		c.OK, c.Detail = true, "no containers, networks or disks of killed runs"
	}
	return c
}
