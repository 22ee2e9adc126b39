package dynamo

import "github.com/faultline-dev/faultline/targets/embedded/kv"

// Mode LastWriteWins: Dynamo's quorums. The client is answered as soon as R or W of the N
// slots are; the others are waited for all the same, so that every write reaches every
// home or a stand-in, and every read repairs the replicas that it found behind.

// quorumWrite stamps a write with the coordinator's wall clock, or adds to a set, and
// waits for W.
func (op *operation) quorumWrite() {
	v := Value{Elements: []int64{op.ask.Value}}
	if op.key.Kind == Register {
		v = Value{Stamp: Stamp{Time: op.env.Wall(), Node: op.self, Serial: op.draw()}, Int: op.ask.Value}
	}
	op.round(roundMessage{put: true, value: v}, min(op.cfg.W, len(op.slots)), (*operation).acknowledge)
}

// acknowledge tells the client that its write is kept.
func (op *operation) acknowledge() {
	op.reply(&kv.Reply{})
	op.endIfAll()
}

// quorumRead asks all, waits for R and answers with what they hold together.
func (op *operation) quorumRead() {
	op.round(roundMessage{}, min(op.cfg.R, len(op.slots)), (*operation).answerRead)
}

func (op *operation) answerRead() {
	op.replySum()
	op.endIfAll()
}

func (op *operation) endIfAll() {
	if op.answers == len(op.slots) {
		op.end()
	}
}

// repair gives homes that answered a read what the others knew.
func (op *operation) repair() {
	v := op.sum.view()
	for i := range op.slots {
		sl := &op.slots[i]
		if !sl.answered || sl.via != sl.home || sl.value.equals(v) {
			continue
		}
		op.send(sl.home, &Put{Key: op.key, Value: v})
	}
}
