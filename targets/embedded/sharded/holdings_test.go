package sharded

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/faultline-dev/faultline/targets/embedded/kv"
)

// However often and in whatever order the commands of moves come, at most one group serves a
// shard, and a shard that somebody serves has everything that was ever written to it.
func TestAtMostOneGroupServes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const groups = 3
		var all []*holdings
		for g := range groups {
			all = append(all, newHoldings(g+1, groups, NoBug, func() {}))
		}
		var said []command // installs and forgets that were ever proposed, for whom
		var whose []int
		version, written := uint64(1), int64(0)
		apply := func(g int, c command) {
			if err := all[g].Command(c.encode()); err != nil {
				t.Fatal(err)
			}
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			g := rapid.IntRange(0, groups-1).Draw(t, "group")
			s := &all[g].shards[0]
			switch rapid.SampledFrom([]string{"write", "freeze", "send", "thank", "apply", "apply"}).Draw(t, "step") {
			case "write":
				r := kv.Request{Op: kv.OpIncrement, Key: keyOf(0), Value: 1}
				if reply := all[g].Apply(&r); reply.Status == kv.Done {
					written++
				}
			case "freeze":
				version++
				to := rapid.IntRange(0, groups-1).Draw(t, "to")
				if to != g {
					apply(g, command{kind: freeze, version: version, group: to + 1})
				}
			case "send":
				if s.state == frozen {
					said, whose = append(said, command{kind: install, version: s.version, data: s.data.Snapshot()}), append(whose, s.to-1)
				}
			case "thank":
				for from := range all {
					f := &all[from].shards[0]
					if f.state == frozen && f.to == g+1 && s.version >= f.version {
						said, whose = append(said, command{kind: forget, version: f.version}), append(whose, from)
					}
				}
			case "apply":
				if len(said) > 0 {
					i := rapid.IntRange(0, len(said)-1).Draw(t, "which")
					apply(whose[i], said[i])
				}
			}
			serving := 0
			for g := range all {
				if all[g].shards[0].state != served {
					continue
				}
				serving++
				r := kv.Request{Op: kv.OpReadCounter, Key: keyOf(0)}
				if got := all[g].Read(&r).Value; got != written {
					t.Fatalf("group %d has %d of %d increments", g+1, got, written)
				}
			}
			if serving > 1 {
				t.Fatalf("%d groups serve the shard", serving)
			}
		}
	})
}

// keyOf is a key in a shard.
func keyOf(shard int) int64 {
	for key := int64(0); ; key++ {
		if ShardOf(key) == shard {
			return key
		}
	}
}

// Keys that follow one another, as workloads have them, are spread over all shards.
func TestKeysAreSpread(t *testing.T) {
	var count [Shards]int
	for key := range int64(600) {
		count[ShardOf(key)]++
	}
	for shard, n := range count {
		if n < 60 || n > 140 {
			t.Errorf("shard %d has %d of 600 keys: %v", shard, n, fmt.Sprint(count))
		}
	}
}
