package object

import (
	"cmp"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strings"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/engine/numbers"
	"github.com/faultline-dev/faultline/harness/history"
)

// pending is the return of an operation that may take effect at any later time, or never.
const pending = math.MaxInt32

// op is one operation that constrains the order. Its moments are numbers that rise with the
// events that they are of; no two operations of an object share one.
type op struct {
	call, ret int32
	do        Do
}

// subject is one object: the operations of one key, in order of invocation.
type subject struct {
	checkers.Subject
	kind      *Type
	ops       []op
	numbers   numbers.Numbers // of values
	ranked    []history.Value // a priority queue's, by rank, which is their number then
	first     int             // so many operations were never invoked: the object started with them
	shared    bool            // some operations share their events with others
	events    []int32         // by moment; nil: moments are events
	doubts    []op            // drains that never returned
	base      int64           // a counter's first sum
	stand     stand
	engine    string                  // that settled or accused it
	size      int                     // how many operations constrain the order
	lives     *lives                  // while a set is swept
	trace     *trace                  // while it is followed
	element   int32                   // the one that fails
	culprit   history.Value           // which is this
	failed    int32                   // the event with which it does; 0: not known
	registers map[history.Value]int64 // a multi-register's
}

// call is one operation as the history tells it: it happened, or may have.
type call struct {
	at       int // the invocation
	ret      int32
	arg, out history.Value
	ok       bool // it returned; otherwise out says nothing
	process  int
}

// numbered are the type's operations by the number that their name has in a history.
func (t *Type) numbered(h *history.History) []*Operation {
	var all []*Operation
	for i := range t.Operations {
		o := &t.Operations[i]
		for _, name := range append([]string{o.Name}, o.Also...) {
			if n, ok := h.Number(name); ok {
				all = enter(all, n, o)
			}
		}
	}
	return all
}

// enter has a table hold a value at a number, and grows it for that.
func enter[T any](table []T, n uint32, v T) []T {
	table = append(table, make([]T, max(0, int(n)+1-len(table)))...)
	table[n] = v
	return table
}

// has lists the operations of the type.
func (t *Type) has() string {
	var names []string
	for _, o := range t.Operations {
		names = append(names, o.Name)
	}
	if n := len(names); n > 1 {
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return strings.Join(names, "")
}

func article(name string) string {
	if strings.ContainsAny(name[:1], "aeiou") {
		return "an " + name
	}
	return "a " + name
}

// emit adds what an operation did.
func (s *subject) emit(c *call, d Do) { s.ops = append(s.ops, op{int32(c.at), c.ret, d}) }

// begin adds what the object holds at first.
func (s *subject) begin(d Do) { s.ops = append(s.ops, op{0, 0, d}) }

// num is the number of a value.
func (s *subject) num(v history.Value) int64 { return int64(s.numbers.Of(v)) }

// of is the value of a number.
func (s *subject) of(n int64) history.Value {
	if s.ranked != nil {
		return s.ranked[n]
	}
	return s.numbers.Value(int32(n))
}

var errNoItems = errors.New("which is no list")

// items takes a list apart; nil is an empty one.
func items(v history.Value) ([]history.Value, error) {
	if v.IsNil() {
		return nil, nil
	}
	if all, ok := v.Items(); ok {
		return all, nil
	}
	return nil, errNoItems
}

// table takes a list of lists apart; what is no list has no cells.
func table(v history.Value) ([][]history.Value, error) {
	if rows, ok := v.Rows(); ok {
		return rows, nil
	}
	all, err := items(v)
	rows := make([][]history.Value, len(all))
	for i, e := range all {
		rows[i], _ = items(e)
	}
	return rows, err
}

// row is a row of a table as it was written.
func row(v history.Value, i int) history.Value {
	all, _ := items(v)
	return all[i]
}

// settle numbers the moments anew where events do not do, because operations share some or
// were never invoked.
func (s *subject) settle() {
	if s.kind.tidy != nil {
		s.kind.tidy(s)
	}
	if s.first == 0 && !s.shared {
		return
	}
	type end struct {
		op    int32
		event int32
		ret   bool
	}
	ends := make([]end, 0, 2*len(s.ops))
	for i, o := range s.ops {
		i := int32(i)
		if int(i) < s.first { // one after the other, before everything
			ends = append(ends, end{i, -1, false}, end{i, -1, true})
			continue
		}
		ends = append(ends, end{i, o.call, false})
		if o.ret != pending {
			ends = append(ends, end{i, o.ret, true})
		}
	}
	slices.SortStableFunc(ends, func(a, b end) int { return cmp.Compare(a.event, b.event) })
	s.events = make([]int32, len(ends))
	for m, e := range ends {
		s.events[m] = e.event
		if e.ret {
			s.ops[e.op].ret = int32(m)
		} else {
			s.ops[e.op].call = int32(m)
		}
	}
	slices.SortFunc(s.ops, func(a, b op) int { return cmp.Compare(a.call, b.call) })
}

// event is that of a moment; none: the object started with it.
func (s *subject) event(moment int32) int {
	if s.events == nil || moment == pending {
		return int(moment)
	}
	return int(s.events[moment])
}

// moment is that of an event.
func (s *subject) moment(event int32) int32 {
	if s.events == nil {
		return event
	}
	m, _ := slices.BinarySearch(s.events, event)
	return int32(m)
}

func (s *subject) name() string {
	if !s.Keyed {
		return "the " + s.kind.Name
	}
	return "key " + s.KeyName()
}

// A sequence of numbers is kept as a string, four bytes each, so that it can be compared.

func packed(n int64) string {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(n))
	return string(b[:])
}

