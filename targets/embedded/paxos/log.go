package paxos

// Entry is what an acceptor has accepted for a slot: a value, and the ballot that proposed
// it. In ballot 0 nothing was accepted yet. An empty value is a no-op.
type Entry struct {
	Ballot Ballot
	Value  []byte
}

// Suffix is what a node knows from a slot on.
type Suffix struct {
	Slot     uint64
	Chosen   uint64 // the entries of earlier slots are the chosen ones
	Entries  []Entry
	Snapshot []byte // the state after all slots before Slot; nil: the receiver has it
}

func (x *Suffix) at(slot uint64) Entry {
	if i := slot - x.Slot; slot >= x.Slot && i < uint64(len(x.Entries)) {
		return x.Entries[i]
	}
	return Entry{}
}

// log holds a node's entries. Slots count from 1.
type log struct {
	first   uint64 // the slot of the first entry that is still here
	entries []Entry
	chosen  uint64 // the first slot not known to be chosen: those before are carried out
}

func newLog(first uint64) log { return log{first: first, chosen: first} }

// next is the slot after the last that anything was accepted for.
func (l *log) next() uint64 { return l.first + uint64(len(l.entries)) }

func (l *log) at(slot uint64) Entry {
	if slot < l.first || slot >= l.next() {
		return Entry{}
	}
	return l.entries[slot-l.first]
}

// set replaces a slot's entry, and may leave slots before it empty.
func (l *log) set(slot uint64, e Entry) {
	if slot < l.first {
		return
	}
	for l.next() <= slot {
		l.entries = append(l.entries, Entry{})
	}
	l.entries[slot-l.first] = e
}

// between copies the entries from a slot on and before another one.
func (l *log) between(from, to uint64) []Entry {
	from, to = max(from, l.first), min(to, l.next())
	if from >= to {
		return nil
	}
	return append([]Entry(nil), l.entries[from-l.first:to-l.first]...)
}

// forget drops the entries before a slot.
func (l *log) forget(before uint64) {
	if before >= l.next() {
		l.entries = nil
	} else if before > l.first {
		l.entries = append([]Entry(nil), l.entries[before-l.first:]...)
	}
	l.first = max(l.first, before)
}
