package history

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonParser reads the JSON value of a line (RFC 8259) into forms.
type jsonParser struct {
	forms
	at  int
	edn *ednParser // for values that JSON has no form for
}

var errJSONEnd = errors.New("the line ends in the middle of a value")

// line reads the one value of the line.
func (p *jsonParser) line(text []byte) error {
	p.reset()
	p.text, p.at = text, 0
	if err := p.form(0); err != nil {
		return err
	}
	if p.blanks(); p.at < len(p.text) {
		return fmt.Errorf("%w %q after the value", errUnexpected, p.text[p.at])
	}
	return nil
}

func (p *jsonParser) blanks() {
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case ' ', '\t', '\r', '\n':
			p.at++
		default:
			return
		}
	}
}

// next is the byte that follows the blanks.
func (p *jsonParser) next() (byte, error) {
	if p.blanks(); p.at == len(p.text) {
		return 0, errJSONEnd
	}
	return p.text[p.at], nil
}

// form reads one value.
func (p *jsonParser) form(depth int) error {
	if depth > deepest {
		return fmt.Errorf("values are nested more than %d deep", deepest)
	}
	c, err := p.next()
	if err != nil {
		return err
	}
	switch {
	case c == '{':
		return p.list(formMap, '}', depth)
	case c == '[':
		return p.list(formVector, ']', depth)
	case c == '"':
		return p.string()
	case c == '-', c >= '0' && c <= '9':
		return p.number()
	case c >= 'a' && c <= 'z':
		return p.constant()
	}
	return fmt.Errorf("%w %q", errUnexpected, c)
}

// list reads an array or an object.
func (p *jsonParser) list(kind formKind, end byte, depth int) error {
	p.at++
	top := p.open(kind)
	for first := true; ; first = false {
		c, err := p.next()
		if err != nil {
			return err
		}
		if c == end && first {
			break
		}
		if kind == formMap {
			if c != '"' {
				return fmt.Errorf("%w %q where a name in quotes is due", errUnexpected, c)
			}
			if err := p.string(); err != nil {
				return err
			}
			if c, err = p.next(); err != nil {
				return err
			}
			if c != ':' {
				return fmt.Errorf("%w %q where a colon is due", errUnexpected, c)
			}
			p.at++
		}
		if err := p.form(depth + 1); err != nil {
			return err
		}
		if c, err = p.next(); err != nil {
			return err
		}
		if c == end {
			break
		}
		if c != ',' {
			return fmt.Errorf("%w %q where a comma or %q is due", errUnexpected, c, end)
		}
		p.at++
	}
	p.at++
	p.shut(top)
	return nil
}

// constant reads null, true or false.
func (p *jsonParser) constant() error {
	for _, word := range [...]string{"null", "true", "false"} {
		if !bytes.HasPrefix(p.text[p.at:], []byte(word)) {
			continue
		}
		from := p.at
		if p.at += len(word); word == "null" {
			p.leaf(formNil, 0)
		} else {
			p.words(formOther, from, p.at)
		}
		return nil
	}
	return fmt.Errorf("%w %q", errUnexpected, p.text[p.at])
}

// number reads a number; what is no integer of 64 bits is kept as it is written.
func (p *jsonParser) number() error {
	from := p.at
	digits := func() bool {
		begin := p.at
		for p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '9' {
			p.at++
		}
		return p.at > begin
	}
	follows := func(a, b byte) bool {
		if p.at < len(p.text) && (p.text[p.at] == a || p.text[p.at] == b) {
			p.at++
			return true
		}
		return false
	}
	follows('-', '-')
	ok := follows('0', '0') || digits()
	if follows('.', '.') {
		ok = ok && digits()
	}
	if follows('e', 'E') {
		follows('+', '-')
		ok = ok && digits()
	}
	if !ok || p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '9' {
		return fmt.Errorf("%s is no number", clip(p.text[from:min(p.at+1, len(p.text))]))
	}
	if n, ok := integer(p.text[from:p.at]); ok {
		p.leaf(formInt, n)
	} else if p.at-from > longestWord {
		return fmt.Errorf("a number is longer than %d bytes", longestWord)
	} else {
		p.words(formOther, from, p.at)
	}
	return nil
}

// string reads a string from its opening quote on.
func (p *jsonParser) string() error {
	p.at++
	from := p.at
	for i, c := range p.text[from:] {
		switch {
		case c == '"':
			p.at = from + i + 1
			if !utf8.Valid(p.text[from : from+i]) {
				return errors.New("a string is not UTF-8")
			}
			p.words(formText, from, from+i)
			return nil
		case c == '\\':
			return p.escapedString()
		case c < ' ':
			return fmt.Errorf("%w %q in a string", errUnexpected, c)
		}
	}
	return errJSONEnd
}

var jsonEscapes = map[byte]byte{'n': '\n', 't': '\t', 'r': '\r', '"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f'}

// escapedString reads a string with escapes, from its first byte on.
func (p *jsonParser) escapedString() error {
	from := len(p.decoded)
	for p.at < len(p.text) {
		c := p.text[p.at]
		p.at++
		switch {
		case c == '"':
			if !utf8.Valid(p.decoded[from:]) {
				return errors.New("a string is not UTF-8")
			}
			p.words(formText, from, len(p.decoded))
			p.nodes[len(p.nodes)-1].escaped = true
			return nil
		case c < ' ':
			return fmt.Errorf("%w %q in a string", errUnexpected, c)
		case c == '\\':
			if p.at == len(p.text) {
				return errJSONEnd
			}
			c = p.text[p.at]
			p.at++
			if c == 'u' {
				r, err := p.unicode()
				if err != nil {
					return err
				}
				p.decoded = utf8.AppendRune(p.decoded, r)
				continue
			}
			meant, known := jsonEscapes[c]
			if !known {
				return fmt.Errorf("a string holds %q, which means nothing", `\`+string(rune(c)))
			}
			c = meant
		}
		p.decoded = append(p.decoded, c)
	}
	return errJSONEnd
}

// unicode reads the digits after \u; two such make up a character beyond 16 bits.
func (p *jsonParser) unicode() (rune, error) {
	r, err := p.hex()
	if err != nil || !utf16.IsSurrogate(r) {
		return r, err
	}
	if !bytes.HasPrefix(p.text[p.at:], []byte(`\u`)) {
		return utf8.RuneError, nil
	}
	before := p.at
	p.at += 2
	low, err := p.hex()
	if err != nil {
		return 0, err
	}
	if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
		p.at = before // that is a character of its own
	}
	return r, nil
}

func (p *jsonParser) hex() (rune, error) {
	if p.at+4 > len(p.text) {
		return 0, errJSONEnd
	}
	n, err := strconv.ParseUint(string(p.text[p.at:p.at+4]), 16, 16)
	if err != nil {
		return 0, fmt.Errorf(`\u%q is no character`, p.text[p.at:p.at+4])
	}
	p.at += 4
	return rune(n), nil
}
