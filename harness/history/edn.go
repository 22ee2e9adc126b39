package history

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ReadEDN reads Jepsen's history.edn: maps one after the other, or in one vector or list;
// tagged or not; keys in any order, unknown ones passed over.
func ReadEDN(r io.Reader, o ImportOptions) (*History, error) {
	p := &ednReader{r: bufio.NewReaderSize(limited(r), 1<<16), line: 1}
	im := newImporter(o)
	inside := false // one vector around all
	for {
		c, err := p.start()
		switch {
		case errors.Is(err, io.EOF) && !inside:
			return im.end()
		case err != nil:
			return nil, p.fail(o.Name, err, "the history ends before its vector does")
		case (c == '[' || c == '(') && !inside && im.h.Len() == 0 && len(im.held) == 0:
			inside = true
			continue
		case (c == ']' || c == ')') && inside:
			inside = false
			continue
		}
		p.back()
		line := p.line
		f, err := p.form(0)
		if err != nil {
			return nil, p.fail(o.Name, err, fmt.Sprintf("the operation that begins in line %d has no end", line))
		}
		if f.kind != formMap {
			return nil, fmt.Errorf("%s:%d: an operation is a map, like {:process 0, :type :invoke, :f :read, :value nil}, and not %s", o.Name, line, clip(f.edn()))
		}
		e, err := ednEntry(f, line)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", o.Name, line, err)
		}
		if err := im.add(e); err != nil {
			return nil, err
		}
	}
}

// ednEntry makes an entry of an operation's map.
func ednEntry(f form, line int) (entry, error) {
	e := entry{line: line}
	var seen struct{ process, typ, f bool }
	for i := 0; i+1 < len(f.list); i += 2 {
		key, v := f.list[i], f.list[i+1]
		if key.kind != formKeyword {
			continue
		}
		ok := true
		switch key.s {
		case "process":
			seen.process = true
			switch {
			case v.kind == formKeyword && v.s == "nemesis":
				e.op.Process = Nemesis
			case v.kind == formInt:
				e.op.Process, ok = processNumber(v.n)
			default:
				ok = false
			}
		case "type":
			seen.typ = true
			e.op.Type, ok = typesByName[v.s]
			ok = ok && v.kind == formKeyword
		case "f":
			seen.f = true
			e.op.F = v.s
			ok = v.kind == formKeyword || v.kind == formText || v.kind == formOther
		case "time":
			e.timed, e.op.Time = v.kind == formInt, v.n
			ok = v.kind == formInt || v.kind == formNil
		case "value":
			e.value = v
		case "error":
			switch v.kind {
			case formNil:
			case formText, formKeyword:
				e.op.Error = v.s
			default:
				e.op.Error = v.edn()
			}
		}
		if !ok {
			return e, fmt.Errorf(":%s cannot be %s", key.s, clip(v.edn()))
		}
	}
	switch {
	case !seen.process:
		return e, errors.New("the operation has no :process")
	case !seen.typ:
		return e, errors.New("the operation has no :type")
	case !seen.f:
		return e, errors.New("the operation has no :f")
	}
	return e, nil
}

// clip shortens what a file says so that it fits into an error's line.
func clip(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, s)
	if len(s) <= 60 {
		return s
	}
	return strings.ToValidUTF8(s[:60], "") + "..."
}
