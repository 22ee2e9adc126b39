package dynamo

import (
	"slices"
	"testing"
	"time"

	"github.com/faultline-dev/faultline/targets/embedded/kv"
)

// A node that hears that it has left, and loses power before it has noted for whom it keeps
// what it holds, hands it over all the same when it is back.
func TestHandoverOutlivesACrash(t *testing.T) {
	w := newWorld(t, Config{Mode: LastWriteWins, N: 1, R: 1, W: 1, VirtualNodes: 16}, 3, 1)
	w.pass(20 * time.Millisecond)
	key := Key{Register, 1}
	home := w.host(string(w.hosts[0].server.homes(key)[0]))
	i := slices.Index(w.hosts, home)
	other := w.hosts[(i+1)%3]
	w.request(other, &kv.Request{Op: kv.OpWrite, Key: 1, Value: 10}, func(*kv.Reply) {})
	w.pass(20 * time.Millisecond)

	w.request(other, &kv.Change{Node: home.id}, func(*kv.Reply) {})
	w.run(w.now+time.Second, func() bool { return !home.server.store.seats[i].Member })
	home.crash(false)
	home.start()
	w.pass(2 * time.Second)

	if home.server.store.seats[i].Member {
		t.Fatal("the crash took back that the node left")
	}
	var read *kv.Reply
	w.request(other, &kv.Request{Op: kv.OpRead, Key: 1}, func(r *kv.Reply) { read = r })
	w.pass(time.Second)
	if read == nil || !read.Found || read.Value != 10 {
		t.Fatalf("read %+v, not the 10 that was acknowledged", read)
	}
}
