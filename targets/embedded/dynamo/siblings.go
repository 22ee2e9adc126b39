package dynamo

import (
	"time"

	"github.com/faultline-dev/faultline/targets/embedded/kv"
)

// Mode Siblings: Dynamo's quorums over versions. A reader gets with the values a context,
// which its next write brings back: so the write replaces what was read, and what nobody
// had read stays beside it.

// siblingWrite gives W replicas a new version.
func (op *operation) siblingWrite() {
	switch {
	case op.ask.Op == kv.OpAdd:
		op.putVersion(Version{}) // it replaces nothing: each addition stands until it is removed
	case op.cfg.Bug == SiblingsOverwritten:
		op.round(roundMessage{}, min(op.cfg.R, len(op.slots)), (*operation).replaceAll)
	default:
		op.putVersion(Version{Past: op.context, Int: op.ask.Value})
	}
}

// replaceAll is a write with the bug SiblingsOverwritten.
func (op *operation) replaceAll() {
	held := op.sum.history.versions[0]
	op.putVersion(Version{Past: op.context.Join(context(held)), Int: op.ask.Value})
}

// siblingRemove asks what a quorum holds of the element, for a client may not know all that
// it wants to be gone; then the removal is a write.
func (op *operation) siblingRemove() {
	op.round(roundMessage{one: true}, min(op.cfg.R, len(op.slots)), (*operation).bury)
}

func (op *operation) bury() {
	held := op.sum.history.versions[op.ask.Value]
	if len(held) == 0 && len(op.context.Upto)+len(op.context.Dots) == 0 {
		op.reply(&kv.Reply{})
		op.end()
		return
	}
	op.putVersion(Version{Past: op.context.Join(context(held)), Gone: true})
}

// putVersion names a version and gives it to the replicas.
func (op *operation) putVersion(v Version) {
	if op.key.Kind == Set {
		v.Item, v.Int = op.ask.Value, 0
	}
	v.Dot = op.name()
	op.made = v
	op.round(roundMessage{put: true, value: Value{Versions: []Version{v}}}, min(op.cfg.W, len(op.slots)), (*operation).acknowledge)
}

// name is the dot of a new version of the operation's key.
func (op *operation) name() Dot {
	op.counts[op.key]++
	return Dot{Actor{op.self, op.store.life}, op.counts[op.key]}
}

// answerIn is a reply with what its client may then say to have seen.
func (op *operation) answerIn(r *kv.Reply) *Answer {
	a := &Answer{Reply: *r}
	switch {
	case r.Status != kv.Done:
	case !op.reading():
		a.Seen = []Context{op.made.Past.with(op.made.Dot)}
	case op.key.Kind == Register:
		all := op.sum.history.versions[0]
		a.Found, a.Elements = false, nil
		for _, v := range live(all) {
			a.Found, a.Value = true, v.Int
			a.Elements = append(a.Elements, v.Int)
		}
		a.Seen = []Context{context(all)}
	default:
		a.Elements = nil
		for _, item := range op.sum.history.items {
			if held := op.sum.history.versions[item]; len(live(held)) > 0 {
				a.Elements = append(a.Elements, item)
				a.Seen = append(a.Seen, context(held))
			}
		}
	}
	return a
}

// grave is a tombstone, and when this node got it.
type grave struct {
	key   Key
	stone Version
	since time.Duration
}

// note remembers the tombstones among versions that have come.
func (s *server) note(key Key, versions []Version) {
	for i := range versions {
		if versions[i].Gone {
			s.graves = append(s.graves, grave{key, versions[i], s.env.Now()})
			if len(s.graves) == 1 {
				s.env.After(s.cfg.Grace, s.collect)
			}
		}
	}
}

// collect drops the tombstones whose grace period is over.
func (s *server) collect() {
	n := 0
	for ; n < len(s.graves) && s.env.Now() >= s.graves[n].since+s.cfg.Grace; n++ {
		g := s.graves[n]
		s.store.log(change{record: record{Kind: recordCollected, Key: g.key, Value: Value{Versions: []Version{g.stone}}}})
	}
	s.graves = s.graves[n:]
	if len(s.graves) > 0 {
		s.env.After(s.graves[0].since+s.cfg.Grace-s.env.Now(), s.collect)
	}
}

// overwrite is what RepairResurrects does with a repair: what comes takes the place of the
// tombstones that stand against it.
func (s *server) overwrite(m *Put) {
	c := s.store.data[m.Key]
	if c == nil {
		return
	}
	var stones []Version
	for _, v := range m.Value.Versions {
		for _, held := range c.history.versions[v.Item] {
			if held.Gone && held.Past.Covers(v.Dot) {
				stones = append(stones, held)
			}
		}
	}
	if len(stones) > 0 {
		c.history.drop(stones)
		s.store.log(change{record: record{Kind: recordCollected, Key: m.Key, Value: Value{Versions: stones}}})
	}
}
