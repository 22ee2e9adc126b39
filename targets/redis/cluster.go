package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/targets/docker"
)

// Cluster is Redis Cluster as the registry knows it.
var Cluster = cluster.Target{
	Name:   "redis-cluster",
	Family: cluster.LeaderBased,
	Doc:    "Redis Cluster: keys in shards, each with a primary and asynchronous replicas that replace it; 3 nodes or more, with replicas from 4 on",
	Options: append(slices.Clone(common), cluster.Option{
		Name: reads, Default: primary, Values: []string{primary, home},
		Doc: "primary: that of the key's shard; home: the node's own Redis, where it has a copy of the key (READONLY)",
	}),
	Data:    []string{"register", "set", "append", "counter"},
	About:   aboutCluster,
	Records: clusterRecords,
	Open:    map[cluster.World]cluster.Opener{cluster.Docker: docker.Opener(clusterSystem)},
}

// slots is how many there are; each key is in one.
const slots = 16384

// primaries is how many nodes have slots at first: a shard needs two nodes to survive one,
// and primaries need a majority to replace one.
func primaries(nodes int) int { return max(3, nodes/2) }

var clusterSystem = docker.System{
	Name:  "redis-cluster",
	Image: image,
	Container: func(n docker.Node, _ []docker.Node, o cluster.Options) docker.Container {
		return docker.Container{
			Files: map[string][]byte{"/etc/node/redis.conf": settings(o,
				"cluster-enabled yes", "cluster-config-file nodes.conf", "cluster-node-timeout 1500",
				"cluster-replica-validity-factor 0", "cluster-require-full-coverage no", "cluster-migration-barrier 10",
				fmt.Sprintf("cluster-announce-ip %s", n.Addr))},
			Volumes: []string{"/data"},
		}
	},
	Ready: func(ctx context.Context, n docker.Node, _ cluster.Options) error {
		c := dial(endpoint(n))
		defer c.Close()
		return c.Ping(ctx).Err()
	},
	Setup: clusterSetup,
	Connect: func(ctx context.Context, n docker.Node, _ []docker.Node, o cluster.Options) (cluster.Conn, error) {
		s := &sharded{home: endpoint(n), readHome: o[reads] == home, servers: map[string]*redis.Client{}, owners: map[use]string{}}
		if err := s.server(s.home).Ping(ctx).Err(); err != nil {
			return nil, errors.Join(cluster.Definite(err), s.Close())
		}
		return &conn{server: s, wait: o.Int(waitFor)}, nil
	},
	Leads: func(ctx context.Context, n docker.Node, _ cluster.Options) (bool, uint64, error) {
		says, err := replication(ctx, endpoint(n))
		if err != nil || says["role"] != "master" {
			return false, 0, err
		}
		c := dial(endpoint(n))
		defer c.Close()
		text, err := c.ClusterInfo(ctx).Result()
		epoch, _ := strconv.ParseUint(facts(text)["cluster_my_epoch"], 10, 64)
		return true, epoch, err
	},
}

// clusterSetup makes the shards, unless they are there: slots to the first nodes, and the
// others as their replicas, in turn.
func clusterSetup(ctx context.Context, all []docker.Node, _ cluster.Options) error {
	if len(all) < 3 {
		return fmt.Errorf("a Redis Cluster needs 3 primaries to replace one, and there are %d nodes: use --nodes 3 or more, 6 for a replica of each", len(all))
	}
	clients := make([]*redis.Client, len(all))
	for i, n := range all {
		clients[i] = dial(endpoint(n))
		defer clients[i].Close()
	}
	text, err := clients[0].ClusterInfo(ctx).Result()
	if err != nil {
		return err
	}
	count := primaries(len(all))
	if facts(text)["cluster_slots_assigned"] != strconv.Itoa(slots) {
		if err := makeShards(ctx, all, clients, count); err != nil {
			return err
		}
	}
	for i, n := range all {
		if err := docker.Until(ctx, func() error { return agrees(ctx, n, clients[i], count) }); err != nil {
			return err
		}
	}
	return nil
}

