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
		Command: "faultline run --target redis-cluster --on docker --nodes 6 --workload set --nemesis partition --set pace=2 --time 40s --seed 1",
		Outcome: "invalid 3 of 4: with seeds 1, 2 and 3, and valid with 824515161",
		Found:   "lost-element: element 7085, whose add was acknowledged to process 8 at 25.848 s, is in none of the 12 final reads; process 3's read that began at 27.625 s saw it last; the same befell 696 other elements. With the seeds 2 and 3 it was 1,457 and 1,327 elements. Evidence of the cuts with seed 1: 99 packets dropped by 5 partitions, 2 changes of leader.",
	},
	{
		Command: "faultline run --target redis-cluster --on docker --nodes 6 --workload set --nemesis partition --time 20s --seed 363376632",
		Outcome: "valid 1 of 1",
		Found:   "1,783 operations succeeded under 4 partitions, which dropped 111 packets, and the leaders changed twice. So short a run does not always show the loss.",
	},
}
