package monitor

// runs are stretches of moments that are alike, as no span and no pending take begins or ends
// between them. A run's value is the number of spans of what was taken, each as heavy as all
// pending takes and one more, and of what nobody took, less the pending takes called: it is
// not above zero just where no span covers the run but such as pending takes can end.
type runs struct {
	run    []int32 // by moment
	first  []int32 // by run: its first moment
	values []int64
	heavy  int64
}

func newRuns(c *contents) runs {
	r := runs{heavy: int64(len(c.wild)) + 1}
	begins := make([]bool, c.end+1)
	delta := make([]int64, c.end+1)
	for _, e := range c.elements {
		if from, to, weight := r.weight(e); weight > 0 {
			begins[from], begins[to+1] = true, true
			delta[from] += weight
			delta[to+1] -= weight
		}
	}
	for _, i := range c.wild {
		begins[c.lo[i]] = true
		delta[c.lo[i]]--
	}
	n := 1
	for _, begins := range begins {
		if begins {
			n++
		}
	}
	r.values, r.first = make([]int64, 0, n+1), make([]int32, 0, n+1)
	r.run = make([]int32, c.end+1)
	sum := int64(0)
	for m := range c.end {
		sum += delta[m]
		if m == 0 || begins[m] {
			r.values = append(r.values, sum)
			r.first = append(r.first, m)
		}
		r.run[m] = int32(len(r.values)) - 1
	}
	r.run[c.end] = int32(len(r.values))
	r.values = append(r.values, 0)
	r.first = append(r.first, c.end)
	return r
}

// weight returns an element's span and how heavy it is; nothing, if it has none.
func (r *runs) weight(e element) (from, to int32, weight int64) {
	switch {
	case e.putHi+1 >= e.takeLo:
		return 0, 0, 0
	case e.take == none:
		return e.putHi + 1, e.takeLo - 1, 1
	}
	return e.putHi + 1, e.takeLo - 1, r.heavy
}

// spanned is weight in runs.
func (r *runs) spanned(e element) (from, to int, weight int64) {
	f, t, weight := r.weight(e)
	return int(r.run[f]), int(r.run[t]), weight
}

// row is a legal order in the making: things stand in a line, each at a moment, and others
// come between two neighbours.
type row struct {
	next, moment []int32
	last         []int32 // by moment + 1: who stands last there
	used         marks   // where that is somebody; 0 is the start
}

func newRow(things int, end int32) *row {
	r := &row{next: fill(things + 1), moment: fill(things + 1), last: fill(int(end) + 2), used: newMarks(int(end) + 2)}
	r.last[0] = int32(things)
	r.used.set(0)
	return r
}

// between fits two moments between neighbours: at the first, the latter of two things may
// not have begun, and at the second the former be over, wherever somebody stands between.
// The former can be put off until putHi.
func (r *row) between(put, take, putHi int32) (int32, int32) {
	put = max(put, r.used.atMost(min(take, putHi)+1)-1)
	if next := r.used.atLeast(put + 2); next != none {
		take = min(take, next-1)
	}
	return put, take
}

// fit is between where only the second of the two things matters, and says whether it must
// stand first at its moment.
func (r *row) fit(take, putHi int32) (int32, bool) {
	put, take := r.between(-1, take, putHi)
	next := r.used.atLeast(put + 2)
	return take, next != none && take+1 == next
}

// insert puts x last at a moment.
func (r *row) insert(x, moment int32) {
	r.behind(x, r.last[r.used.atMost(moment+1)], moment)
	r.last[moment+1] = x
	r.used.set(moment + 1)
}

// follow puts x, at a moment no later than that of whoever comes next, behind y.
func (r *row) follow(x, y, moment int32) {
	next := r.next[y]
	r.behind(x, y, moment)
	if next == none || moment < r.moment[next] {
		r.last[moment+1] = x
		r.used.set(moment + 1)
	}
}

func (r *row) behind(x, y, moment int32) {
	r.next[x], r.next[y], r.moment[x] = r.next[y], x, moment
}

// each calls f for all in the row and their moments.
func (r *row) each(f func(x, moment int32)) {
	for x := r.next[r.last[0]]; x != none; x = r.next[x] {
		f(x, r.moment[x])
	}
}
