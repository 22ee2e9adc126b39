package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/targets/docker"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func options(t *testing.T, settings map[string]string) cluster.Options {
	t.Helper()
	o, err := cluster.Resolve(Target.Options, settings)
	must(t, err)
	return o
}

func start(t *testing.T, settings map[string]string) cluster.Cluster {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: containers take seconds")
	}
	if os.Geteuid() != 0 {
		t.Skip("reaching into containers takes root")
	}
	c, err := Target.Open[cluster.Docker](t.Context(), cluster.Spec{
		Nodes: []string{"n1", "n2", "n3"}, Options: options(t, settings), RunID: fmt.Sprintf("kafka-test-%d-%d", os.Getpid(), time.Now().UnixNano()%1e6),
		Dir: t.TempDir(), Log: io.Discard, Note: func(history.Event) {},
	})
	if errors.Is(err, docker.ErrUnavailable) {
		t.Skip(err)
	}
	must(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := c.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	must(t, c.Start(t.Context()))
	return c
}

// TestThreeNodes writes through every node, reads through every node, and goes on when the
// leader has been killed.
func TestThreeNodes(t *testing.T) {
	c := start(t, map[string]string{"partitions": "2"})
	var logs []cluster.Log
	for _, name := range c.Nodes() {
		conn, err := c.Connect(t.Context(), name)
		must(t, err)
		defer conn.Close()
		logs = append(logs, conn.(cluster.Log))
	}
	for i := range int64(9) {
		offset, err := logs[i%3].Send(t.Context(), 1, 100+i)
		must(t, err)
		if offset != i {
			t.Errorf("value %d is at offset %d, not %d", 100+i, offset, i)
		}
	}
	for i, l := range logs {
		got := poll(t, l, 1, 4, 5)
		want := []cluster.Entry{{Offset: 4, Value: 104}, {Offset: 5, Value: 105}, {Offset: 6, Value: 106}, {Offset: 7, Value: 107}, {Offset: 8, Value: 108}}
		if !slices.Equal(got, want) {
			t.Errorf("through node %d: %v", i+1, got)
		}
		if got, err := l.Poll(t.Context(), 1, 100, 10); err != nil || len(got) != 0 {
			t.Errorf("beyond the end: %v, %v", got, err)
		}
		if got, err := l.Poll(t.Context(), 1, 0, 2); err != nil || len(got) != 2 {
			t.Errorf("two at most: %v, %v", got, err)
		}
	}

	leader := leaderNow(t, c, "")
	alone(t, c, leader, logs[0].(*conn))
	_, err := c.(cluster.Killer).Kill(t.Context(), leader)
	must(t, err)
	heir := leaderNow(t, c, leader)
	conn, err := c.Connect(t.Context(), heir)
	must(t, err)
	defer conn.Close()
	eventually(t, "a record sent to the new leader", func() bool {
		_, err := conn.(cluster.Log).Send(t.Context(), 0, 7)
		return err == nil
	})
	must(t, c.(cluster.Killer).Restart(t.Context(), leader))
	eventually(t, "the killed node answers", func() bool { return c.(cluster.Health).Healthy(t.Context(), leader) == nil })
}

// alone freezes all but the leader: it acknowledges with acks=1 what no other node has, and
// nothing with acks=all.
func alone(t *testing.T, c cluster.Cluster, leader string, like *conn) {
	t.Helper()
	all := slices.Collect(maps.Values(like.nodes))
	home := all[slices.IndexFunc(all, func(n docker.Node) bool { return n.Name == leader })]
	var clients []cluster.Log
	for _, a := range []string{"1", "all"} {
		opened, err := connect(t.Context(), home, all, options(t, map[string]string{"acks": a, "partitions": "2"}))
		must(t, err)
		defer opened.Close()
		_, err = opened.(cluster.Log).Send(t.Context(), 0, 1)
		must(t, err)
		clients = append(clients, opened.(cluster.Log))
	}
	for _, n := range c.Nodes() {
		if n != leader {
			_, err := c.(cluster.Pauser).Pause(t.Context(), n)
			must(t, err)
			defer func() { must(t, c.(cluster.Pauser).Resume(t.Context(), n)) }()
		}
	}
	if _, err := clients[0].Send(t.Context(), 0, 2); err != nil {
		t.Errorf("acks=1, leader alone: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), produceLimit+2*time.Second)
	defer cancel()
	if _, err := clients[1].Send(ctx, 0, 3); err == nil || cluster.IsDefinite(err) {
		t.Errorf("acks=all, leader alone: %v", err)
	}
}

// leaderNow is who leads, other than a node that is gone.
func leaderNow(t *testing.T, c cluster.Cluster, gone string) (leader string) {
	t.Helper()
	eventually(t, "a leader", func() bool {
		leaders, _ := c.(cluster.LeaderTeller).Leaders(t.Context())
		leaders = slices.DeleteFunc(leaders, func(n string) bool { return n == gone })
		if len(leaders) > 0 {
			leader = leaders[0]
		}
		return len(leaders) > 0
	})
	return leader
}

// poll reads until so many are there: a follower may lag, and answers are cut anywhere.
func poll(t *testing.T, l cluster.Log, key, from int64, want int) (all []cluster.Entry) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d records", want), func() bool {
		got, err := l.Poll(t.Context(), key, from+int64(len(all)), want)
		must(t, err)
		all = append(all, got...)
		return len(all) >= want
	})
	return all
}

// eventually waits for what a real cluster does in its own time.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for limit := time.Now().Add(30 * time.Second); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("never came about: %s", what)
		}
	}
}

func TestOptions(t *testing.T) {
	for _, bad := range []map[string]string{{"acks": "2"}, {"version": "2.8.0"}, {"version": "latest"}, {"heap": "1"}, {"partitions": "0"}} {
		if _, err := cluster.Resolve(Target.Options, bad); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
	for _, good := range []string{"4.4.0", "4.1.2", "3.9.2"} {
		must(t, checkVersion(good))
	}
	n := []docker.Node{{Name: "n1", Index: 1}, {Name: "n2", Index: 2}}
	text := properties(n[0], n, options(t, map[string]string{"unclean": "true"}))
	for _, want := range []string{"node.id=1\n", "default.replication.factor=2\n", "min.insync.replicas=2\n", "unclean.leader.election.enable=true\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// TestPromises: a run against the log workload's own model, exactly-once, is expected to be
// valid just where every acknowledged record has to be there, and no record is kept twice.
func TestPromises(t *testing.T) {
	for _, c := range []struct {
		set  map[string]string
		kept []model.Model
	}{
		{nil, []model.Model{model.AtLeastOnce, model.ExactlyOnce}},
		{map[string]string{"retries": "3"}, []model.Model{model.AtLeastOnce, model.ExactlyOnce}},
		{map[string]string{"idempotence": "false"}, []model.Model{model.AtLeastOnce, model.ExactlyOnce}},
		{map[string]string{"idempotence": "false", "retries": "3"}, []model.Model{model.AtLeastOnce}},
		{map[string]string{"acks": "1"}, nil},
		{map[string]string{"acks": "0"}, nil},
		{map[string]string{"min-insync": "1"}, nil},
		{map[string]string{"unclean": "true"}, nil},
	} {
		var got []model.Model
		for _, p := range promises(options(t, c.set)) {
			if got = append(got, p.Model); p.Data != "log" || p.Quote == "" || p.Source == "" {
				t.Errorf("%v promises %+v", c.set, p)
			}
		}
		if !slices.Equal(got, c.kept) {
			t.Errorf("%v promises %v, want %v", c.set, got, c.kept)
		}
	}
}
