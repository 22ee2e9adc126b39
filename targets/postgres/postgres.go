// Package postgres tests PostgreSQL with streaming replication in containers, where Patroni
// decides who is primary and keeps that in etcd.
//
// The one idea: a node is an etcd, a Patroni and a PostgreSQL, so that whoever cuts or kills
// it meets all three; a client asks the Patroni of its own node who leads (patroni.go), and
// sends each statement once. What was committed here but perhaps nowhere else is in doubt
// (errors.go). Start with Target.
package postgres

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/targets/docker"
)

// Options that are asked for in several places, and their values.
const (
	commit       = "commit"
	async        = "async"
	synchronous  = "sync"
	level        = "synchronous-commit"
	leaseTime    = "ttl"
	lag          = "maximum-lag-on-failover"
	reads        = "reads"
	primary      = "primary"
	replica      = "replica"
	lockStore    = "lock-store"
	etcdV2       = "etcd"
	etcdV3       = "etcd3"
	remoteApply  = "remote_apply"
	localFlush   = "local"
	defaultLevel = "on"
)

// Target is PostgreSQL with Patroni as the registry knows it.
var Target = cluster.Target{
	Name:   "postgres",
	Family: cluster.LeaderBased,
	Doc:    "PostgreSQL with one primary and streaming replicas, one of which Patroni promotes when the primary fails",
	Options: []cluster.Option{
		{Name: commit, Default: async, Values: []string{async, synchronous}, Doc: "sync: Patroni's synchronous mode, strict: a commit waits for a replica, and no other one is promoted"},
		{Name: level, Default: defaultLevel, Values: []string{defaultLevel, "remote_write", remoteApply, localFlush, "off"}, Doc: "what a commit waits for (synchronous_commit)"},
		{Name: leaseTime, Default: "10", Doc: "seconds for which the primary's lock holds without being renewed", Check: cluster.IsInt(10, 120)},
		{Name: lag, Default: "1048576", Doc: "bytes of log that a replica may lack and still be promoted", Check: cluster.IsInt(0, 1<<30)},
		{Name: lockStore, Default: etcdV2, Values: []string{etcdV2, etcdV3}, Doc: "Patroni's module for etcd: by its API of version 2 or 3; in Patroni 3.0 the latter renews the primary's lock without asking who holds it"},
		{Name: reads, Default: primary, Values: []string{primary, replica}, Doc: "primary: whom the node's Patroni names; replica: the node's own PostgreSQL, a replica mostly"},
	},
	Data:     []string{"register", "set", "append", "counter"},
	Promises: promises,
	About:    about,
	Records: []cluster.Record{{
		Command: "faultline run --target postgres --on docker --nodes 3 --workload set --nemesis partition --set partition=leader --time 60s --interval 18s --set commit=async --seed 1",
		Outcome: "invalid in the first run",
		Found:   "lost-element: element 792, whose add was acknowledged to process 2 at 17.139 s, is in none of the 6 final reads; the same befell 867 other elements. The primary was cut off, wrote on until Patroni demoted it, and was rewound to the one that had replaced it. Evidence of the cuts: 452 packets dropped by 2 partitions, 2 changes of leader.",
	}, {
		Command: "faultline run --target postgres --on docker --nodes 3 --workload set --nemesis partition --set partition=leader --time 60s --interval 18s --set commit=sync --seed 1 --runs 5",
		Outcome: "valid in 5 of 5 runs",
		Found:   "2,801 to 3,270 operations of each run succeeded; both partitions of each run bit (202 to 468 packets dropped), and the primary changed once or twice.",
	}, {
		Command: "faultline run --target postgres --on docker --nodes 3 --workload set --nemesis partition --set partition=leader --time 60s --interval 18s --set commit=sync --set lock-store=etcd3 --seed 1 --runs 5",
		Outcome: "invalid in 3 of 5 runs: a finding",
		Found:   "lost-element: element 1086, whose add was acknowledged to process 6 at 45.339 s, is in none of the 6 final reads; the same befell 499 other elements. In a run like it the logs told why: n3 had taken the primary's lock 11.5 s before n2, cut off until then, promoted itself \"because I had the session lock\", both to timeline 2; n3 was then demoted for want of the lock, and what it had acknowledged was gone. Patroni 3.0.2 renews its lock through etcd's newer API by a write that does not ask who holds it now (_update_leader of its etcd3 module); later versions compare first.",
	}},
	Open: map[cluster.World]cluster.Opener{cluster.Docker: docker.Opener(system)},
}

