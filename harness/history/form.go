package history

import (
	"strconv"
	"strings"
)

// form is a value as EDN or JSON write it.
type form struct {
	kind  formKind
	n     int64
	s     string // text; or the canonical EDN of what has no other kind
	list  []form
	tuple bool // tagged as an independent tuple
}

type formKind uint8

const (
	formNil formKind = iota
	formInt
	formText
	formVector // and lists
	formSet
	formKeyword // s without its colon
	formMap     // keys and values in turn
	formOther   // s
)

// isTuple reports whether a form can be an independent [key value].
func (f form) isTuple() bool {
	return f.kind == formVector && len(f.list) == 2 && f.list[0].kind == formInt
}

func (f form) allInts() bool {
	for _, e := range f.list {
		if e.kind != formInt {
			return false
		}
	}
	return true
}

// value is the form as an event's value. Of a compare-and-set two integers are a pair.
func (f form) value(cas bool) Value {
	switch {
	case f.kind == formNil:
		return Nil
	case f.kind == formInt:
		return Int(f.n)
	case f.kind == formText:
		return Text(f.s)
	case f.kind == formVector && cas && len(f.list) == 2 && f.allInts():
		return Pair(f.list[0].n, f.list[1].n)
	case f.kind == formVector && f.allInts():
		ns := make([]int64, len(f.list))
		for i, e := range f.list {
			ns[i] = e.n
		}
		return List(ns)
	case f.kind == formSet && f.allInts():
		return List(sortedInts(f.list))
	}
	return Value{Kind: KindEDN, S: f.edn()}
}

// edn writes the form in EDN, always in the same way.
func (f form) edn() string {
	var b strings.Builder
	f.write(&b)
	return b.String()
}

var brackets = map[formKind][2]string{formVector: {"[", "]"}, formSet: {"#{", "}"}, formMap: {"{", "}"}}

func (f form) write(b *strings.Builder) {
	switch f.kind {
	case formNil:
		b.WriteString("nil")
	case formInt:
		b.WriteString(strconv.FormatInt(f.n, 10))
	case formText:
		b.WriteString(quoteEDN(f.s))
	case formKeyword:
		b.WriteString(":" + f.s)
	case formOther:
		b.WriteString(f.s)
	default:
		b.WriteString(brackets[f.kind][0])
		for i, e := range f.list {
			if i > 0 {
				b.WriteByte(' ')
			}
			e.write(b)
		}
		b.WriteString(brackets[f.kind][1])
	}
}

var escapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`, "\r", `\r`)

func quoteEDN(s string) string { return `"` + escapes.Replace(s) + `"` }
