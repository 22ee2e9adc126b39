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

Of the line before 3.5, whose module carries no usable tags, the versions that can be built are those listed above;
others are not to be had from the Go proxy.`

// records are what runs found.
var records = []cluster.Record{}