const about = `Every node runs a PostgreSQL 15, a Patroni 3 and an etcd 3.4 (Debian's packages), with checksums and
pg_rewind. A client asks the Patroni of its own node who is primary, as often as every 300 ms, connects
there, and sends each statement once, in a transaction of its own. Where its Patroni cannot tell it stays
with the primary that it has. Compare-and-set is an update with a condition.

A client that gives up never asks the server to cancel what it does: a commit that waits for a replica
would end its wait and be visible without one. A statement that succeeds with a warning is in doubt, for
so PostgreSQL tells of such a commit.

Patroni keeps its decisions in etcd through the API of version 2 by default (` + "`lock-store=etcd`" + `): Debian's
Patroni 3.0.2 renews the primary's lock through that of version 3 without asking who holds it, so that two nodes
can have it. Patroni 4 compares first. Nothing is promised with ` + "`lock-store=etcd3`" + `.

With ` + "`commit=async`" + ` nothing is promised of acknowledged writes.
[Patroni](https://patroni.readthedocs.io/en/latest/replication_modes.html) says:

> In asynchronous mode the cluster is allowed to lose some committed transactions to ensure availability.

How many is bounded by ` + "`maximum-lag-on-failover`" + ` and what was written since the lock was last renewed.
No model of registers is promised in either mode: a primary that was frozen may answer reads before it
finds out that it was replaced.`

// promises are those of Patroni's documentation. A level of synchronous_commit that does not
// wait for replicas gives up what synchronous mode is for, and remote_write bears a failed
// process but no failed machine.
func promises(o cluster.Options) []cluster.Promise {
	if o[commit] != synchronous || o[lockStore] != etcdV2 || o[level] == localFlush || o[level] == "off" || o[reads] != primary {
		return nil
	}
	return []cluster.Promise{{
		Data: "set", Model: model.Eventual,
		Quote:  "When synchronous_mode is turned on Patroni will not promote a standby unless it is certain that the standby contains all transactions that may have returned a successful commit status to client.",
		Source: "https://patroni.readthedocs.io/en/latest/replication_modes.html#synchronous-mode",
	}}
}

//go:embed image
var embedded embed.FS

// The ports of every node.
const (
	port        = 5432
	patroniPort = 8008
	etcdPort    = 2379
	peerPort    = 2380
)

var system = docker.System{
	Name: "postgres",
	Image: func(context.Context, cluster.Options) (docker.Image, error) {
		files, err := fs.Sub(embedded, "image")
		return docker.Image{Context: files}, err
	},
	Container: func(n docker.Node, all []docker.Node, o cluster.Options) docker.Container {
		return docker.Container{
			Files: map[string][]byte{
				"/etc/node/etcd.json":    etcdSettings(n, all),
				"/etc/node/patroni.json": patroniSettings(n, all, o),
			},
			Volumes: []string{"/data"},
		}
	},
	Ready: ready,
	Setup: setup,
	Connect: func(ctx context.Context, n docker.Node, _ []docker.Node, o cluster.Options) (cluster.Conn, error) {
		return connect(ctx, n, o)
	},
	Leads: func(ctx context.Context, n docker.Node, _ cluster.Options) (bool, uint64, error) {
		s, err := askState(ctx, n)
		return err == nil && leads(s.Role) && s.State == running, s.Timeline, err
	},
	Panics: []string{`PANIC:  `},
}

