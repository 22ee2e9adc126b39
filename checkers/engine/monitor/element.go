package monitor

import "math"

// Element is one element of a set that is judged while the events go by: Set's conditions, in a
// form that needs no operation once it has returned. Of all that saw the element only the first
// to return and the last to be called matter. An Absent is wrong if it was called after the
// element was surely in, which is known by the time that it returns, and returned before the
// element can have been removed, so that the first to return of those called after that is the
// one to keep.
//
// Each operation is told when it returned, those that never return at any time. Start with
// NewElement.
type Element struct {
	call, ret  int32 // of the add; Pending: nobody added it
	seen       int32 // the return of the Present or remove that returned first
	late       int32 // the call of the Present that was called last
	gone, left int32 // the call and return of the remove, of those that never return the first
	absent     int32 // the return of the first Absent that was called when it was surely in
	again      bool  // it was removed twice
	unsure     bool  // it is not for a monitor
}

// NewElement returns an element that is not in the set.
func NewElement() Element {
	return Element{Pending, Pending, Pending, math.MinInt32, Pending, Pending, Pending, false, false}
}

// Add takes in an add that did not find the element there already; if it was there at first, one
// from before all events.
func (x *Element) Add(call, ret int32) {
	x.unsure = x.unsure || x.call != Pending
	x.call, x.ret = call, ret
}

// Remove takes in a remove that found the element, or never returned.
func (x *Element) Remove(call, ret int32) {
	switch {
	case ret == Pending && x.left == Pending:
		x.gone = min(x.gone, call)
	case ret == Pending:
	case x.left != Pending:
		x.again = true
	default:
		x.gone, x.left, x.seen = call, ret, min(x.seen, ret)
	}
}

// Present takes in that somebody found the element there.
func (x *Element) Present(call, ret int32) {
	x.seen, x.late = min(x.seen, ret), max(x.late, call)
}

// Absent takes in that somebody did not.
func (x *Element) Absent(call, ret int32) {
	if min(x.ret, x.seen) < call {
		x.absent = min(x.absent, ret)
	}
}

// Doubt takes in an operation that may have removed the element, and returned, so that no verdict
// is to be had.
func (x *Element) Doubt() { x.unsure = true }

// Unsure reports that no verdict is to be had.
func (x *Element) Unsure() bool { return x.unsure }

// Verdict is what there is to say at the end.
func (x *Element) Verdict() Verdict {
	switch {
	case x.unsure:
		return Unsure
	case x.seen == Pending && x.ret == Pending: // there is no telling that it was ever in
		return Legal
	case x.again, x.seen < x.call, x.left < x.late, x.absent < max(x.gone, x.call, x.late):
		return Illegal
	}
	return Legal
}
