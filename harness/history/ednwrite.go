package history

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// WriteEDN writes a history as Jepsen does: a map on each line.
func WriteEDN(w io.Writer, h *History) error {
	out := bufio.NewWriterSize(w, 1<<16)
	var b []byte
	for i := range h.Len() {
		op := h.At(i)
		b = append(b[:0], "{:index "...)
		b = strconv.AppendInt(b, int64(i), 10)
		b = append(b, ", :time "...)
		b = strconv.AppendInt(b, op.Time, 10)
		b = append(b, ", :process "...)
		if op.Process == Nemesis {
			b = append(b, ":nemesis"...)
		} else {
			b = strconv.AppendInt(b, int64(op.Process), 10)
		}
		b = append(b, ", :type :"...)
		b = append(b, op.Type.String()...)
		b = append(b, ", :f "...)
		b = append(b, keyword(op.F)...)
		b = append(b, ", :value "...)
		if op.Keyed {
			b = append(b, '[')
			b = append(b, h.KeyName(op.Key)...)
			b = append(b, ' ')
		}
		b = append(b, op.Value.edn()...)
		if op.Keyed {
			b = append(b, ']')
		}
		if op.Error != "" {
			b = append(b, ", :error "...)
			b = quoteEDN(b, strings.ToValidUTF8(op.Error, "\uFFFD"))
		}
		b = append(b, "}\n"...)
		if _, err := out.Write(b); err != nil {
			return err
		}
	}
	return out.Flush()
}

// keyword writes a name as a keyword, or as a string if it cannot be one.
func keyword(s string) string {
	for i := range len(s) {
		if c := s[i]; class[c]&delimiter != 0 || c < '!' || c > '~' || c == '\\' || c == ':' || c == '#' {
			return string(quoteEDN(nil, strings.ToValidUTF8(s, "\uFFFD")))
		}
	}
	if s == "" {
		return `""`
	}
	return ":" + s
}

// edn is a value in EDN.
func (v Value) edn() string {
	switch v.Kind {
	case KindNil:
		return "nil"
	case KindInt:
		return strconv.FormatInt(v.A, 10)
	case KindPair:
		return fmt.Sprintf("[%d %d]", v.A, v.B)
	case KindList:
		return strings.ReplaceAll(fmt.Sprint(v.Ints()), ",", "")
	case KindEDN:
		return v.S
	}
	return string(quoteEDN(nil, strings.ToValidUTF8(v.S, "\uFFFD")))
}
