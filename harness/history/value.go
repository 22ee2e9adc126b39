package history

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// Kind names the shape of a Value.
type Kind uint8

const (
	KindNil  Kind = iota // nothing: an unread result, an absent register
	KindInt              // A
	KindPair             // A, B: compare-and-set's [old new]
	KindList             // integers, packed in S; see List and Ints
	KindText             // S: a string
	KindEDN              // S: canonical EDN of any other imported value
)

// Value is an operation's argument or result. It is comparable: equal values are ==.
// The common cases (nothing, one integer, a pair) need no allocation.
type Value struct {
	Kind Kind
	A, B int64
	S    string
}

// Nil is the absent value.
var Nil = Value{}

// Int returns an integer value.
func Int(n int64) Value { return Value{Kind: KindInt, A: n} }

// Pair returns the two-integer value [a b].
func Pair(a, b int64) Value { return Value{Kind: KindPair, A: a, B: b} }

// Text returns a string value.
func Text(s string) Value { return Value{Kind: KindText, S: s} }

// List returns a list of integers, in the order given.
func List(ns []int64) Value {
	buf := make([]byte, 0, 2*len(ns))
	for _, n := range ns {
		buf = binary.AppendVarint(buf, n)
	}
	return Value{Kind: KindList, S: string(buf)}
}

// Ints unpacks a list; it returns nil for any other kind.
func (v Value) Ints() []int64 {
	if v.Kind != KindList {
		return nil
	}
	if v.S == "" {
		return nil
	}
	ns := make([]int64, 0, len(v.S))
	for rest := []byte(v.S); len(rest) > 0; {
		n, w := binary.Varint(rest)
		if w <= 0 {
			return ns
		}
		ns, rest = append(ns, n), rest[w:]
	}
	return ns
}

// IsNil reports whether the value is absent.
func (v Value) IsNil() bool { return v.Kind == KindNil }

func (v Value) String() string {
	switch v.Kind {
	case KindNil:
		return "nil"
	case KindInt:
		return strconv.FormatInt(v.A, 10)
	case KindPair:
		return fmt.Sprintf("[%d %d]", v.A, v.B)
	case KindList:
		var b strings.Builder
		b.WriteByte('[')
		for i, n := range v.Ints() {
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(strconv.FormatInt(n, 10))
		}
		b.WriteByte(']')
		return b.String()
	case KindText:
		return strconv.Quote(v.S)
	default:
		return v.S
	}
}
