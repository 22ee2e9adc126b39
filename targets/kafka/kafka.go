// Package kafka tests Apache Kafka, the replicated log whose partitions each have a leader,
// in containers.
//
// The one idea: the client speaks Kafka's protocol itself, one request at a time, so that
// what is sent how often is the test's to decide (client.go) and what an error says of a
// record is judged where the broker's code decides it (errors.go). A connection asks its
// own node who leads a partition and believes it, as a client does that has heard nothing
// newer. Start with Target.
package kafka

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/targets/docker"
)

// latest is the version tested when none is asked for.
const latest = "4.4.0"

// Options that are asked for in several places.
const (
	acks        = "acks"
	minInsync   = "min-insync"
	unclean     = "unclean"
	idempotence = "idempotence"
	retries     = "retries"
	partitions  = "partitions"
	replicas    = "replicas"
	heap        = "heap"
)

// Target is Kafka as the registry knows it.
var Target = cluster.Target{
	Name:      "kafka",
	Family:    cluster.LeaderBased,
	Doc:       "Apache Kafka in KRaft mode: a log in partitions, each with a leader and in-sync replicas",
	Versioned: true,
	Options: []cluster.Option{
		{Name: "version", Default: latest, Doc: "which Kafka, from 3.7 on; also after an @", Check: checkVersion},
		{Name: acks, Default: "all", Values: []string{"all", "1", "0"}, Doc: "who has a record before it is acknowledged: all in-sync replicas, the leader, nobody"},
		{Name: minInsync, Default: "2", Doc: "in-sync replicas without which acks=all is refused (min.insync.replicas)", Check: cluster.IsInt(1, 99)},
		{Name: unclean, Default: "false", Values: []string{"false", "true"}, Doc: "a replica that lags may come to lead (unclean.leader.election.enable)"},
		{Name: idempotence, Default: "true", Values: []string{"true", "false"}, Doc: "the producer numbers its records, so that one sent again is not kept twice; counts with acks=all"},
		{Name: retries, Default: "0", Doc: "times that a record is sent again after an error that leaves it in doubt", Check: cluster.IsInt(0, 10)},
		{Name: partitions, Default: "4", Doc: "partitions of the topic", Check: cluster.IsInt(1, 64)},
		{Name: replicas, Default: "3", Doc: "replicas of a partition, at most one on a node", Check: cluster.IsInt(1, 99)},
		{Name: heap, Default: "256m", Doc: "heap of a node", Check: cluster.IsSize},
	},
	Data:     []string{"log"},
	Promises: promises,
	About:    about,
	Records: []cluster.Record{
		{
			Command: "faultline run --target kafka --on docker --nodes 3 --workload log --nemesis partition,kill --set partition=leader --set kill=leader --set acks=1 --time 60s --seed 1",
			Outcome: "invalid in 2 of 2 runs (seeds 1 and 2)",
			Found:   "lost-write: in the log of key 0, value 190, acknowledged at offset 44 to process 5 at 23.047 s, is in none of the final polls, where offset 44 now holds 219 (process 106's poll at 84.444 s); no poll ever saw it; and 26 more like it. With seed 2, 115 acknowledged records are lost. The leader was cut off and killed six times each, and all of that bit.",
		},
		{
			Command: "faultline run --target kafka --on docker --nodes 3 --workload log --nemesis partition,kill --set partition=leader --set kill=leader --set acks=all --set min-insync=2 --time 60s --seed 21",
			Outcome: "valid in 5 of 5 runs (seeds 21 to 25)",
			Found:   "The same faults, 30 cuts (29 of which dropped packets) and 31 kills in all: 4,590 of 7,056 operations succeeded, and every acknowledged record stood where it had been acknowledged. The others failed mostly because a node was down or fewer than two replicas were in sync.",
		},
	},
	Open: map[cluster.World]cluster.Opener{cluster.Docker: docker.Opener(system)},
}

const about = `Every node is a broker and a controller (KRaft), from Kafka's jars on Maven Central. The topic has
four partitions of three replicas. A client is pinned to a node: it asks that node who leads a
partition, and sends to whom it names. Each record is one request and, unless ` + "`retries`" + ` says
otherwise, one attempt; a partition is read from any offset on, at its leader, up to the high watermark.

Sessions are short (3 s), so that a leader that is gone is replaced within some seconds.`

var versions = regexp.MustCompile(`^(3\.[789]|4)\.\d{1,3}(\.\d{1,3})?$`)

func checkVersion(v string) error {
	if !versions.MatchString(v) {
		return fmt.Errorf("%q is not a version of Kafka that can be had, such as %s: from 3.7 on", v, latest)
	}
	return nil
}

