package dynamo

import "github.com/faultline-dev/faultline/targets/embedded/kv"

// Mode Atomic, after Attiya, Bar-Noy and Dolev. Any two majorities of a key's homes share
// one, and a home answers only for what is on its disk, so whatever a round brought to a
// majority no later round can miss:
//
//	write: learn the highest stamp from a majority, give a majority the value with a higher one
//	read:  learn the highest value from a majority, give it to a majority, then return it
//
// Without the read's second phase one reader could see a value that is on its way, and a
// later reader miss it.

// majority of the homes.
func (op *operation) majority() int { return len(op.slots)/2 + 1 }

// atomicWrite starts with the first phase; an addition to a set needs no stamp, hence none.
func (op *operation) atomicWrite() {
	if op.key.Kind == Set {
		op.round(roundMessage{put: true, value: Value{Elements: []int64{op.ask.Value}}}, op.majority(), (*operation).written)
		return
	}
	op.round(roundMessage{}, op.majority(), (*operation).outdo)
}

// outdo is the second phase of a write.
func (op *operation) outdo() {
	stamp := Stamp{Time: op.sum.value.Stamp.Time + 1, Node: op.self, Serial: op.draw()}
	if op.cfg.Bug == TimestampReuse {
		stamp.Serial = 0
	}
	v := Value{Stamp: stamp, Int: op.ask.Value}
	op.round(roundMessage{put: true, value: v}, op.majority(), (*operation).written)
}

func (op *operation) written() {
	op.reply(&kv.Reply{})
	op.end()
}

func (op *operation) atomicRead() {
	op.round(roundMessage{}, op.majority(), (*operation).writeBack)
}

// writeBack is the second phase of a read. It is left out when the majority agrees: then
// a majority has the value already.
//
// One phase is enough for registers, whose values are ordered. Two reads of a set could
// learn of different elements and neither contain the other, which no order of the
// additions explains. So the phase is repeated until a majority reports exactly the same
// set: such majorities share a home, which held the one set before the other (as in
// lattice agreement; Faleiro and others, "Generalized Lattice Agreement", PODC 2012).
func (op *operation) writeBack() {
	v := op.sum.view()
	if op.agreed(v) || op.cfg.Bug == NoWriteBack {
		op.returnSum()
		return
	}
	m := roundMessage{put: true, value: v, report: op.key.Kind == Set}
	then := (*operation).returnSum
	if op.key.Kind == Set {
		then = (*operation).writeBack
	}
	op.round(m, op.majority(), then)
}

// agreed tells whether all that answered hold exactly v, their sum.
func (op *operation) agreed(v Value) bool {
	for i := range op.slots {
		if sl := &op.slots[i]; sl.answered && !sl.value.equals(v) {
			return false
		}
	}
	return true
}

func (op *operation) returnSum() {
	op.replySum()
	op.end()
}
