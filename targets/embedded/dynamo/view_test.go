package dynamo

import (
	"slices"
	"testing"
	"time"

	"github.com/faultline-dev/faultline/harness/node"
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

// A home that has confirmed a hint may have handed it back before the confirmation comes:
// what is then kept for it anew is not confirmed by that.
func TestLateConfirmationSettlesNothingNew(t *testing.T) {
	w := newWorld(t, Config{Mode: LastWriteWins, N: 1, R: 1, W: 1, VirtualNodes: 16}, 3, 1)
	w.pass(20 * time.Millisecond)
	s, home := w.hosts[0].server, w.hosts[1].id
	w.lost = func(from, to node.ID, _ node.Message) bool { return from == s.self && to == home }
	hint := change{record: record{Kind: recordHint, Home: home, Key: Key{Register, 1}, Value: Value{Stamp: Stamp{1, "n3", 1}, Int: 10}}}
	s.keepHint(hint)
	p := s.peer(home)
	w.run(w.now+time.Second, func() bool { return len(p.offered) > 0 })
	if len(p.offered) == 0 {
		t.Fatal("the hint was not offered")
	}
	old := p.offered[0].call
	s.keepHint(hint)
	s.taken(p, old)
	w.pass(20 * time.Millisecond)
	if held := s.store.home(home).hints[hint.record.Key]; held == nil || held.view().Int != 10 {
		t.Fatal("the hint that was kept anew is gone")
	}
}

// What comes back while it is on its way out is kept, though it still seems to be there.
func TestWhatComesBackIsKept(t *testing.T) {
	w := newWorld(t, Config{Mode: LastWriteWins, N: 1, R: 1, W: 1, VirtualNodes: 16}, 3, 1)
	w.pass(20 * time.Millisecond)
	key, v := Key{Register, 1}, Value{Stamp: Stamp{1, "n9", 1}, Int: 10}
	s := w.host(string(w.hosts[0].server.homes(key)[0])).server
	s.put(s.self, &Put{Key: key, Value: v})
	w.pass(20 * time.Millisecond)
	s.store.log(change{record: record{Kind: recordMoved, Key: key, Value: v}})
	s.put(s.self, &Put{Key: key, Value: v})
	w.pass(20 * time.Millisecond)
	if s.store.read(key).Int != 10 {
		t.Fatal("it is gone")
	}
}
