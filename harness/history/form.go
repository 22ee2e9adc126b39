package history

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// forms is what a parser read: values as EDN or JSON write them, in preorder and one behind
// the other, so that reading an operation allocates nothing once the slices have grown.
type forms struct {
	text    []byte // what is being read
	decoded []byte // the strings that are written with escapes, as they are meant
	nodes   []node
}

// node is a form. Its parts stand behind it, up to node end.
type node struct {
	n       int64 // the integer; or where the words lie: start and end in the text
	end     int32
	kind    formKind
	tuple   bool // tagged as an independent tuple
	escaped bool // the words lie in decoded
}

type formKind uint8

const (
	formNil formKind = iota
	formInt
	formText
	formVector // and lists
	formSet
	formKeyword // its words stand without the colon
	formMap     // keys and values in turn
	formTagged  // its words are the tag; its part is what was tagged
	formOther   // its words are canonical EDN
)

// deepest is how far forms may be nested.
const deepest = 100

// longestOp bounds an operation's text in a file, and so what reading it takes.
const longestOp = 16 << 20

func (f *forms) reset() { f.decoded, f.nodes = f.decoded[:0], f.nodes[:0] }

// leaf adds a form without parts.
func (f *forms) leaf(kind formKind, n int64) {
	f.nodes = append(f.nodes, node{kind: kind, n: n, end: int32(len(f.nodes) + 1)})
}

// words adds a form of the text between two places.
func (f *forms) words(kind formKind, from, to int) { f.leaf(kind, span64(from, to)) }

func span64(from, to int) int64 { return int64(from)<<32 | int64(to) }

// open begins a form with parts; shut ends it.
func (f *forms) open(kind formKind) int {
	f.leaf(kind, 0)
	return len(f.nodes) - 1
}

func (f *forms) shut(i int) { f.nodes[i].end = int32(len(f.nodes)) }

// bytes are the words of form i.
func (f *forms) bytes(i int) []byte {
	n := f.nodes[i]
	from, to := n.n>>32, n.n&(1<<32-1)
	if n.escaped {
		return f.decoded[from:to]
	}
	return f.text[from:to]
}

// allInts reports whether the parts of form i are integers, and how many they are.
func (f *forms) allInts(i int) (n int, all bool) {
	parts := f.nodes[i+1 : f.nodes[i].end]
	for _, p := range parts {
		if p.kind != formInt {
			return 0, false
		}
	}
	return len(parts), true
}

// tupleOf takes an independent [key value] apart: where its key and its value stand.
func (f *forms) tupleOf(i int) (key, value int, ok bool) {
	n := f.nodes[i]
	if n.kind != formVector || int(n.end) < i+3 || f.nodes[i+2].end != n.end {
		return 0, 0, false
	}
	kind := f.nodes[i+1].kind
	return i + 1, i + 2, kind == formInt || kind == formKeyword || kind == formText
}

