package redis

import "github.com/faultline-dev/faultline/harness/cluster"

const aboutCluster = `Redis Cluster stands on the leader-based side: keys are spread over shards, and within a shard one
primary takes all writes and copies them to its replicas afterwards. Of N nodes the first N/2, but at least 3, start as
primaries, each with an equal part of the slots; the others are their replicas. With 3 nodes there are no replicas, and
nothing takes over. A primary that is silent for 1.5 s (` + "`cluster-node-timeout`" + `) is replaced if a majority of primaries
agrees. Shards that are up go on when others are down.

A client asks its own node first and follows its redirections (MOVED: the command was not carried out). It stays with
the server that it was sent to until that one errs. Each command is sent once. Compare-and-set is a script. The keys of a
workload fall into all shards; the set workload has one key, and so one shard. Several nodes lead at a time, one for each
shard.

It promises no model, and none is expected of it. Its
[specification](https://redis.io/topics/cluster-spec/) says:

> Usually there are small windows where acknowledged writes can be lost. Windows to lose acknowledged writes are larger
> when clients are in a minority partition.

` + "`wait` and `min-replicas`" + ` make the windows smaller; neither closes them.`

// clusterRecords are what runs found.
var clusterRecords = []cluster.Record{
	{
		Command: "faultline run --target redis-cluster --on docker --nodes 6 --workload set --nemesis partition --time 20s --seed 363376632",
		Outcome: "valid 1 of 1",
		Found:   "1,783 operations succeeded under 4 partitions, which dropped 111 packets, and the leaders changed twice. One short run shows no loss where the documentation says that there may be one; it does not show that there is none.",
	},
}
