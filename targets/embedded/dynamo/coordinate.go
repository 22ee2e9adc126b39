package dynamo

import (
	"fmt"
	"slices"
	"time"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
)

// operation is a client's request under way at its coordinator. It goes through rounds: in
// each the same message goes to every home of the key, or to whoever stands in for it,
// until enough have answered.
type operation struct {
	*server
	request    node.RequestID
	ask        *kv.Request
	context    Context // that the client brought; Siblings only
	inContext  bool    // it wants one back
	made       Version // what it wrote
	key        Key
	preference []node.ID
	deadline   time.Duration
	timer      node.Timer

	call    uint64
	message roundMessage
	need    int              // answers that the round waits for
	then    func(*operation) // is called when they are there
	slots   []slot           // one for each home
	answers int              // slots that have answered
	used    []node.ID        // stand-ins of this round: none answers for two homes
	sum     cell             // of all answers, in all rounds
	replied bool
	wrote   bool // something that the client wants changed is on its way
}

// slot is a home's place in a round. It has one answer, be it the home's or a stand-in's.
type slot struct {
	home     node.ID
	via      node.ID // whom we asked last; "": nobody yet
	answered bool
	own      bool // the coordinator asked itself, which it need not repeat
	hinted   bool // the coordinator itself keeps a hint for the home
	value    Value
}

// roundMessage is what a round sends: a Get of the operation's key, or of the element of it
// that the operation is about, or a Put of value.
type roundMessage struct {
	one    bool
	put    bool
	value  Value
	report bool
}

// begin starts on a client's request.
func (s *server) begin(id node.RequestID, r *Ask) {
	op := &operation{server: s, request: id, ask: &r.Request, context: r.Seen, inContext: r.InContext, key: Key{Register, r.Key}}
	if r.Op == kv.OpAdd || r.Op == kv.OpRemove || r.Op == kv.OpReadAll {
		op.key.Kind = Set
	}
	op.preference = s.ring.preference(op.key)
	op.slots = make([]slot, min(s.cfg.N, len(op.preference)))
	op.deadline = s.env.Now() + giveUpAfter
	var start func(*operation)
	switch {
	case r.Op == kv.OpRead || r.Op == kv.OpReadAll:
		start = (*operation).quorumRead
		if s.cfg.Mode == Atomic {
			start = (*operation).atomicRead
		}
	case r.Op == kv.OpWrite || r.Op == kv.OpAdd:
		switch s.cfg.Mode {
		case Atomic:
			start = (*operation).atomicWrite
		case Siblings:
			start = (*operation).siblingWrite
		default:
			start = (*operation).quorumWrite
		}
	case r.Op == kv.OpRemove && s.cfg.Mode == Siblings:
		start = (*operation).siblingRemove
	default:
		s.env.Reply(id, &kv.Reply{Status: kv.Unsupported})
		return
	}
	start(op)
}

// sloppy tells whether others may stand in for homes.
func (op *operation) sloppy() bool {
	if op.cfg.Mode == Atomic {
		return op.cfg.Bug == HintedMajority
	}
	return !op.cfg.Strict
}

// round sends a message to every home of the key and calls then when need have answered.
func (op *operation) round(m roundMessage, need int, then func(*operation)) {
	op.message, op.need, op.then, op.answers = m, need, then, 0
	if op.call != 0 {
		delete(op.ops, op.call)
	}
	op.call = op.draw()
	op.ops[op.call] = op
	for i := range op.slots {
		op.slots[i] = slot{home: op.preference[i]}
	}
	op.recruit()
}

// recruit asks the homes, and for each that is down the first node after them that is up
// and not asked yet. Fewer nodes than the round needs are not asked at all, so that the
// client learns that nothing has happened.
func (op *operation) recruit() {
	up := 0
	op.used = op.used[:0]
	for i := range op.slots {
		sl := &op.slots[i]
		if op.sloppy() && !op.up(sl.home) {
			sl.via = op.standIn()
		} else {
			sl.via = sl.home
		}
		if sl.via != "" {
			up++
		}
	}
	if up < op.need {
		for i := range op.slots {
			op.slots[i].via = ""
		}
		op.wait(probeEvery)
		return
	}
	op.wait(answerWithin)
	op.wrote = op.wrote || op.message.put && !op.reading()
	op.sendAll()
}

func (op *operation) reading() bool { return op.ask.Op == kv.OpRead || op.ask.Op == kv.OpReadAll }

// standIn is the first node after the homes that is up and not asked yet, "" if none is.
func (op *operation) standIn() node.ID {
	for _, id := range op.preference[len(op.slots):] {
		if op.up(id) && !slices.Contains(op.used, id) {
			op.used = append(op.used, id)
			return id
		}
	}
	return ""
}

