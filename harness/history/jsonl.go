package history

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// jsonOp is a line of JSON lines, as it is written.
type jsonOp struct {
	Index   int             `json:"index"`
	Time    *int64          `json:"time"`
	Process json.RawMessage `json:"process"` // a number or "nemesis"
	Type    string          `json:"type"`
	F       string          `json:"f"`
	Key     json.RawMessage `json:"key,omitempty"`
	Value   json.RawMessage `json:"value"`
	Error   string          `json:"error,omitempty"`
}

// jsonEDN carries a value that JSON has no form for.
type jsonEDN struct {
	EDN string `json:"edn"`
}

// ReadJSONL reads a history with an operation event on each line, as docs/history-import.md
// describes it.
func ReadJSONL(r io.Reader, o ImportOptions) (*History, error) {
	w := newWindow(r, o)
	im := newImporter(o)
	p := &jsonParser{}
	for {
		end := bytes.IndexByte(w.b, '\n')
		if end < 0 {
			if !w.end {
				if err := w.more(); err != nil {
					return nil, im.errorf(w.line, "%w", err)
				}
				continue
			}
			end = len(w.b)
		}
		if text := bytes.TrimSpace(w.b[:end]); len(text) > 0 {
			e := im.blank(w.line)
			f, err := im.jsonEntry(p, text, e)
			if err != nil {
				return nil, im.errorf(w.line, "%w", err)
			}
			if err := im.add(f, e); err != nil {
				return nil, err
			}
		}
		if end == len(w.b) {
			return im.finish()
		}
		w.b = w.b[end+1:]
		w.line++
	}
}

// jsonEntry makes an entry of a line, and says among which forms its value stands.
func (im *importer) jsonEntry(p *jsonParser, text []byte, e *entry) (*forms, error) {
	if err := p.line(text); err != nil {
		if errors.Is(err, errJSONEnd) && text[0] == '[' && im.h.Len() == 0 {
			return nil, errors.New("JSON lines have an operation on each line and no array around them (jq -c '.[]' makes lines of one)")
		}
		return nil, fmt.Errorf("not an operation: %w", err)
	}
	f := &p.forms
	if f.nodes[0].kind != formMap {
		return nil, errors.New("not an operation, which is an object with process, type, f and value")
	}
	var seen struct{ process, typ bool }
	for key := 1; key < len(f.nodes); {
		v := key + 1
		is := f.nodes[v].kind
		ok := true
		name := fieldName(f.bytes(key))
		switch name {
		case "process":
			seen.process = true
			switch {
			case is == formInt:
				e.op.Process, ok = processNumber(f.nodes[v].n)
			case is == formText && string(f.bytes(v)) == "nemesis":
				e.op.Process = Nemesis
			default:
				ok = false
			}
		case "type":
			seen.typ = true
			if is != formText || !e.setType(f.bytes(v)) {
				return nil, fmt.Errorf(`"type" cannot be %s: it is invoke, ok, fail or info`, f.clip(v))
			}
		case "f":
			if ok = is == formText; ok {
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
		case "key":
			if is != formNil {
				e.key = v
			}
		case "value":
			e.value = v
		case "error":
			switch is {
			case formNil:
			case formText:
				e.op.Error = im.name(f.bytes(v))
			default:
				e.op.Error = string(f.edn(nil, v))
			}
		}
		if !ok {
			return nil, fmt.Errorf("%q cannot be %s", name, f.clip(v))
		}
		key = int(f.nodes[v].end)
	}
	switch {
	case !seen.process:
		return nil, errors.New(`the operation has no "process"`)
	case !seen.typ:
		return nil, errors.New(`the operation has no "type"`)
	case e.op.F == "":
		return nil, errors.New(`the operation has no "f"`)
	}
	if e.key != none {
		forms, at, err := p.embedded(e.key)
		if err != nil {
			return nil, fmt.Errorf("the EDN of the key: %w", err)
		}
		if err := im.key(forms, e, at); err != nil {
			return nil, err
		}
	}
	if e.value == none {
		return f, nil
	}
	forms, at, err := p.embedded(e.value)
	if err != nil {
		return nil, fmt.Errorf("the EDN of the value: %w", err)
	}
	e.value = at
	return forms, nil
}

// embedded says among which forms one of the line's stands: they are the line's own, or those
// of the EDN that it holds, which are good until the next.
func (p *jsonParser) embedded(v int) (*forms, int, error) {
	if p.nodes[v].kind != formMap || int(p.nodes[v].end) != v+3 || string(p.bytes(v+1)) != "edn" || p.nodes[v+2].kind != formText {
		return &p.forms, v, nil
	}
	if p.edn == nil {
		p.edn = &ednParser{end: true}
	}
	p.edn.reset()
	p.edn.text, p.edn.at = p.bytes(v+2), 0
	if err := p.edn.form(0); err != nil {
		return nil, 0, err
	}
	if c, err := p.edn.start(); err == nil {
		return nil, 0, fmt.Errorf("%w %q", errUnexpected, c)
	}
	return &p.edn.forms, 0, nil
}

// WriteJSONL writes a history with an operation event on each line.
func WriteJSONL(w io.Writer, h *History) error {
	out := bufio.NewWriterSize(w, 1<<16)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for i := range h.Len() {
		op := h.At(i)
		line := jsonOp{Index: i, Time: &op.Time, Type: op.Type.String(), F: op.F, Error: strings.ToValidUTF8(op.Error, "\uFFFD")}
		line.Process = fmt.Append(nil, op.Process)
		if op.Process == Nemesis {
			line.Process = []byte(`"nemesis"`)
		}
		if op.Keyed {
			key, err := ParseValue(h.KeyName(op.Key))
			if err != nil {
				return fmt.Errorf("event %d: %w", i, err)
			}
			if line.Key, err = key.json(); err != nil {
				return fmt.Errorf("event %d: %w", i, err)
			}
		}
		value, err := op.Value.json()
		if err != nil {
			return fmt.Errorf("event %d: %w", i, err)
		}
		line.Value = value
		if err := enc.Encode(line); err != nil {
			return err
		}
	}
	return out.Flush()
}

// json is a value in JSON.
func (v Value) json() ([]byte, error) {
	switch v.Kind {
	case KindNil:
		return []byte("null"), nil
	case KindInt:
		return fmt.Append(nil, v.A), nil
	case KindPair:
		return fmt.Appendf(nil, "[%d,%d]", v.A, v.B), nil
	case KindList:
		return json.Marshal(append([]int64{}, v.Ints()...))
	case KindEDN:
		return json.Marshal(jsonEDN{v.S})
	}
	return json.Marshal(strings.ToValidUTF8(v.S, "\uFFFD"))
}
