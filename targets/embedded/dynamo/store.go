package dynamo

import (
	"fmt"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/wire"
)

const logFile = "log"

// store is what a node holds: its share of the data and hints for other nodes. It shows
// only what is durable: a change is logged, synced, and then becomes visible, so that no
// answer ever tells of something that a crash could take back. Changes that arrive during
// a sync share the next one.
type store struct {
	disk  node.Disk
	fatal func(format string, args ...any)
	done  func(change) // is told of each change once it is durable

	life uint64
	data map[Key]*cell
	keys []Key // of data, in the order of their first write
	// moving counts, of keys whose data is on its way out, the records of it that are not
	// durable yet: what still seems to be there is gone as soon as they are.
	moving map[Key]int
	homes  []home
	seats  []Seat // of all nodes

	batch     []byte   // framed records, waiting for the disk
	waiting   []change // the same
	syncing   []change // at the disk
	spare     []change
	size      int // of the log
	limit     int // at which it is rewritten
	compactAt int
	lazy      bool // AckBeforeSync: nothing waits for a sync
}

// home is a node that hints are kept for.
type home struct {
	id    node.ID
	hints map[Key]*cell
	keys  []Key // of hints, oldest first
}

// change is a record on its way to the disk, and who waits for it.
type change struct {
	record record
	from   node.ID // who sent put
	put    *Put    // nil: nobody waits
	then   func()  // of recordSeats
}

// open reads the log back. It returns how many bytes of a torn end were cut off.
func (s *store) open(peers []node.ID) (torn int, err error) {
	s.data, s.moving = map[Key]*cell{}, map[Key]int{}
	for _, id := range peers {
		s.homes = append(s.homes, home{id: id, hints: map[Key]*cell{}})
		s.seats = append(s.seats, Seat{Member: true})
	}
	content, err := s.disk.Read(logFile)
	if err != nil {
		return 0, err
	}
	rest := content
	for {
		r, after, ok := nextRecord(rest)
		if !ok {
			break
		}
		s.apply(&r)
		rest = after
	}
	s.size = len(content) - len(rest)
	if wire.Damaged(rest) {
		return 0, fmt.Errorf("%s is damaged after byte %d of %d: the disk has lost what this node had promised to keep", logFile, s.size, len(content))
	}
	s.limit = max(s.compactAt, 2*s.size)
	if len(rest) > 0 {
		// What is appended from now on must not stand behind garbage.
		s.disk.Replace(logFile, content[:s.size:s.size], nil)
	}
	return len(rest), nil
}

// log makes a change durable and then visible.
func (s *store) log(c change) {
	s.batch = appendRecord(s.batch, &c.record)
	if c.record.Kind == recordMoved {
		s.moving[c.record.Key]++
	}
	if s.lazy {
		s.apply(&c.record)
		s.done(c)
		return
	}
	s.waiting = append(s.waiting, c)
	s.flush()
}

// flush hands the batch to the disk, unless that is busy with the one before.
func (s *store) flush() {
	if len(s.syncing) > 0 || len(s.batch) == 0 {
		return
	}
	s.syncing, s.waiting = s.waiting, s.spare[:0]
	s.write()
	s.disk.Sync(logFile, s.synced)
}

// write appends the batch to the log, or puts a compacted log in its place.
func (s *store) write() {
	batch := s.batch
	s.batch = nil
	if s.size+len(batch) <= s.limit {
		s.size += len(batch)
		s.disk.Append(logFile, batch, s.wrote)
		s.batch = make([]byte, 0, len(batch))
		return
	}
	content := append(s.snapshot(), batch...)
	s.size = len(content)
	s.limit = max(s.compactAt, 2*s.size)
	s.disk.Replace(logFile, content, s.wrote)
}

// wrote ends the node's life if a write failed: a sync that succeeds after it would prove
// nothing.
func (s *store) wrote(err error) {
	if err != nil {
		s.fatal("write the log: %v", err)
	}
}

