// Package redis tests Redis in containers, in its two kinds of cluster: one primary whom
// sentinels replace (sentinel.go), and shards that replace their primaries themselves
// (cluster.go).
//
// The one idea: what clients do with keys is the same in both (conn.go); what differs is who
// is asked. A connection finds that out through its own node alone, as a client does whose
// other addresses are out of reach, and sends each command once (errors.go).
package redis

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/targets/docker"
)

// Options that are asked for in several places.
const (
	waitFor     = "wait"
	minReplicas = "min-replicas"
	appendOnly  = "appendonly"
	appendFsync = "appendfsync"
)

// common are the options of both kinds.
var common = []cluster.Option{
	{Name: waitFor, Default: "0", Doc: "replicas that a write waits for (WAIT); with fewer it is in doubt", Check: cluster.IsInt(0, 10)},
	{Name: minReplicas, Default: "0", Doc: "replicas without which a primary refuses writes (min-replicas-to-write); one that is silent for 2 s does not count", Check: cluster.IsInt(0, 10)},
	{Name: appendOnly, Default: "yes", Values: []string{"yes", "no"}, Doc: "keep writes in a file; without it a node that restarts is empty"},
	{Name: appendFsync, Default: "everysec", Values: []string{"always", "everysec", "no"}, Doc: "when that file is synced"},
}

//go:embed image
var embedded embed.FS

func image(context.Context, cluster.Options) (docker.Image, error) {
	files, err := fs.Sub(embedded, "image")
	return docker.Image{Context: files}, err
}

// The ports of every node.
const (
	port         = 6379
	sentinelPort = 26379
)

func endpoint(n docker.Node) string { return fmt.Sprintf("%s:%d", n.Addr, port) }

// settings are a server's, of either kind.
func settings(o cluster.Options, more ...string) []byte {
	lines := append([]string{
		fmt.Sprintf("port %d", port), "bind 0.0.0.0", "protected-mode no", "dir /data", `save ""`,
		"appendonly " + o[appendOnly], "appendfsync " + o[appendFsync],
		"repl-diskless-sync yes", "repl-diskless-sync-delay 0", "repl-ping-replica-period 1", "repl-timeout 5",
		"min-replicas-to-write " + o[minReplicas], "min-replicas-max-lag 2",
	}, more...)
	return []byte(strings.Join(lines, "\n") + "\n")
}

// The client library would write every refused connection to standard error.
func init() { redis.SetLogger(silent{}) }

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

// once makes a client send each command once, over one connection.
func once(addr string) *redis.Options {
	return &redis.Options{
		Addr: addr, Protocol: 2, MaxRetries: -1, PoolSize: 1, DialerRetries: 1, DisableIdentity: true,
		ContextTimeoutEnabled:    true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

// dial makes a client of one server.
func dial(addr string) *redis.Client { return redis.NewClient(once(addr)) }

// facts reads an answer of name:value lines, such as INFO's.
func facts(text string) map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); ok {
			all[name] = value
		}
	}
	return all
}

// replication is what a server says of its part in it.
func replication(ctx context.Context, addr string) (map[string]string, error) {
	c := dial(addr)
	defer c.Close()
	text, err := c.Info(ctx, "replication").Result()
	return facts(text), err
}
