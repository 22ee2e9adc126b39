package redis

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/faultline-dev/faultline/harness/cluster"
)

// TestShards uses a cluster through nodes that are primaries and replicas, kills a primary,
// and waits for its replica to take over.
func TestShards(t *testing.T) {
	c := start(t, Cluster, nil, "n1", "n2", "n3", "n4", "n5", "n6")
	for key := range int64(8) { // of several shards
		useAll(t, connected(t, c, "n1"), connected(t, c, "n5"), key)
	}
	leaders := func() int { l, _ := c.(cluster.LeaderTeller).Leaders(t.Context()); return len(l) }
	if n := leaders(); n != 3 {
		t.Fatalf("%d nodes lead", n)
	}
	_, err := c.(cluster.Killer).Kill(t.Context(), "n1")
	must(t, err)
	eventually(t, "three leaders without n1", func() bool { return leaders() == 3 })
	second := connected(t, c, "n2")
	for key := range int64(8) {
		eventually(t, "a write to every shard", func() bool { return second.Write(t.Context(), key, 9) == nil })
	}
	must(t, c.(cluster.Killer).Restart(t.Context(), "n1"))
	eventually(t, "a read through the node that was gone", func() bool { return healthy(t, c, "n1") })
}

func healthy(t *testing.T, c cluster.Cluster, node string) bool {
	return c.(cluster.Health).Healthy(t.Context(), node) == nil
}

// TestMoved: a redirection is followed, and the command goes to the server that it names.
func TestMoved(t *testing.T) {
	there := answering(t, "+OK\r\n", "+OK\r\n")
	here := answering(t, "-MOVED 1 "+there.Options().Addr+"\r\n")
	s := &sharded{home: here.Options().Addr, owners: map[use]string{}, servers: clients(here, there)}
	c := &conn{server: s}
	must(t, c.Write(t.Context(), 1, 2))
	must(t, c.Write(t.Context(), 1, 3)) // goes there at once: here would hang up
	if err := c.Write(t.Context(), 1, 4); err == nil || cluster.IsDefinite(err) {
		t.Errorf("a server that hung up leaves a write in doubt: %v", err)
	}
	if len(s.owners) != 0 {
		t.Errorf("a server that erred is still trusted with %v", s.owners)
	}
}

func clients(all ...*redis.Client) map[string]*redis.Client {
	by := map[string]*redis.Client{}
	for _, c := range all {
		by[c.Options().Addr] = c
	}
	return by
}
