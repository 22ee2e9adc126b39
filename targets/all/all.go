// Package all is all of our targets. Nothing but our own command links it, so that a
// user's program carries only the drivers that it uses.
package all

import (
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/targets/backup"
	"github.com/faultline-dev/faultline/targets/caspaxos"
	"github.com/faultline-dev/faultline/targets/cassandra"
	"github.com/faultline-dev/faultline/targets/chain"
	"github.com/faultline-dev/faultline/targets/crdt"
	"github.com/faultline-dev/faultline/targets/docker"
	"github.com/faultline-dev/faultline/targets/dynamo"
	"github.com/faultline-dev/faultline/targets/etcd"
	"github.com/faultline-dev/faultline/targets/galera"
	"github.com/faultline-dev/faultline/targets/kafka"
	"github.com/faultline-dev/faultline/targets/multimaster"
	"github.com/faultline-dev/faultline/targets/paxos"
	"github.com/faultline-dev/faultline/targets/postgres"
	"github.com/faultline-dev/faultline/targets/raft"
	"github.com/faultline-dev/faultline/targets/redis"
	"github.com/faultline-dev/faultline/targets/sharded"
	"github.com/faultline-dev/faultline/targets/simulated"
	"github.com/faultline-dev/faultline/targets/zookeeper"
)

// Targets are our targets.
var Targets = []cluster.Target{
	everywhere(raft.Target),
	everywhere(paxos.Target),
	everywhere(backup.Target),
	everywhere(chain.Target),
	everywhere(sharded.Target),
	everywhere(dynamo.Target),
	everywhere(caspaxos.Target),
	everywhere(multimaster.Target),
	everywhere(crdt.Target),
	etcd.Target, kafka.Target, redis.Sentinel, redis.Cluster, cassandra.Target, galera.Target, zookeeper.Target, postgres.Target,
}

// everywhere gives a reference system the worlds that it can live in.
func everywhere(t cluster.Target) cluster.Target {
	t.Open = map[cluster.World]cluster.Opener{
		cluster.Sim:    simulated.Opener(t.Reference),
		cluster.Docker: docker.Reference(t),
	}
	return t
}
