// Package galera tests MariaDB with Galera, whose every node takes writes, in containers.
//
// The one idea: a transaction runs on one node, and is put in the cluster's order and
// certified as it commits. What a client is told therefore depends on the answer to its
// commit alone, and on nothing that was answered before (errors.go). Start with Target.
package galera

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"strings"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/targets/docker"
)

// The options.
const (
	syncWait  = "sync-wait"
	snapshots = "snapshot-isolation"
	updates   = "updates"

	statement   = "statement"
	transaction = "transaction"
)

// Target is Galera as the registry knows it.
var Target = cluster.Target{
	Name:   "galera",
	Family: cluster.Leaderless,
	Doc:    "MariaDB with Galera: every node takes writes, which are certified in one order as they commit",
	Options: []cluster.Option{
		{Name: syncWait, Default: "0", Values: []string{"0", "1", "7"}, Doc: "what waits until its node has caught up (wsrep_sync_wait): 0 nothing, 1 reads, 7 reads and writes"},
		{Name: snapshots, Default: "ON", Values: []string{"ON", "OFF"}, Doc: "refuse to write over what changed since the transaction's snapshot (innodb_snapshot_isolation)"},
		{Name: updates, Default: statement, Values: []string{statement, transaction}, Doc: "how lists and counters grow: by one statement, or by a transaction that reads and then writes"},
	},
	Data:     []string{"register", "set", "append", "counter"},
	Promises: promises,
	About:    about,
	Records:  records,
	Open:     map[cluster.World]cluster.Opener{cluster.Docker: docker.Opener(system)},
}

// promises says what reads are good for once they wait: their quote speaks of nothing else.
func promises(o cluster.Options) []cluster.Promise {
	if o[syncWait] == "0" {
		return nil
	}
	return []cluster.Promise{{
		Data: "register", Model: model.Linearizable,
		Quote:  "During synchronization, the node applies any outstanding write-sets from the cluster up to the point where it received the statement.",
		Source: "https://mariadb.com/docs/server/ref/mdb/system-variables/wsrep_sync_wait",
	}}
}

//go:embed image
var embedded embed.FS

const port = 3306

var system = docker.System{
	Name: "galera",
	Image: func(context.Context, cluster.Options) (docker.Image, error) {
		files, err := fs.Sub(embedded, "image")
		return docker.Image{Context: files}, err
	},
	Container: func(n docker.Node, all []docker.Node, o cluster.Options) docker.Container {
		c := docker.Container{
			Files:   map[string][]byte{"/etc/node/my.cnf": settings(n, all, o)},
			Volumes: []string{"/data"},
		}
		if n.Index == 1 {
			c.Env = map[string]string{"BOOTSTRAP": "1"}
		}
		return c
	},
	Connect: func(ctx context.Context, n docker.Node, _ []docker.Node, o cluster.Options) (cluster.Conn, error) {
		return connect(ctx, fmt.Sprintf("%s:%d", n.Addr, port), o)
	},
}

// group are the timeouts of the nodes' group. A node waits for a primary component for as
// long as it takes: by default it would end itself after 30 s.
const group = "pc.recovery=ON;pc.wait_prim_timeout=P1D;gcache.size=64M;" +
	"evs.keepalive_period=PT0.5S;evs.inactive_check_period=PT0.25S;evs.suspect_timeout=PT1.5S;evs.inactive_timeout=PT5S;evs.install_timeout=PT3S"

func settings(n docker.Node, all []docker.Node, o cluster.Options) []byte {
	peers := make([]string, len(all))
	for i, p := range all {
		peers[i] = p.Addr.String()
	}
	return []byte(fmt.Sprintf(`[mariadbd]
datadir = /data/mysql
bind-address = 0.0.0.0
port = %d
skip-name-resolve
max_connections = 500
innodb_buffer_pool_size = 64M
innodb_flush_log_at_trx_commit = 1
innodb_autoinc_lock_mode = 2
binlog_format = ROW
default_storage_engine = InnoDB
transaction_isolation = REPEATABLE-READ
innodb_snapshot_isolation = %s
wsrep_on = ON
wsrep_provider = /usr/lib/galera/libgalera_smm.so
wsrep_cluster_name = faultline
wsrep_cluster_address = gcomm://%s
wsrep_node_name = %s
wsrep_node_address = %s
wsrep_sst_method = rsync
wsrep_sync_wait = %s
wsrep_provider_options = "%s"
`, port, o[snapshots], strings.Join(peers, ","), n.Name, n.Addr, o[syncWait], group))
}