// What Kafka's documentation says of a record that all in-sync replicas acknowledged, and
// of one that is sent again.
const (
	durable      = "The guarantee that Kafka offers is that a committed message will not be lost, as long as there is at least one in sync replica alive, at all times."
	durableAt    = "https://kafka.apache.org/documentation/#design_replicatedlog"
	unrepeated   = "Since 0.11.0.0, the Kafka producer also supports an idempotent delivery option which guarantees that resending will not result in duplicate entries in the log."
	unrepeatedAt = "https://kafka.apache.org/documentation/#semantics"
)

// promises are those of Kafka's documentation. With acks=0 "no guarantee can be made that
// the server has received the record", with acks=1 one that the leader alone has may be
// lost; a minimum of one in-sync replica, or an unclean election, comes to the same. That a
// record stands once follows if it is sent once, or numbered.
func promises(o cluster.Options) []cluster.Promise {
	if o[acks] != "all" || o.Int(minInsync) < 2 || o.Bool(unclean) {
		return nil
	}
	kept := []cluster.Promise{{Data: "log", Model: model.AtLeastOnce, Quote: durable, Source: durableAt}}
	switch {
	case o.Bool(idempotence):
		kept = append(kept, cluster.Promise{Data: "log", Model: model.ExactlyOnce, Quote: unrepeated, Source: unrepeatedAt})
	case o.Int(retries) == 0:
		kept = append(kept, cluster.Promise{Data: "log", Model: model.ExactlyOnce, Quote: durable, Source: durableAt})
	}
	return kept
}

//go:embed image
var embedded embed.FS

// The ports of every node.
const (
	clientPort     = 9092
	controllerPort = 9093
)

// clusterID is a cluster's identity: 16 bytes in base64. Clusters of different runs never
// meet, so they may share it.
const clusterID = "ZmF1bHRsaW5lLWthZmthMQ"

var system = docker.System{
	Name: "kafka",
	Image: func(_ context.Context, o cluster.Options) (docker.Image, error) {
		files, err := fs.Sub(embedded, "image")
		return docker.Image{Context: files, Args: map[string]string{"VERSION": o["version"]}}, err
	},
	Container: func(n docker.Node, all []docker.Node, o cluster.Options) docker.Container {
		return docker.Container{
			Env:     map[string]string{"HEAP": o[heap], "CLUSTER": clusterID},
			Files:   map[string][]byte{"/etc/kafka.properties": []byte(properties(n, all, o))},
			Volumes: []string{"/data"},
		}
	},
	Ready:   ready,
	Setup:   makeTopic,
	Connect: connect,
	Leads:   leads,
}

// properties is a node's configuration.
func properties(n docker.Node, all []docker.Node, o cluster.Options) string {
	var voters []string
	for _, v := range all {
		voters = append(voters, fmt.Sprintf("%d@%s:%d", v.Index, v.Addr, controllerPort))
	}
	copies := min(o.Int(replicas), len(all))
	lines := []string{
		"process.roles=broker,controller",
		fmt.Sprintf("node.id=%d", n.Index),
		"controller.quorum.voters=" + strings.Join(voters, ","),
		fmt.Sprintf("listeners=PLAINTEXT://%s:%d,CONTROLLER://%s:%d", n.Addr, clientPort, n.Addr, controllerPort),
		fmt.Sprintf("advertised.listeners=PLAINTEXT://%s:%d", n.Addr, clientPort),
		"controller.listener.names=CONTROLLER",
		"inter.broker.listener.name=PLAINTEXT",
		"log.dirs=/data/log",
		"auto.create.topics.enable=false",
		fmt.Sprintf("default.replication.factor=%d", copies),
		fmt.Sprintf("min.insync.replicas=%d", min(o.Int(minInsync), copies)),
		"unclean.leader.election.enable=" + o[unclean],
		// A node that is gone is noticed, and its leaderships move, within seconds.
		"broker.session.timeout.ms=3000",
		"broker.heartbeat.interval.ms=500",
		"controller.quorum.election.timeout.ms=500",
		"controller.quorum.fetch.timeout.ms=1000",
		"replica.lag.time.max.ms=3000",
		"replica.socket.timeout.ms=2000",
		"replica.fetch.wait.max.ms=200",
		"controller.socket.timeout.ms=2000",
		"num.network.threads=2",
		"num.io.threads=4",
	}
	return strings.Join(lines, "\n") + "\n"
}

func endpoint(n docker.Node) string { return fmt.Sprintf("%s:%d", n.Addr, clientPort) }
