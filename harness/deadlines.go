package harness

import "time"

// deadlineRing keeps the deadlines of all operations under way without a timer for each.
// Client operations share one timeout, so theirs come in order and a ring holds them; the
// few that do not (nemesis operations, sleeps, second chances) are searched one by one.
// Entries of operations that have completed since are skipped when they are met.
type deadlineRing struct {
	ring  []deadline
	first int
	count int
	odd   []deadline
}

type deadline struct {
	worker int
	seq    uint64
	until  time.Duration
}

func (d deadline) stale(workers []*worker) bool {
	w := workers[d.worker]
	return !w.running || w.seq != d.seq
}

// push adds a deadline that is not before any other pushed one.
func (r *deadlineRing) push(worker int, seq uint64, until time.Duration) {
	if r.count == len(r.ring) {
		grown := make([]deadline, max(64, 2*len(r.ring)))
		for k := range r.count {
			grown[k] = r.ring[(r.first+k)%len(r.ring)]
		}
		r.ring, r.first = grown, 0
	}
	r.ring[(r.first+r.count)%len(r.ring)] = deadline{worker, seq, until}
	r.count++
}

// pushOdd adds a deadline out of order.
func (r *deadlineRing) pushOdd(worker int, seq uint64, until time.Duration) {
	r.odd = append(r.odd, deadline{worker, seq, until})
}

// next returns the earliest deadline of an operation under way.
func (r *deadlineRing) next(workers []*worker) (time.Duration, bool) {
	r.skip(workers)
	until, ok := time.Duration(0), false
	if r.count > 0 {
		until, ok = r.ring[r.first].until, true
	}
	for _, d := range r.odd {
		if !ok || d.until < until {
			until, ok = d.until, true
		}
	}
	return until, ok
}

// pop takes one deadline that has passed and returns its worker.
func (r *deadlineRing) pop(workers []*worker, now time.Duration) (int, bool) {
	r.skip(workers)
	for k, d := range r.odd {
		if d.until <= now {
			r.odd[k] = r.odd[len(r.odd)-1]
			r.odd = r.odd[:len(r.odd)-1]
			return d.worker, true
		}
	}
	if r.count > 0 && r.ring[r.first].until <= now {
		d := r.ring[r.first]
		r.drop()
		return d.worker, true
	}
	return 0, false
}

// skip forgets what is stale.
func (r *deadlineRing) skip(workers []*worker) {
	for r.count > 0 && r.ring[r.first].stale(workers) {
		r.drop()
	}
	kept := r.odd[:0]
	for _, d := range r.odd {
		if !d.stale(workers) {
			kept = append(kept, d)
		}
	}
	r.odd = kept
}

func (r *deadlineRing) drop() {
	r.first = (r.first + 1) % len(r.ring)
	r.count--
}
