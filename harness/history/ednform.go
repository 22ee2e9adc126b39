package history

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// ednParser reads forms from the bytes of a file that are there, from at on. Where they do
// not suffice it fails with errMore, and is asked again once there are more: that costs
// little, for what is read at a time is an operation, and the bytes are many operations'.
type ednParser struct {
	forms
	at  int
	end bool // there is nothing behind the text
}

var (
	errMore       = errors.New("the text ends too early")
	errUnexpected = errors.New("unexpected character")
)

// The classes of bytes.
const (
	blank     = 1 << iota
	delimiter // what ends a word
)

var class = func() (c [256]uint8) {
	for _, b := range []byte(" \t\n\r,") {
		c[b] = blank | delimiter
	}
	for _, b := range []byte(`;"[](){}`) {
		c[b] = delimiter
	}
	return c
}()

// start passes over blanks, commas and comments, and returns the byte that follows, where
// the parser then stands.
func (p *ednParser) start() (byte, error) {
	for ; p.at < len(p.text); p.at++ {
		c := p.text[p.at]
		if class[c]&blank != 0 {
			continue
		}
		if c != ';' {
			return c, nil
		}
		line := bytes.IndexByte(p.text[p.at:], '\n')
		if line < 0 && p.end {
			p.at = len(p.text)
		}
		if line < 0 {
			return 0, errMore
		}
		p.at += line
	}
	return 0, errMore
}

// form reads one form.
func (p *ednParser) form(depth int) error {
	if depth > deepest {
		return fmt.Errorf("forms are nested more than %d deep", deepest)
	}
	c, err := p.start()
	if err != nil {
		return err
	}
	if c < ' ' {
		return fmt.Errorf("%w %q", errUnexpected, c)
	}
	switch c {
	case '[':
		return p.list(formVector, ']', depth)
	case '(':
		return p.list(formVector, ')', depth)
	case '{':
		return p.list(formMap, '}', depth)
	case '"':
		p.at++
		return p.string()
	case '#':
		p.at++
		return p.tagged(depth)
	case '^':
		p.at++
		if err := p.passOver(depth); err != nil { // metadata
			return err
		}
		return p.form(depth + 1)
	case '\\':
		from := p.at
		// A character literal may be a delimiter itself.
		if p.at++; p.at < len(p.text) && class[p.text[p.at]]&delimiter != 0 {
			p.at++
		}
		to, err := p.word()
		p.words(formOther, from, to)
		return err
	case ':':
		p.at++
		from := p.at
		to, err := p.word()
		if err == nil && from == to {
			err = errors.New("a keyword without a name")
		}
		p.words(formKeyword, from, to)
		return err
	case ']', ')', '}':
		return fmt.Errorf("%w %q", errUnexpected, c)
	}
	return p.plain()
}

// plain reads a number, a name or one of the constants.
func (p *ednParser) plain() error {
	from := p.at
	to, err := p.word()
	if err != nil {
		return err
	}
	w := p.text[from:to]
	if n, ok := integer(w); ok {
		p.leaf(formInt, n)
		return nil
	}
	if string(w) == "nil" {
		p.leaf(formNil, 0)
		return nil
	}
	p.words(formOther, from, to)
	return nil
}

// integer reads a word as an integer of 64 bits, if it is one.
func integer(w []byte) (int64, bool) {
	digits := w
	if len(digits) > 0 && (digits[0] == '-' || digits[0] == '+') {
		digits = digits[1:]
	}
	if len(digits) == 0 || digits[0] < '0' || digits[0] > '9' {
		return 0, false
	}
	if len(w) > 18 || w[len(w)-1] == 'N' {
		n, err := strconv.ParseInt(string(bytes.TrimSuffix(w, []byte("N"))), 10, 64)
		return n, err == nil
	}
	var n int64
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if w[0] == '-' {
		n = -n
	}
	return n, true
}

// longestWord is how long a word may be.
const longestWord = 1 << 16

// word finds the end of the word that the parser stands in, and goes there.
func (p *ednParser) word() (to int, err error) {
	from := p.at
	high := byte(0)
	for p.at < len(p.text) {
		c := p.text[p.at]
		if class[c]&delimiter != 0 {
			break
		}
		high |= c
		p.at++
	}
	switch {
	case p.at-from > longestWord:
		return 0, fmt.Errorf("a word is longer than %d bytes", longestWord)
	case p.at == len(p.text) && !p.end:
		return 0, errMore
	case high >= utf8.RuneSelf && !utf8.Valid(p.text[from:p.at]):
		return 0, errors.New("a word is not UTF-8")
	}
	return p.at, nil
}