// value is form i as an event's value. Of a compare-and-set two integers are a pair.
func (f *forms) value(i int, cas bool) Value {
	switch n := f.nodes[i]; n.kind {
	case formNil:
		return Nil
	case formInt:
		return Int(n.n)
	case formText:
		return Text(string(f.bytes(i)))
	case formKeyword:
		return EDN(":" + string(f.bytes(i)))
	case formVector, formSet:
		count, all := f.allInts(i)
		if !all {
			break
		}
		parts := f.nodes[i+1 : n.end]
		if n.kind == formVector && cas && count == 2 {
			return Pair(parts[0].n, parts[1].n)
		}
		if n.kind == formSet {
			slices.SortFunc(parts, func(a, b node) int { return compare(a.n, b.n) })
		}
		packed := make([]byte, 0, 2*count)
		for _, p := range parts {
			packed = binary.AppendVarint(packed, p.n)
		}
		return Value{Kind: KindList, S: string(packed)}
	}
	return Value{Kind: KindEDN, S: string(f.edn(nil, i))}
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

var brackets = map[formKind][2]string{formVector: {"[", "]"}, formSet: {"#{", "}"}, formMap: {"{", "}"}}

// edn writes form i in EDN, always in the same way.
func (f *forms) edn(b []byte, i int) []byte {
	switch n := f.nodes[i]; n.kind {
	case formNil:
		return append(b, "nil"...)
	case formInt:
		return strconv.AppendInt(b, n.n, 10)
	case formText:
		return quoteEDN(b, f.bytes(i))
	case formKeyword:
		return append(append(b, ':'), f.bytes(i)...)
	case formOther:
		return append(b, f.bytes(i)...)
	case formTagged:
		b = append(append(append(b, '#'), f.bytes(i)...), ' ')
		return f.edn(b, i+1)
	default:
		b = append(b, brackets[n.kind][0]...)
		for at := i + 1; at < int(n.end); at = int(f.nodes[at].end) {
			if at > i+1 {
				b = append(b, ' ')
			}
			b = f.edn(b, at)
		}
		return append(b, brackets[n.kind][1]...)
	}
}

// quoteEDN appends a string in quotes.
func quoteEDN[T string | []byte](b []byte, s T) []byte {
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '\\', '"':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, `\n`...)
		case '\t':
			b = append(b, `\t`...)
		case '\r':
			b = append(b, `\r`...)
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// clip shortens form i so that it fits into an error's line.
func (f *forms) clip(i int) string { return clip(f.edn(nil, i)) }

// clip shortens what a file says so that it fits into an error's line.
func clip[T string | []byte](s T) string {
	short := bytes.Map(func(r rune) rune {
		if r < ' ' || r == utf8.RuneError {
			return ' '
		}
		return r
	}, []byte(s[:min(len(s), 64)]))
	if len(s) <= 60 {
		return string(short)
	}
	return string(bytes.ToValidUTF8(short[:min(60, len(short))], nil)) + "..."
}

// Items takes a value apart that is a list, a pair, or the EDN of a vector, a set or a map
// (keys and values in turn).
func (v Value) Items() ([]Value, bool) {
	switch v.Kind {
	case KindPair:
		return []Value{Int(v.A), Int(v.B)}, true
	case KindList:
		ns := v.Ints()
		items := make([]Value, len(ns))
		for i, n := range ns {
			items[i] = Int(n)
		}
		return items, true
	case KindEDN:
	default:
		return nil, false
	}
	p, ok := v.parsed()
	if !ok {
		return nil, false
	}
	if top := p.nodes[0].kind; top != formVector && top != formSet && top != formMap {
		return nil, false
	}
	return p.parts(0, nil), true
}

// Rows takes the EDN of a vector of vectors apart, in one reading: it is Items of the items.
func (v Value) Rows() ([][]Value, bool) {
	if v.Kind != KindEDN {
		return nil, false
	}
	p, ok := v.parsed()
	if !ok || p.nodes[0].kind != formVector {
		return nil, false
	}
	rows, cells := make([][]Value, 0, len(p.nodes)/2), make([]Value, 0, len(p.nodes))
	for at := 1; at < len(p.nodes); at = int(p.nodes[at].end) {
		if p.nodes[at].kind != formVector {
			return nil, false
		}
		from := len(cells)
		cells = p.parts(at, cells)
		rows = append(rows, cells[from:len(cells):len(cells)])
	}
	return rows, true
}

// parsed reads the EDN of a value.
func (v Value) parsed() (p ednParser, ok bool) {
	p.end, p.text = true, []byte(v.S)
	p.nodes = make([]node, 0, 4+len(v.S)/2)
	return p, p.form(0) == nil
}

// parts appends the parts of form i as values.
func (f *forms) parts(i int, to []Value) []Value {
	for at := i + 1; at < int(f.nodes[i].end); at = int(f.nodes[at].end) {
		to = append(to, f.value(at, false))
	}
	return to
}

// IsMap reports whether a value is the EDN of a map.
func (v Value) IsMap() bool { return v.Kind == KindEDN && strings.HasPrefix(v.S, "{") }

// EDN returns the value of that kind that is a constant or a keyword: true, :ok.
func EDN(s string) Value { return Value{Kind: KindEDN, S: s} }

// ParseValue reads a value as EDN writes it. A bare word is a string; nothing is nil.
func ParseValue(s string) (Value, error) {
	p := &ednParser{end: true}
	p.text = []byte(s)
	if _, err := p.start(); err != nil {
		return Nil, nil
	}
	if err := p.form(0); errors.Is(err, errMore) {
		return Nil, fmt.Errorf("%s is not whole", clip(s))
	} else if err != nil {
		return Nil, err
	}
	if c, err := p.start(); err == nil {
		return Nil, fmt.Errorf("%w %q behind the value", errUnexpected, c)
	}
	if n := p.nodes[0]; n.kind == formOther && !slices.Contains([]string{"true", "false"}, string(p.bytes(0))) {
		return Text(string(p.bytes(0))), nil
	}
	return p.value(0, false), nil
}