type settings = map[string]any

// etcdSettings configure a node's etcd. JSON is YAML, which both programs read. The gateway,
// by which Patroni talks to it, is off where settings come from a file, unless asked for.
func etcdSettings(n docker.Node, all []docker.Node) []byte {
	url := func(m docker.Node, port int) string { return fmt.Sprintf("http://%s:%d", m.Addr, port) }
	members := make([]string, len(all))
	for i, m := range all {
		members[i] = m.Name + "=" + url(m, peerPort)
	}
	return encode(settings{
		"name": n.Name, "data-dir": "/data/etcd", "log-level": "warn", "logger": "zap", "enable-grpc-gateway": true, "enable-v2": true,
		"listen-peer-urls": url(n, peerPort), "initial-advertise-peer-urls": url(n, peerPort),
		"listen-client-urls":    url(n, etcdPort) + fmt.Sprintf(",http://127.0.0.1:%d", etcdPort),
		"advertise-client-urls": url(n, etcdPort),
		"initial-cluster":       strings.Join(members, ","), "initial-cluster-state": "new",
	})
}

// loopWait is how often Patroni looks after its node, in seconds.
const loopWait = 2

// patroniSettings configure a node's Patroni. It starts from its own node's etcd and learns
// of the others, which a cut takes away. Its documentation wants the lock to hold for a
// round and two retries; here there is a second to spare for each.
func patroniSettings(n docker.Node, all []docker.Node, o cluster.Options) []byte {
	lease := o.Int(leaseTime)
	login := func(user string) settings { return settings{"username": user, "password": "faultline"} }
	shared := settings{
		"ttl": lease, "loop_wait": loopWait, "retry_timeout": (lease-loopWait)/2 - 1,
		"maximum_lag_on_failover": o.Int(lag),
		"synchronous_mode":        o[commit] == synchronous,
		"synchronous_mode_strict": o[commit] == synchronous,
		"postgresql": settings{
			"use_pg_rewind": true,
			"parameters": settings{
				"synchronous_commit": o[level], "shared_buffers": "32MB", "max_connections": 300,
				"max_wal_senders": 2*len(all) + 2, "max_replication_slots": 2*len(all) + 2,
				"wal_keep_size": "256MB", "wal_sender_timeout": "5s", "wal_receiver_timeout": "5s",
				"hot_standby_feedback": "on",
			},
		},
	}
	return encode(settings{
		"scope": "faultline", "name": n.Name,
		"restapi":    settings{"listen": fmt.Sprintf("0.0.0.0:%d", patroniPort), "connect_address": fmt.Sprintf("%s:%d", n.Addr, patroniPort)},
		o[lockStore]: settings{"host": fmt.Sprintf("127.0.0.1:%d", etcdPort)},
		"bootstrap": settings{
			"dcs":    shared,
			"initdb": []any{settings{"encoding": "UTF8"}, settings{"locale": "C"}, "data-checksums"},
		},
		"postgresql": settings{
			"listen": fmt.Sprintf("0.0.0.0:%d", port), "connect_address": fmt.Sprintf("%s:%d", n.Addr, port),
			"data_dir": "/data/patroni/postgres", "bin_dir": "/usr/lib/postgresql/15/bin", "pgpass": "/tmp/pgpass",
			"authentication": settings{"superuser": login("postgres"), "replication": login("replicator"), "rewind": login("rewinder")},
			"pg_hba":         []string{"local all all trust", "host all all 0.0.0.0/0 trust", "host replication all 0.0.0.0/0 trust"},
			"remove_data_directory_on_rewind_failure":     true,
			"remove_data_directory_on_diverged_timelines": true,
		},
	})
}

// encode writes settings, which hold nothing that JSON cannot.
func encode(s settings) []byte {
	b, _ := json.MarshalIndent(s, "", "  ")
	return b
}