// list reads forms up to the closing bracket.
func (p *ednParser) list(kind formKind, end byte, depth int) error {
	p.at++
	top, parts := p.open(kind), 0
	for {
		c, err := p.start()
		if err != nil {
			return err
		}
		if c == end {
			break
		}
		if c == '#' {
			// A discarded form may be the last, so that no form follows it.
			if p.at+1 == len(p.text) {
				return errMore
			}
			if p.text[p.at+1] == '_' {
				p.at += 2
				if err := p.passOver(depth); err != nil {
					return err
				}
				continue
			}
		}
		if err := p.form(depth + 1); err != nil {
			return err
		}
		parts++
	}
	p.at++
	p.shut(top)
	if kind == formMap && parts%2 != 0 {
		return errors.New("a map has a key without a value")
	}
	return nil
}

// passOver reads a form that does not count.
func (p *ednParser) passOver(depth int) error {
	before := len(p.nodes)
	err := p.form(depth + 1)
	p.nodes = p.nodes[:before]
	return err
}

// tagged reads what comes after #: a set, a discarded form, or a tag and its form.
func (p *ednParser) tagged(depth int) error {
	if p.at == len(p.text) {
		return errMore
	}
	c := p.text[p.at]
	switch {
	case c == '{':
		return p.list(formSet, '}', depth)
	case c == '_':
		p.at++
		if err := p.passOver(depth); err != nil {
			return err
		}
		return p.form(depth + 1)
	case c == '#': // ##Inf, ##NaN
		from := p.at - 1
		to, err := p.word()
		p.words(formOther, from, to)
		return err
	case class[c]&delimiter != 0, c < ' ':
		return fmt.Errorf("%w %q after #", errUnexpected, c)
	}
	from := p.at
	to, err := p.word()
	if err != nil {
		return err
	}
	switch tag := p.text[from:to]; {
	case bytes.HasPrefix(tag, []byte("jepsen.independent")), bytes.HasSuffix(tag, []byte("MapEntry")):
		top := len(p.nodes)
		err := p.form(depth + 1)
		if err == nil {
			p.nodes[top].tuple = true
		}
		return err
	case bytes.HasPrefix(tag, []byte("jepsen.")): // a record: its map is all that matters
		return p.form(depth + 1)
	}
	p.words(formTagged, from, to)
	top := len(p.nodes) - 1
	err = p.form(depth + 1)
	p.shut(top)
	return err
}

// string reads a string after its opening quote.
func (p *ednParser) string() error {
	from := p.at
	for i, c := range p.text[from:] {
		switch {
		case c == '"':
			p.at = from + i + 1
			return p.quoted(formText, from, from+i)
		case c == '\\':
			return p.escapedString()
		}
	}
	return errMore
}

// quoted adds a string as it stands in the text.
func (p *ednParser) quoted(kind formKind, from, to int) error {
	if !utf8.Valid(p.text[from:to]) {
		return errors.New("a string is not UTF-8")
	}
	p.words(kind, from, to)
	return nil
}

var ednEscapes = map[byte]byte{'n': '\n', 't': '\t', 'r': '\r', '"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f'}

// escapedString reads a string with escapes, from its beginning.
func (p *ednParser) escapedString() error {
	from := len(p.decoded)
	for i := p.at; i < len(p.text); i++ {
		c := p.text[i]
		switch c {
		case '"':
			p.at = i + 1
			if !utf8.Valid(p.decoded[from:]) {
				return errors.New("a string is not UTF-8")
			}
			p.words(formText, from, len(p.decoded))
			p.nodes[len(p.nodes)-1].escaped = true
			return nil
		case '\\':
			if i++; i == len(p.text) {
				return errMore
			}
			if c = p.text[i]; c == 'u' {
				if i+5 > len(p.text) {
					return errMore
				}
				n, err := strconv.ParseUint(string(p.text[i+1:i+5]), 16, 16)
				if err != nil {
					return fmt.Errorf(`\u%q is no character`, p.text[i+1:i+5])
				}
				p.decoded = utf8.AppendRune(p.decoded, rune(n))
				i += 4
				continue
			}
			meant, known := ednEscapes[c]
			if !known {
				return fmt.Errorf("a string holds %q, which means nothing", `\`+string(rune(c)))
			}
			c = meant
		}
		p.decoded = append(p.decoded, c)
	}
	return errMore
}
