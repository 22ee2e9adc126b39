package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/targets/docker"
)

const (
	reads   = "reads"
	primary = "primary"
	home    = "home"
)

// Sentinel is Redis with sentinels as the registry knows it.
var Sentinel = cluster.Target{
	Name:   "redis-sentinel",
	Family: cluster.LeaderBased,
	Doc:    "Redis with one primary, asynchronous replicas, and sentinels that replace it",
	Options: append(slices.Clone(common), cluster.Option{
		Name: reads, Default: primary, Values: []string{primary, home},
		Doc: "primary: whom the node's sentinel names; home: the node's own Redis, a replica mostly",
	}),
	Data:  []string{"register", "set", "append", "counter"},
	About: aboutSentinel,
	Records: []cluster.Record{{
		Command: "faultline run --target redis-sentinel --on docker --nodes 3 --workload set --nemesis partition --time 30s --seed 1",
		Outcome: "invalid in the first run",
		Found:   "lost-element: element 1488, whose add was acknowledged to process 4 at 28.521 s, is in none of the 6 final reads; the same befell 291 other elements. The primary was cut off from the others, which replaced it; its clients wrote on, and what it had acknowledged was discarded when it came back as a replica. Evidence of the cuts: 157 packets dropped by 5 partitions, 3 changes of leader.",
	}},
	Open: map[cluster.World]cluster.Opener{cluster.Docker: docker.Opener(sentinelSystem)},
}

const aboutSentinel = `Every node runs a Redis and a sentinel (Debian's packages); the first one starts as primary, and a
majority of the sentinels agree that it is down after 1.5 s of silence. A client asks the sentinel of
its own node who is primary, as often as every 200 ms, and sends each command once. Compare-and-set
is a script.

It promises no model, and none is expected of it. Its
[documentation](https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/) says:

> Redis + Sentinel as a whole are an eventually consistent system where the merge function is last
> failover wins, and the data from old masters are discarded to replicate the data of the current
> master, so there is always a window for losing acknowledged writes.

` + "`wait` and `min-replicas`" + ` make the window smaller; neither closes it.`

// group is what sentinels call the primary and its replicas.
const group = "faultline"

var sentinelSystem = docker.System{
	Name:  "redis-sentinel",
	Image: image,
	Container: func(n docker.Node, all []docker.Node, o cluster.Options) docker.Container {
		first := all[0]
		server := []string{fmt.Sprintf("replica-announce-ip %s", n.Addr)}
		if n != first {
			server = append(server, fmt.Sprintf("replicaof %s %d", first.Addr, port))
		}
		sentinel := fmt.Sprintf(`port %d
bind 0.0.0.0
protected-mode no
dir /data
sentinel announce-ip %s
sentinel monitor %s %s %d %d
sentinel down-after-milliseconds %s 1500
sentinel failover-timeout %s 4000
sentinel parallel-syncs %s %d
`, sentinelPort, n.Addr, group, first.Addr, port, len(all)/2+1, group, group, group, len(all))
		return docker.Container{
			Files:   map[string][]byte{"/etc/node/redis.conf": settings(o, server...), "/etc/node/sentinel.conf": []byte(sentinel)},
			Volumes: []string{"/data"},
		}
	},
	Ready: sentinelReady,
	Setup: sentinelSetup,
	Connect: func(ctx context.Context, n docker.Node, _ []docker.Node, o cluster.Options) (cluster.Conn, error) {
		s := &watched{node: n, home: dial(endpoint(n)), sentinel: redis.NewSentinelClient(once(sentinelEndpoint(n))), readHome: o[reads] == home}
		if err := s.home.Ping(ctx).Err(); err != nil {
			return nil, errors.Join(cluster.Definite(err), s.Close())
		}
		return &conn{server: s, wait: o.Int(waitFor)}, nil
	},
	Leads: func(ctx context.Context, n docker.Node, _ cluster.Options) (bool, uint64, error) {
		says, err := replication(ctx, endpoint(n))
		if err != nil || says["role"] != "master" {
			return false, 0, err
		}
		return true, epoch(ctx, n), nil
	},
}

func sentinelEndpoint(n docker.Node) string { return fmt.Sprintf("%s:%d", n.Addr, sentinelPort) }

// epoch is that of the configuration which a node's sentinel goes by; 0 if it does not say.
func epoch(ctx context.Context, n docker.Node) uint64 {
	s := redis.NewSentinelClient(once(sentinelEndpoint(n)))
	defer s.Close()
	says, err := s.Master(ctx, group).Result()
	if err != nil {
		return 0
	}
	e, _ := strconv.ParseUint(says["config-epoch"], 10, 64)
	return e
}

// sentinelReady says that a node's Redis is a primary, or a replica with its data.
func sentinelReady(ctx context.Context, n docker.Node, _ cluster.Options) error {
	says, err := replication(ctx, endpoint(n))
	if err != nil {
		return err
	}
	if says["role"] == "slave" && says["master_link_status"] != "up" {
		return errors.New("it has not reached its primary yet")
	}
	return nil
}

// sentinelSetup waits until every sentinel knows of all others and of all replicas: before
// that a primary that fails is not replaced.
func sentinelSetup(ctx context.Context, all []docker.Node, _ cluster.Options) error {
	for _, n := range all {
		s := redis.NewSentinelClient(once(sentinelEndpoint(n)))
		err := docker.Until(ctx, func() error {
			says, err := s.Master(ctx, group).Result()
			if err != nil {
				return err
			}
			others, replicas := says["num-other-sentinels"], says["num-slaves"]
			if want := strconv.Itoa(len(all) - 1); others != want || replicas != want {
				return fmt.Errorf("the sentinel of %s knows %s sentinels and %s replicas, and there are %s of each", n.Name, others, replicas, want)
			}
			return nil
		})
		if err := errors.Join(err, s.Close()); err != nil {
			return err
		}
	}
	return nil
}

// watched is a primary as the sentinel of one node names it.
type watched struct {
	node     docker.Node
	home     *redis.Client // the node's own Redis
	sentinel *redis.SentinelClient
	readHome bool

	addr    string // of the primary; "": not known
	primary *redis.Client
	asked   time.Time
}

// askEvery is how old the sentinel's word may be. Clients that listen to their sentinels
// learn of a new primary about as fast.
const askEvery = 200 * time.Millisecond

func (w *watched) of(ctx context.Context, _ string, write bool) (*redis.Client, error) {
	if w.readHome && !write {
		return w.home, nil
	}
	if w.primary != nil && time.Since(w.asked) < askEvery {
		return w.primary, nil
	}
	at, err := w.sentinel.GetMasterAddrByName(ctx, group).Result()
	if err != nil {
		return nil, fmt.Errorf("ask the sentinel who is primary: %w", err)
	}
	if len(at) != 2 {
		return nil, fmt.Errorf("the sentinel names %v as primary", at)
	}
	w.asked = time.Now()
	if addr := net.JoinHostPort(at[0], at[1]); addr != w.addr {
		w.drop()
		w.addr, w.primary = addr, dial(addr)
	}
	return w.primary, nil
}

func (w *watched) drop() {
	if w.primary != nil {
		_ = w.primary.Close()
	}
	w.addr, w.primary = "", nil
}

// mistaken forgets who is primary: a sentinel says so again, or names another one.
func (w *watched) mistaken(context.Context, string, error) bool {
	w.asked = time.Time{}
	return false
}

func (w *watched) Close() error {
	w.drop()
	return errors.Join(w.home.Close(), w.sentinel.Close())
}