// synced applies what the sync made durable.
func (s *store) synced(err error) {
	if err != nil {
		s.fatal("sync the log: %v", err)
		return
	}
	durable := s.syncing
	for i := range durable {
		s.apply(&durable[i].record)
	}
	for i := range durable {
		s.done(durable[i])
	}
	clear(durable)
	s.syncing, s.spare = nil, durable
	s.flush()
}

// apply makes a durable record visible.
func (s *store) apply(r *record) {
	switch r.Kind {
	case recordLife:
		s.life = max(s.life, r.Life)
	case recordData:
		c := s.data[r.Key]
		if c == nil {
			c = &cell{}
			s.data[r.Key] = c
			s.keys = append(s.keys, r.Key)
		}
		c.merge(r.Value)
	case recordSeats:
		s.seats = merged(s.seats, r.Seats)
	case recordMoved:
		if s.moving[r.Key]--; s.moving[r.Key] <= 0 {
			delete(s.moving, r.Key)
		}
		if c := s.data[r.Key]; c != nil {
			c.settle(r.Value)
		}
	case recordCollected:
		if c := s.data[r.Key]; c != nil {
			c.history.drop(r.Value.Versions)
		}
	case recordHint:
		if h := s.home(r.Home); h != nil {
			h.keep(r.Key, r.Value)
		}
	case recordSettled:
		if h := s.home(r.Home); h != nil {
			h.settle(r.Key, r.Value)
		}
	}
}

// snapshot is a log that leads to the visible state.
func (s *store) snapshot() []byte {
	b := appendRecord(make([]byte, 0, s.size), &record{Kind: recordLife, Life: s.life})
	b = appendRecord(b, &record{Kind: recordSeats, Seats: s.seats})
	for _, k := range s.keys {
		b = appendRecord(b, &record{Kind: recordData, Key: k, Value: s.data[k].view()})
	}
	for i := range s.homes {
		h := &s.homes[i]
		for _, k := range h.keys {
			b = appendRecord(b, &record{Kind: recordHint, Home: h.id, Key: k, Value: h.hints[k].view()})
		}
	}
	return b
}

// read is all that the node holds of a key, hints included: whoever stands in for a home
// answers in its place.
func (s *store) read(k Key) Value {
	var held Value
	c := s.data[k]
	if c != nil {
		held = c.view()
	}
	var sum *cell
	for i := range s.homes {
		hint := s.homes[i].hints[k]
		if hint == nil {
			continue
		}
		if sum == nil {
			sum = &cell{}
			sum.merge(held)
		}
		sum.merge(hint.view())
	}
	if sum != nil {
		return sum.view()
	}
	return held
}

// element is what of that is about one element of a set.
func (s *store) element(k Key, e int64) Value {
	var sum history
	for _, v := range s.data[k].versionsOf(e) {
		sum.merge(v)
	}
	for i := range s.homes {
		for _, v := range s.homes[i].hints[k].versionsOf(e) {
			sum.merge(v)
		}
	}
	return Value{Versions: sum.versions[e]}
}

// news is the part of v that the node does not hold yet, for itself or for another home.
func (s *store) news(k Key, v Value, forHome node.ID) Value {
	cells := s.data
	if forHome != "" {
		h := s.home(forHome)
		if h == nil {
			return Value{}
		}
		cells = h.hints
	}
	if c := cells[k]; c != nil && (forHome != "" || s.moving[k] == 0) {
		return c.news(v)
	}
	return v
}

func (s *store) home(id node.ID) *home {
	for i := range s.homes {
		if s.homes[i].id == id {
			return &s.homes[i]
		}
	}
	return nil
}

func (h *home) keep(k Key, v Value) {
	c := h.hints[k]
	if c == nil {
		c = &cell{}
		h.hints[k] = c
		h.keys = append(h.keys, k)
	}
	c.merge(v)
}

func (h *home) settle(k Key, v Value) {
	c := h.hints[k]
	if c == nil {
		return
	}
	c.settle(v)
	if !c.empty() {
		return
	}
	delete(h.hints, k)
	for i := range h.keys {
		if h.keys[i] == k {
			h.keys = append(h.keys[:i], h.keys[i+1:]...)
			return
		}
	}
}
