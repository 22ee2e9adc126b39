package galera

import "github.com/faultline-dev/faultline/harness/cluster"

const about = `Every node runs Debian's MariaDB with Galera, and a client has one session with one node, on which
each statement is sent once. The first node founds the cluster at its very first start and at no other;
after a crash of all nodes the last primary component comes back by itself (` + "`pc.recovery`" + `).

A register is a row, written by one statement; compare-and-set is an update where the old value still
stands. A set has a row for each element. A list and a counter are a row each, changed by one statement
or (` + "`--set updates=transaction`" + `) by a transaction that reads and then writes.

A conflict between nodes is answered as a deadlock (1213) and leaves nothing behind, as do a node that is
not in the primary component (1047) and a wait that took too long (1205). An error during commit and a lost
connection leave the operation in doubt.

Without ` + "`sync-wait`" + ` a node answers reads from what it has applied, which may be less than what has been
acknowledged elsewhere; nothing is promised of it then.`

// records are what runs found.
var records = []cluster.Record{
	{
		Command: "faultline run --target galera --on docker --nodes 3 --workload register --model linearizable --time 20s --seed 680598938",
		Outcome: "invalid in the first run",
		Found:   "nonlinearizable: on key 0, process 1 read 2 at 40.259 s, though process 0's compare-and-set of 2 to 4 had been acknowledged 2.89 ms before that read began. Seven more keys had such stale reads, without any fault. 8,405 operations succeeded.",
	},
	{
		Command: "faultline run --target galera --on docker --nodes 3 --workload register --model linearizable --set sync-wait=7 --time 20s --seed 279743150",
		Outcome: "valid 1 of 1",
		Found:   "14,043 operations succeeded, without faults.",
	},
	{
		Command: "faultline run --target galera --on docker --nodes 3 --workload register --nemesis partition --time 30s --seed 1",
		Outcome: "invalid in 2 of 2 runs (seeds 1 and 2)",
		Found:   "nonlinearizable: on key 0, process 1 read 7 at 13.360 s, though process 0's compare-and-set of 7 to 9 had been acknowledged 372 µs before that read began. 9 partitions, all of which bit.",
	},
	{
		Command: "faultline run --target galera --on docker --nodes 3 --workload register --set sync-wait=7 --nemesis partition,pause --interval 8s --time 50s --seed 2",
		Outcome: "valid in 5 of 5 runs (seeds 2 to 6)",
		Found:   "35,569 of 49,972 operations succeeded and are linearizable, under 17 partitions that dropped 124 packets and 16 pauses.",
	},
	{
		Command: "faultline run --target galera --on docker --nodes 3 --workload register --model linearizable --set sync-wait=7 --nemesis partition,kill,pause --time 30s --seed 371081510",
		Outcome: "valid 1 of 1",
		Found:   "745 operations succeeded, and none in the second half of the run: what 4 partitions, 3 kills and 5 pauses left of the cluster was no primary component then. It came back after healing.",
	},
}
