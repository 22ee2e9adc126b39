package etcd

import "github.com/faultline-dev/faultline/harness/cluster"

const about = `Every node is an etcd member, alone in an image of its own that is built from etcd's Go module. A client
is pinned to one member and sends each request once: etcd's client would otherwise try again by itself, and on any
member. What was not sent, and what the member turned away before it proposed anything to Raft, certainly did not
happen; every other error leaves the operation in doubt.

A register is a key, and compare-and-set a transaction on its value. A set is a prefix with a key for each element. A
list and a counter are each the value of one key: it is read, and put back changed by a transaction that compares the
key's modification revision; if somebody else was faster, etcd says that nothing was changed, and only then it is tried
again.

A lock is a key that a transaction creates if it is not there, on the connection's lease (` + "`--set lease`" + `), which is kept
alive through the connection's member; giving it back deletes the key. Its fencing token is the key's creation revision.
A client whose member is paused or cut off loses its lease without knowing, and somebody else is granted the lock
meanwhile: etcd's documentation says that this is so, hence the promise is that tokens rise (` + "`--model fenced`" + `), and
mutual exclusion is not promised (` + "`--model linearizable`" + `, which the lock workload checks by default).

Of the line before 3.5, whose module path does not fit its tags, the versions that can be built are those that the
option ` + "`version`" + ` lists; others were not found on the Go proxy.`

// faults is what the runs of records were under.
const faults = " --nodes 5 --nemesis partition,clock,kill,pause --time "

// records are what runs found.
var records = []cluster.Record{
	{
		Command: "faultline run --target etcd --on docker --workload register" + faults + "60s",
		Outcome: "valid 5 of 5",
		Found:   "4,486 to 9,352 operations of each run succeeded. Every nemesis bit in every run: in the first, 6 cuts that dropped 460 packets, 6 skewed clocks, 5 kills and 5 pauses, and the leader changed 5 times.",
	},
	{
		Command: "faultline run --target etcd --on docker --workload register --set reads=serializable --model linearizable" + faults + "40s",
		Outcome: "invalid in the first, and in 2 of 2",
		Found:   "nonlinearizable: on key 0, process 3 read 3 at 4.775 s, though process 1's compare-and-set had seen 6, 3.72 ms before that read began; and process 2's write of 3 had been acknowledged 10.5 ms before process 1's compare-and-set of 6 began. Serializable reads promise no more.",
	},
	{
		Command: "faultline run --target etcd --on docker --workload set --model linearizable" + faults + "40s",
		Outcome: "valid 2 of 2",
		Found:   "No acknowledged element was missing after healing, and all reads fit an order that respects real time.",
	},
	{
		Command: "faultline run --target etcd --on docker --workload append" + faults + "40s",
		Outcome: "valid 2 of 2",
		Found:   "Transactions on the modification revision lost and doubled nothing.",
	},
	{
		Command: "faultline run --target etcd --on docker --workload counter" + faults + "40s",
		Outcome: "valid 2 of 2",
		Found:   "Each acknowledged increment was counted once.",
	},
	{
		Command: "faultline run --target etcd --on docker --workload lock" + faults + "40s",
		Outcome: "invalid in the first, as documented",
		Found: "double-grant: on lock 4, process 12 was granted the lock with token 60 at 19.876 s, while process 15 held it: granted with token 46 at 16.303 s, it began to release it only at 20.312 s. " +
			"A partition had cut the cluster in halves at 17.901 s, and two seconds later leases (2 s) of holders on the smaller side ran out. Tokens rose all the same.",
	},
	{
		Command: "faultline run --target etcd --on docker --nodes 5 --workload lock --nemesis pause --time 40s",
		Outcome: "invalid in the first, as documented",
		Found:   "double-grant: on lock 4, process 9 was granted the lock with token 159 at 37.373 s, while process 13 held it: granted with token 153 at 35.058 s, it began to release it only at 39.326 s.",
	},
	{
		Command: "faultline run --target etcd --on docker --workload lock --model fenced" + faults + "40s",
		Outcome: "valid 1 of 1",
		Found:   "Every grant's token was greater than those of the grants before it, also than that of the one holder which still believed in its lock (1 double grant, counted).",
	},
	{
		Command: "faultline run --target etcd@3.4.13 --on docker --workload register" + faults + "40s",
		Outcome: "valid 1 of 1",
		Found:   "Of the 3.4 line 3.4.3, 3.4.7, 3.4.9, 3.4.12, 3.4.13 and 3.4.14 build; later ones were not found on the Go proxy.",
	},
	{
		Command: "faultline run --target etcd@3.5.4 --on docker --workload register" + faults + "40s",
		Outcome: "valid 1 of 1",
		Found:   "8,200 operations succeeded and every nemesis bit.",
	},
	{
		Command: "faultline run --target etcd@3.7.3 --on docker --workload register" + faults + "40s",
		Outcome: "valid 1 of 1",
		Found:   "Every nemesis bit.",
	},
	{
		Command: "faultline run --target etcd --on docker --nodes 5 --workload register --nemesis disk,crash-loop,restart --time 60s",
		Outcome: "valid in the only run",
		Found:   "6,268 operations succeeded; 3 disk faults, 2 crash loops and 2 restarts in good order bit. In another run, of three nodes, a power failure amid syncs took 5 unsynced writes each (some 16 kB) from two nodes at once, and another tore a write of the third: etcd lost nothing that it had acknowledged.",
	},
}
