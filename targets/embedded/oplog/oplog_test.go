package oplog

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"github.com/faultline-dev/faultline/targets/embedded/wire"
)

// machine is a disk of one file, and the node.Env around it. A crash keeps what was synced,
// and of the rest as much as the test says.
type machine struct {
	node.Env
	durable []byte
	writes  []write // since the last sync
	pending []func()
}

type write struct {
	data    []byte
	replace bool
}

func (m *machine) Disk() node.Disk     { return m }
func (m *machine) Logf(string, ...any) {}

func (m *machine) Read(string) ([]byte, error) { return m.content(len(m.writes)), nil }

// content is the file after so many of the writes.
func (m *machine) content(n int) []byte {
	b := slices.Clone(m.durable)
	for _, w := range m.writes[:n] {
		if w.replace {
			b = nil
		}
		b = append(b, w.data...)
	}
	return b
}

func (m *machine) Append(_ string, data []byte, _ func(error)) {
	m.writes = append(m.writes, write{data: slices.Clone(data)})
}

func (m *machine) Replace(_ string, data []byte, _ func(error)) {
	m.writes = append(m.writes, write{slices.Clone(data), true})
}

func (m *machine) Sync(_ string, done func(error)) {
	n := len(m.writes)
	m.pending = append(m.pending, func() {
		m.durable = m.content(n)
		m.writes = m.writes[n:]
		done(nil)
	})
}

// work ends the sync under way.
func (m *machine) work() {
	if len(m.pending) > 0 {
		first := m.pending[0]
		m.pending = m.pending[1:]
		first()
	}
}

// crash loses some of the writes since the last sync, and tears one.
func (m *machine) crash(t *rapid.T) {
	kept := rapid.IntRange(0, len(m.writes)).Draw(t, "kept writes")
	b := m.content(kept)
	if kept < len(m.writes) && !m.writes[kept].replace {
		torn := m.writes[kept].data
		b = append(b, torn[:rapid.IntRange(0, len(torn)).Draw(t, "torn at")]...)
	}
	m.durable, m.writes, m.pending = b, nil, nil
}

func requests(l *Log, upTo uint64) []kv.Request {
	// Operations that the state has swallowed are not in memory; the state tells of them.
	var all []kv.Request
	for _, e := range l.entries[:upTo-l.base] {
		all = append(all, e.Request)
	}
	return all
}

// Whatever a log said to be on the disk is there after a crash, in the view it said, and
// what it has makes the same state as its operations one by one.
func TestCrashesKeepWhatWasSynced(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &machine{}
		l := &Log{}
		load := func() {
			if err := l.Load(m, 300, func() {}); err != nil {
				t.Fatal(err)
			}
		}
		load()
		view, value := uint64(0), int64(0)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0, 1:
				value++
				l.Append(kv.Request{Op: kv.OpAppend, Value: value})
			case 2:
				l.CommitTo(l.commit+uint64(rapid.IntRange(0, 3).Draw(t, "more")), nil)
			case 3:
				m.work()
			case 4: // another replica's history takes the place of what is not committed
				view++
				value++
				s := State{From: l.Mark(), Entries: []Entry{{View: view, Request: kv.Request{Op: kv.OpAppend, Value: value}}}}
				if !l.Install(view, &s) {
					t.Fatal("the state does not fit")
				}
			case 5:
				synced, upToDate := l.Synced(), l.UpToDate()
				var before []kv.Request
				if synced > l.base {
					before = requests(l, synced)
				}
				base := l.base
				m.crash(t)
				load()
				if l.View() < upToDate || l.View() == upToDate && l.Last() < synced {
					t.Fatalf("had %d operations in view %d on its disk, came back with %d in view %d", synced, upToDate, l.Last(), l.View())
				}
				if l.View() == upToDate {
					for i, r := range before {
						if n := base + uint64(i) + 1; n > l.base && l.entries[n-l.base-1].Request != r {
							t.Fatalf("operation %d became another", n)
						}
					}
				}
				view = max(view, l.View())
			}
			checkState(t, l)
		}
	})
}