func packedAll(ns []int64) string {
	b := make([]byte, 0, 4*len(ns))
	for _, n := range ns {
		b = binary.BigEndian.AppendUint32(b, uint32(n))
	}
	return string(b)
}

func unpack(s string) []int64 {
	ns := make([]int64, 0, len(s)/4)
	for ; len(s) >= 4; s = s[4:] {
		ns = append(ns, int64(leading(s)))
	}
	return ns
}

// leading is the first of them.
func leading(s string) uint32 {
	return uint32(s[0])<<24 | uint32(s[1])<<16 | uint32(s[2])<<8 | uint32(s[3])
}

// begins reports whether there is one, and the first is n.
func begins(s string, n int64) bool { return len(s) >= 4 && leading(s) == uint32(n) }

// place is where a number stands, or would, among ascending ones.
func place(s string, n int64) (at int, found bool) {
	lo, hi := 0, len(s)/4
	for lo < hi {
		mid := (lo + hi) / 2
		if leading(s[4*mid:]) < uint32(n) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return 4 * lo, begins(s[4*lo:], n)
}

func insert(s string, at int, n int64) string { return s[:at] + packed(n) + s[at:] }

func remove(s string, at int) string { return s[:at] + s[at+4:] }

// hold has the object hold, at first, the elements of a list.
func (s *subject) hold(initial history.Value) string {
	return s.holdThose(initial, func(history.Value) bool { return true })
}

// holdThose is hold where not everything can be an element.
func (s *subject) holdThose(initial history.Value, fits func(history.Value) bool) string {
	all, err := items(initial)
	if err != nil {
		return "is no list"
	}
	for _, v := range all {
		if !fits(v) {
			return "holds what cannot be an element"
		}
		s.begin(Do{F: put, A: s.num(v)})
	}
	return ""
}

// elementsRead are the numbers of those that a read of the whole returned, if it did.
func (s *subject) elementsRead(c *call) (ns []int64, ok bool) {
	switch {
	case !c.ok:
		return nil, false
	case c.out.Kind == history.KindList:
		ns = c.out.Ints()
		for i, n := range ns {
			ns[i] = int64(s.numbers.OfInt(n))
		}
		return ns, true
	}
	all, err := items(c.out)
	if err != nil {
		s.Reject("operation %d read %s, %v", c.at, c.out, err)
	}
	ns = make([]int64, len(all))
	for i, v := range all {
		ns[i] = s.num(v)
	}
	return ns, err == nil
}
