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

// jsonOp is a line of JSON lines.
type jsonOp struct {
	Index   int             `json:"index"`
	Time    *int64          `json:"time"`
	Process json.RawMessage `json:"process"` // a number or "nemesis"
	Type    string          `json:"type"`
	F       string          `json:"f"`
	Key     *int64          `json:"key,omitempty"`
	Value   json.RawMessage `json:"value"`
	Error   string          `json:"error,omitempty"`
}

// jsonEDN carries a value that JSON has no form for.
type jsonEDN struct {
	EDN string `json:"edn"`
}

// longestLine bounds a line of JSON.
const longestLine = 16 << 20

// ReadJSONL reads a history with an operation event on each line, as docs/history-import.md
// describes it.
func ReadJSONL(r io.Reader, o ImportOptions) (*History, error) {
	lines := bufio.NewScanner(limited(r))
	lines.Buffer(make([]byte, 1<<16), longestLine)
	im := newImporter(o)
	number := 0
	for lines.Scan() {
		number++
		text := bytes.TrimSpace(lines.Bytes())
		if len(text) == 0 {
			continue
		}
		e, err := jsonEntry(text, number)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", o.Name, number, err)
		}
		if e.op.Keyed && !im.decided {
			// The key stands by itself, so values are none of the tuples that are looked for.
			if err := im.release(); err != nil {
				return nil, err
			}
		}
		if err := im.add(e); err != nil {
			return nil, err
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s:%d: %w", o.Name, number+1, err)
	}
	return im.end()
}

func jsonEntry(text []byte, number int) (entry, error) {
	var line jsonOp
	e := entry{line: number}
	if err := json.Unmarshal(text, &line); err != nil {
		return e, fmt.Errorf("not an operation: %w", err)
	}
	e.op = Op{F: line.F, Error: line.Error}
	var n int64
	var name string
	switch {
	case len(line.Process) == 0:
		return e, errors.New(`the operation has no "process"`)
	case json.Unmarshal(line.Process, &n) == nil:
		var ok bool
		if e.op.Process, ok = processNumber(n); !ok {
			return e, fmt.Errorf(`"process" cannot be %d`, n)
		}
	case json.Unmarshal(line.Process, &name) == nil && name == "nemesis":
		e.op.Process = Nemesis
	default:
		return e, fmt.Errorf(`"process" cannot be %s`, clip(string(line.Process)))
	}
	var ok bool
	if e.op.Type, ok = typesByName[line.Type]; !ok {
		return e, fmt.Errorf(`"type" cannot be %q: it is invoke, ok, fail or info`, clip(line.Type))
	}
	if line.F == "" {
		return e, errors.New(`the operation has no "f"`)
	}
	if line.Time != nil {
		e.timed, e.op.Time = true, *line.Time
	}
	if line.Key != nil {
		e.op.Key, e.op.Keyed = *line.Key, true
	}
	if len(line.Value) == 0 {
		return e, nil
	}
	dec := json.NewDecoder(bytes.NewReader(line.Value))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return e, fmt.Errorf("value: %w", err)
	}
	var err error
	e.value, err = jsonForm(v, 0)
	return e, err
}

// jsonForm turns a JSON value into a form.
func jsonForm(v any, depth int) (form, error) {
	if depth > deepest {
		return form{}, fmt.Errorf("values are nested more than %d deep", deepest)
	}
	switch v := v.(type) {
	case nil:
		return form{}, nil
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return form{kind: formInt, n: n}, nil
		}
		return form{kind: formOther, s: v.String()}, nil
	case string:
		return form{kind: formText, s: v}, nil
	case bool:
		return form{kind: formOther, s: fmt.Sprint(v)}, nil
	case []any:
		f := form{kind: formVector}
		for _, e := range v {
			inner, err := jsonForm(e, depth+1)
			if err != nil {
				return form{}, err
			}
			f.list = append(f.list, inner)
		}
		return f, nil
	case map[string]any:
		if s, ok := v["edn"].(string); ok && len(v) == 1 {
			return form{kind: formOther, s: s}, nil
		}
	}
	return form{}, errors.New(`a value is null, a number, a string, a list, or {"edn": "..."}`)
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
			line.Key = &op.Key
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