// checkState compares the state with the operations that made it: each appended its value.
func checkState(t *rapid.T, l *Log) {
	reply := l.Machine.Read(&kv.Request{Op: kv.OpReadList})
	if uint64(len(reply.Elements)) != l.commit {
		t.Fatalf("%d operations committed made %v", l.commit, reply.Elements)
	}
	for n := l.base + 1; n <= l.commit; n++ {
		if got := reply.Elements[n-1]; got != l.entries[n-l.base-1].Request.Value {
			t.Fatalf("operation %d made %d of %v", n, got, reply.Elements)
		}
	}
}

// A replica that is sent what it lacks, by operations or by the whole state, has the same.
func TestStateBringsUpToDate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		full, behind := &Log{}, &Log{}
		for _, l := range []*Log{full, behind} {
			if err := l.Load(&machine{}, 300, func() {}); err != nil {
				t.Fatal(err)
			}
			l.Begin(1)
		}
		for i := range rapid.IntRange(0, 2000).Draw(t, "operations") {
			full.Append(kv.Request{Op: kv.OpAppend, Value: int64(i)})
		}
		shared := uint64(rapid.IntRange(0, int(full.Last())).Draw(t, "shared"))
		behind.Take(0, full.From(0, shared))
		behind.CommitTo(shared, nil)
		for range rapid.IntRange(0, 3).Draw(t, "own") {
			behind.Append(kv.Request{Op: kv.OpAppend, Value: -1})
		}
		full.CommitTo(uint64(rapid.IntRange(int(shared), int(full.Last())).Draw(t, "committed")), nil)
		s := full.StateFor(behind.Mark(), full.Last())
		b := AppendState(nil, &s)
		d := wire.NewDecoder(b)
		if s = TakeState(&d); d.End() != nil {
			t.Fatal("the state is not read back")
		}
		if !behind.Install(2, &s) {
			t.Fatal("the state does not fit")
		}
		full.CommitTo(full.Last(), nil)
		behind.CommitTo(behind.Last(), nil)
		if behind.Last() != full.Last() || !bytes.Equal(behind.Machine.Snapshot(), full.Machine.Snapshot()) {
			t.Fatalf("%s: %d operations, not %d", &s, behind.Last(), full.Last())
		}
	})
}

// What the file holds is not trusted.
func FuzzLoad(f *testing.F) {
	m := &machine{}
	l := &Log{}
	if err := l.Load(m, 100, func() {}); err != nil {
		f.Fatal(err)
	}
	for i := range 10 {
		l.Append(kv.Request{Op: kv.OpWrite, Value: int64(i)})
		l.CommitTo(uint64(i), nil)
	}
	l.Begin(3)
	f.Add(m.content(len(m.writes)))
	for _, kind := range []byte{recordState, recordBegin, recordEntry} {
		f.Add(wire.Seal(append(wire.Open(nil), kind, 1, 2, 3), 0))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		l := &Log{}
		if err := l.Load(&machine{durable: b}, 100, func() {}); err != nil {
			return
		}
		l.CommitTo(l.Last(), nil)
		_ = fmt.Sprint(l.Mark(), l.Synced())
	})
}

// Whatever bit of a log is flipped, what it said to be on the disk is all there or it is not
// taken: a replica that came back without it would vote for what it had promised to keep.
func TestDamageIsNotTakenForATornEnd(t *testing.T) {
	m, l := &machine{}, &Log{}
	if err := l.Load(m, 1<<20, func() {}); err != nil {
		t.Fatal(err)
	}
	l.Begin(1)
	for i := range 5 {
		l.Append(kv.Request{Op: kv.OpAppend, Value: int64(i)})
	}
	for len(m.pending) > 0 {
		m.work()
	}
	whole := m.durable
	for bit := range 8 * len(whole) {
		b := slices.Clone(whole)
		b[bit/8] ^= 1 << (bit % 8)
		after := &Log{}
		if err := after.Load(&machine{durable: b}, 1<<20, func() {}); err == nil && after.Last() < 5 {
			t.Fatalf("with bit %d of %d flipped, %d of 5 operations are left, and nobody is told", bit, 8*len(whole), after.Last())
		}
	}
}
