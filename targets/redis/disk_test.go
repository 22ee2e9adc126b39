package redis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/targets/docker"
	"github.com/faultline-dev/faultline/targets/host"
)

// pinged is a connection of whom only an answer is wanted.
type pinged struct{ cluster.Conn }

func (pinged) Read(context.Context, int64) (int64, bool, error)         { return 0, false, nil }
func (pinged) Write(context.Context, int64, int64) error                { return nil }
func (pinged) CompareAndSet(context.Context, int64, int64, int64) error { return nil }

// alone is a Redis of one node.
var alone = docker.System{
	Name: "redis-alone", Image: image,
	Container: func(_ docker.Node, _ []docker.Node, o cluster.Options) docker.Container {
		return docker.Container{Entrypoint: []string{"redis-server", "/etc/node/redis.conf"}, Files: map[string][]byte{"/etc/node/redis.conf": settings(o)}, Volumes: []string{"/data"}}
	},
	Connect: func(ctx context.Context, n docker.Node, _ []docker.Node, _ cluster.Options) (cluster.Conn, error) {
		c := dial(endpoint(n))
		if err := c.Ping(ctx).Err(); err != nil {
			return nil, errors.Join(err, c.Close())
		}
		return pinged{c}, nil
	},
}

// TestPowerFailure shows what each way to sync the file of writes is worth: of the writes
// that Redis acknowledged, none are left where it never syncs, and all where it always does.
func TestPowerFailure(t *testing.T) {
	docker.ServeDisksInTest() // as a helper there is no engine to look for
	if testing.Short() {
		t.Skip("-short: containers take seconds")
	}
	if os.Geteuid() != 0 {
		t.Skip("mounting disks takes root")
	}
	const keys = 300
	for fsync, want := range map[string]int64{"no": 0, "always": keys} {
		t.Run(fsync, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			options, err := cluster.Resolve(common, map[string]string{appendFsync: fsync})
			must(t, err)
			var addr docker.Node
			system := alone
			system.Connect = func(ctx context.Context, n docker.Node, all []docker.Node, o cluster.Options) (cluster.Conn, error) {
				addr = n
				return alone.Connect(ctx, n, all, o)
			}
			c, err := docker.Opener(system)(host.WithTest(ctx, "TestPowerFailure"), cluster.Spec{
				Nodes: []string{"n1"}, Options: options, Faults: []string{"disk"},
				RunID: fmt.Sprintf("redis-disk-%s-%d", fsync, os.Getpid()), Log: io.Discard, Note: func(history.Event) {},
			})
			var refusal *cluster.Refusal
			if errors.Is(err, docker.ErrUnavailable) || errors.As(err, &refusal) {
				t.Skip(err)
			}
			must(t, err)
			defer func() { must(t, c.Close(context.WithoutCancel(ctx))) }()
			must(t, c.Start(ctx))

			client := dial(endpoint(addr))
			defer client.Close()
			for i := range keys {
				must(t, client.Set(ctx, fmt.Sprint("key", i), i, 0).Err())
			}
			out, err := c.(cluster.DiskDamager).PowerFail(ctx, []string{"n1"}, false, 1)
			must(t, err)
			must(t, c.(cluster.Killer).Restart(ctx, "n1"))
			eventually(t, "it answers again", func() bool { return c.(cluster.Health).Healthy(ctx, "n1") == nil })
			again := dial(endpoint(addr))
			defer again.Close()
			left, err := again.DBSize(ctx).Result()
			must(t, err)
			t.Logf("appendfsync %s: %d of %d acknowledged writes are left; %s", fsync, left, keys, out[0].Evidence)
			if left != want {
				t.Errorf("%d writes are left, want %d", left, want)
			}
		})
	}
}