// sendAll sends the round's message to everyone that was chosen and has not answered. The
// coordinator's own turn comes last, for its answer may end the operation at once.
func (op *operation) sendAll() {
	var own, shared node.Message
	for i := range op.slots {
		sl := &op.slots[i]
		switch {
		case sl.answered:
		case sl.via == "":
			op.keepHint(sl)
		case sl.via == op.self:
			if !sl.own {
				sl.own, own = true, op.encode(sl)
			}
		case sl.via == sl.home:
			if shared == nil {
				shared = op.encode(sl)
			}
			op.env.Send(sl.via, shared)
		default:
			op.env.Send(sl.via, op.encode(sl))
		}
	}
	if own != nil {
		op.Receive(op.self, own)
	}
}

// encode is the round's message as a slot's node should get it.
func (op *operation) encode(sl *slot) node.Message {
	switch {
	case op.message.one:
		return &Get{Call: op.call, Key: op.key, One: true, Element: op.ask.Value}
	case !op.message.put:
		return &Get{Call: op.call, Key: op.key}
	}
	m := &Put{Call: op.call, Key: op.key, Value: op.message.value, Report: op.message.report}
	if sl.via != sl.home {
		m.For = sl.home
	}
	return m
}

// keepHint makes sure that a home hears of a write for which no stand-in is left. It is
// no answer: the coordinator counts once at most.
func (op *operation) keepHint(sl *slot) {
	if op.message.put && !op.reading() && !sl.hinted {
		sl.hinted = true
		op.put(op.self, &Put{Key: op.key, Value: op.message.value, For: sl.home})
	}
}

// held takes a replica's answer.
func (op *operation) held(from node.ID, v Value) {
	for i := range op.slots {
		sl := &op.slots[i]
		if sl.answered || from != sl.via && from != sl.home {
			continue
		}
		if op.cfg.Bug == RepairResurrects {
			v.Versions = live(v.Versions)
		}
		sl.answered, sl.via, sl.value = true, from, v
		op.sum.merge(v)
		op.answers++
		switch {
		case op.answers == op.need:
			op.then(op)
		case op.answers == len(op.slots):
			op.end()
		}
		return
	}
}

// wait calls late after a while.
func (op *operation) wait(d time.Duration) {
	if op.timer != nil {
		op.timer.Stop()
	}
	op.timer = op.env.After(d, op.late)
}

// late looks after the slots that have not answered in time.
func (op *operation) late() {
	switch {
	case op.replied && op.reading():
		op.suspectSilent()
		op.end()
		return
	case op.env.Now() >= op.deadline:
		op.giveUp()
		return
	case !op.asked():
		op.recruit()
		return
	}
	if op.sloppy() {
		op.replace()
	}
	op.wait(answerWithin)
	op.sendAll()
}

// asked tells whether the round has begun: it has not while too few nodes are up.
func (op *operation) asked() bool {
	return slices.ContainsFunc(op.slots, func(sl slot) bool { return sl.via != "" })
}

// suspectSilent notes who did not answer.
func (op *operation) suspectSilent() {
	for i := range op.slots {
		if sl := &op.slots[i]; !sl.answered && sl.via != "" {
			op.suspect(sl.via)
		}
	}
}

// replace finds stand-ins for nodes that did not answer. One that has none is asked again.
func (op *operation) replace() {
	op.suspectSilent()
	for i := range op.slots {
		sl := &op.slots[i]
		if sl.answered || sl.via == op.self {
			continue
		}
		if id := op.standIn(); id != "" {
			sl.via = id
		} else {
			op.keepHint(sl)
		}
	}
}

// giveUp tells the client how the operation failed, unless it succeeded and only some
// home was not reached.
func (op *operation) giveUp() {
	if !op.replied {
		r := kv.Refuse(fmt.Sprintf("%d of %d replicas answered in time", op.answers, op.need))
		switch {
		case op.wrote:
			r.Status = kv.Uncertain
		case !op.asked():
			r.Reason = fmt.Sprintf("fewer than the %d nodes needed are up", op.need)
		}
		op.reply(r)
	}
	op.end()
}

// reply answers the client. Stragglers may still be waited for.
func (op *operation) reply(r *kv.Reply) {
	op.replied = true
	if op.inContext {
		op.env.Reply(op.request, op.answerIn(r))
		return
	}
	op.env.Reply(op.request, r)
}

// replySum answers a read with all that was learnt.
func (op *operation) replySum() {
	v := op.sum.view()
	op.reply(&kv.Reply{Found: v.Stamp.Node != "", Value: v.Int, Elements: v.Elements})
}

// end forgets the operation.
func (op *operation) end() {
	if op.timer != nil {
		op.timer.Stop()
	}
	delete(op.ops, op.call)
	if op.cfg.Mode != Atomic && op.reading() {
		op.repair()
	}
}