func makeShards(ctx context.Context, all []docker.Node, clients []*redis.Client, count int) error {
	for i, c := range clients {
		// Primaries that start with the same epoch would have to sort that out first.
		if err := c.Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", i+1).Err(); err != nil {
			return fmt.Errorf("%s: %w", all[i].Name, err)
		}
		if i < count {
			if err := c.Do(ctx, "CLUSTER", "ADDSLOTSRANGE", i*slots/count, (i+1)*slots/count-1).Err(); err != nil {
				return fmt.Errorf("%s: %w", all[i].Name, err)
			}
		}
	}
	for _, n := range all[1:] {
		if err := clients[0].ClusterMeet(ctx, n.Addr.String(), strconv.Itoa(port)).Err(); err != nil {
			return fmt.Errorf("%s: %w", n.Name, err)
		}
	}
	for i := count; i < len(all); i++ {
		id, err := clients[i%count].Do(ctx, "CLUSTER", "MYID").Text()
		if err != nil {
			return err
		}
		// It is refused for as long as the replica has not heard of its primary.
		if err := docker.Until(ctx, func() error { return clients[i].ClusterReplicate(ctx, id).Err() }); err != nil {
			return fmt.Errorf("%s: %w", all[i].Name, err)
		}
	}
	return nil
}

// agrees says that a node sees the whole cluster, and has its data if it is a replica.
func agrees(ctx context.Context, n docker.Node, c *redis.Client, count int) error {
	text, err := c.ClusterInfo(ctx).Result()
	if err != nil {
		return err
	}
	if says := facts(text); says["cluster_state"] != "ok" || says["cluster_size"] != strconv.Itoa(count) {
		return fmt.Errorf("%s sees a cluster of %s primaries with slots, in state %s", n.Name, says["cluster_size"], says["cluster_state"])
	}
	nodes, err := c.ClusterNodes(ctx).Result()
	if err != nil {
		return err
	}
	if seen := strings.Count(nodes, "master "); seen != count {
		return fmt.Errorf("%s takes %d nodes for primaries", n.Name, seen)
	}
	return sentinelReady(ctx, n, nil)
}

// sharded is a cluster as one node shows it: that node is asked first, and where it names
// another one for a key, that one from then on, until it errs.
type sharded struct {
	home     string
	readHome bool
	servers  map[string]*redis.Client // by address
	owners   map[use]string           // where a key was moved to
	last     use                      // what was last asked for
}

// use is a key and whether a copy of it will do: a replica says MOVED to a write, and serves
// a read of the same key.
type use struct {
	key  string
	copy bool
}

// server is the client of one server, made when it is first needed.
func (s *sharded) server(addr string) *redis.Client {
	if c := s.servers[addr]; c != nil {
		return c
	}
	options := once(addr)
	if s.readHome && addr == s.home {
		options.OnConnect = func(ctx context.Context, c *redis.Conn) error { return c.ReadOnly(ctx).Err() }
	}
	c := redis.NewClient(options)
	s.servers[addr] = c
	return c
}

func (s *sharded) of(_ context.Context, key string, write bool) (*redis.Client, error) {
	s.last = use{key, s.readHome && !write}
	if addr := s.owners[s.last]; addr != "" {
		return s.server(addr), nil
	}
	return s.server(s.home), nil
}

func (s *sharded) mistaken(_ context.Context, _ string, err error) bool {
	if addr, ok := moved(err); ok {
		s.owners[s.last] = addr
		return true
	}
	delete(s.owners, s.last)
	return false
}

// moved reads where a key has gone. Nothing was carried out.
func moved(err error) (addr string, ok bool) {
	var answer redis.Error
	if !errors.As(err, &answer) {
		return "", false
	}
	words := strings.Fields(answer.Error())
	if len(words) < 3 || words[0] != "MOVED" || strings.HasPrefix(words[2], ":") {
		return "", false
	}
	return words[2], true
}

func (s *sharded) Close() error {
	var errs []error
	for _, c := range s.servers {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}
