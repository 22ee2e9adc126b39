package history

import (
	"errors"
	"fmt"
	"io"
)

// ReadEDN reads Jepsen's history.edn: maps one after the other, or in one vector or list;
// tagged or not; keys in any order, unknown ones passed over.
func ReadEDN(r io.Reader, o ImportOptions) (*History, error) {
	w := newWindow(r, o)
	im := newImporter(o)
	p := &ednParser{}
	inside := false // one vector around all
	for {
		p.text, p.end, p.at = w.b, w.end, 0
		c, err := p.start()
		w.pass(p.at)
		p.text, p.at = w.b, 0
		switch {
		case errors.Is(err, errMore) && w.end && inside:
			return nil, im.errorf(w.line, "the history ends before its vector does")
		case errors.Is(err, errMore) && w.end:
			return im.finish()
		case errors.Is(err, errMore):
			if err := w.more(); err != nil {
				return nil, im.errorf(w.line, "%w", err)
			}
			continue
		case (c == '[' || c == '(') && !inside && im.h.Len() == 0:
			inside = true
			w.pass(1)
			continue
		case (c == ']' || c == ')') && inside:
			inside = false
			w.pass(1)
			continue
		}
		p.reset()
		if err := p.form(0); errors.Is(err, errMore) {
			if w.end {
				return nil, im.errorf(w.lineAt(len(w.b)), "the operation that begins in line %d has no end", w.line)
			}
			if err := w.more(); err != nil {
				return nil, im.errorf(w.line, "%w", err)
			}
			continue
		} else if err != nil {
			return nil, im.errorf(w.lineAt(min(p.at, len(w.b))), "%w", err)
		}
		if p.nodes[0].kind != formMap {
			return nil, im.errorf(w.line, "an operation is a map, like {:process 0, :type :invoke, :f :read, :value nil}, and not %s", p.clip(0))
		}
		e, err := im.ednEntry(&p.forms, w.line)
		if err != nil {
			return nil, im.errorf(w.line, "%w", err)
		}
		if err := im.add(&p.forms, e); err != nil {
			return nil, err
		}
		w.pass(p.at)
	}
}

// ednEntry makes an entry of an operation's map, which is form 0.
func (im *importer) ednEntry(f *forms, line int) (*entry, error) {
	e := im.blank(line)
	var seen struct{ process, typ, f bool }
	for key := 1; key < len(f.nodes); {
		v := int(f.nodes[key].end)
		is := f.nodes[v].kind
		ok := true
		name := ""
		if f.nodes[key].kind == formKeyword {
			name = fieldName(f.bytes(key))
		}
		switch name {
		case "process":
			seen.process = true
			switch {
			case is == formKeyword && string(f.bytes(v)) == "nemesis":
				e.op.Process = Nemesis
			case is == formInt:
				e.op.Process, ok = processNumber(f.nodes[v].n)
			default:
				ok = false
			}
		case "type":
			seen.typ = true
			ok = is == formKeyword && e.setType(f.bytes(v))
		case "f":
			seen.f = true
			if ok = is == formKeyword || is == formText || is == formOther; ok {
				e.op.F = im.name(f.bytes(v))
			}
		case "time":
			e.timed = is == formInt
			if ok = is == formInt || is == formNil; e.timed {
				e.op.Time = f.nodes[v].n
			}
		case "index":
			if is == formInt {
				e.index = f.nodes[v].n
			}
		case "value":
			e.value = v
		case "error":
			switch is {
			case formNil:
			case formText, formKeyword:
				e.op.Error = im.name(f.bytes(v))
			default:
				e.op.Error = string(f.edn(nil, v))
			}
		}
		if !ok {
			return nil, fmt.Errorf(":%s cannot be %s", name, f.clip(v))
		}
		key = int(f.nodes[v].end)
	}
	switch {
	case !seen.process:
		return nil, errors.New("the operation has no :process")
	case !seen.typ:
		return nil, errors.New("the operation has no :type")
	case !seen.f:
		return nil, errors.New("the operation has no :f")
	}
	return e, nil
}

// fieldName is a field's name, if it is one that counts.
func fieldName(b []byte) string {
	switch string(b) {
	case "process":
		return "process"
	case "type":
		return "type"
	case "f":
		return "f"
	case "time":
		return "time"
	case "index":
		return "index"
	case "key":
		return "key"
	case "value":
		return "value"
	case "error":
		return "error"
	}
	return ""
}
