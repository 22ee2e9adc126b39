package history

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ednReader reads forms.
type ednReader struct {
	r    *bufio.Reader
	line int
	word []byte
}

// deepest is how far forms may be nested.
const deepest = 100

var errUnexpected = errors.New("unexpected character")

// fail puts an error into words.
func (p *ednReader) fail(name string, err error, atEnd string) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%s:%d: %s", name, p.line, atEnd)
	}
	return fmt.Errorf("%s:%d: %w", name, p.line, err)
}

func (p *ednReader) next() (byte, error) {
	c, err := p.r.ReadByte()
	if c == '\n' && err == nil {
		p.line++
	}
	return c, err
}

// back puts the last byte, which is no newline, back.
func (p *ednReader) back() { _ = p.r.UnreadByte() }

// start is the first byte of what comes next, past blanks, commas and comments.
func (p *ednReader) start() (byte, error) {
	for {
		c, err := p.next()
		if err != nil {
			return 0, err
		}
		switch c {
		case ' ', '\t', '\n', '\r', ',':
		case ';':
			for c != '\n' {
				if c, err = p.next(); err != nil {
					return 0, err
				}
			}
		default:
			return c, nil
		}
	}
}

var closers = map[byte]byte{'[': ']', '(': ')', '{': '}'}

// form reads one form.
func (p *ednReader) form(depth int) (form, error) {
	if depth > deepest {
		return form{}, fmt.Errorf("forms are nested more than %d deep", deepest)
	}
	c, err := p.start()
	if err != nil {
		return form{}, err
	}
	switch c {
	case '[', '(':
		list, err := p.list(closers[c], depth)
		return form{kind: formVector, list: list}, err
	case '{':
		list, err := p.list('}', depth)
		if err == nil && len(list)%2 != 0 {
			err = errors.New("a map has a key without a value")
		}
		return form{kind: formMap, list: list}, err
	case '"':
		s, err := p.text()
		return form{kind: formText, s: s}, err
	case '#':
		return p.tagged(depth)
	case '^':
		if _, err := p.form(depth + 1); err != nil { // metadata
			return form{}, err
		}
		return p.form(depth + 1)
	case '\\':
		w, err := p.atom(0, true)
		return form{kind: formOther, s: `\` + w}, err
	case ':':
		w, err := p.atom(0, false)
		if err == nil && w == "" {
			err = errors.New("a keyword without a name")
		}
		return form{kind: formKeyword, s: w}, err
	case ']', ')', '}':
		return form{}, fmt.Errorf("%w %q", errUnexpected, c)
	}
	if c < ' ' {
		return form{}, fmt.Errorf("%w %q", errUnexpected, c)
	}
	w, err := p.atom(c, false)
	if err != nil {
		return form{}, err
	}
	return word(w)
}

// list reads forms up to the closing bracket.
func (p *ednReader) list(end byte, depth int) ([]form, error) {
	var list []form
	for {
		c, err := p.start()
		if err != nil {
			return nil, err
		}
		if c == end {
			return list, nil
		}
		p.back()
		if c == '#' {
			// A discarded form may be the last, so that no form follows it.
			if discarded, err := p.discard(depth); err != nil {
				return nil, err
			} else if discarded {
				continue
			}
		}
		f, err := p.form(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, f)
	}
}

// discard passes over a form after #_ if there is one.
func (p *ednReader) discard(depth int) (bool, error) {
	two, err := p.r.Peek(2)
	if err != nil || two[1] != '_' {
		return false, nil
	}
	_, _ = p.r.Discard(2)
	_, err = p.form(depth + 1)
	return true, err
}

// tagged reads what comes after #: a set, a discarded form, or a tag and its form.
func (p *ednReader) tagged(depth int) (form, error) {
	c, err := p.next()
	if err != nil {
		return form{}, err
	}
	switch {
	case c == '{':
		list, err := p.list('}', depth)
		return form{kind: formSet, list: list}, err
	case c == '_':
		if _, err := p.form(depth + 1); err != nil {
			return form{}, err
		}
		return p.form(depth + 1)
	case c == '#': // ##Inf, ##NaN
		w, err := p.atom(0, false)
		return form{kind: formOther, s: "##" + w}, err
	case delimiter(c), c < ' ':
		return form{}, fmt.Errorf("%w %q after #", errUnexpected, c)
	}
	tag, err := p.atom(c, false)
	if err != nil {
		return form{}, err
	}
	f, err := p.form(depth + 1)
	if err != nil {
		return form{}, err
	}
	switch {
	case strings.HasPrefix(tag, "jepsen.independent"), strings.HasSuffix(tag, "MapEntry"):
		f.tuple = true
	case strings.HasPrefix(tag, "jepsen."): // a record: its map is all that matters
	default:
		f = form{kind: formOther, s: "#" + tag + " " + f.edn()}
	}
	return f, nil
}

// text reads a string after its opening quote.
func (p *ednReader) text() (string, error) {
	b := p.word[:0]
	for {
		c, err := p.next()
		if err != nil {
			return "", err
		}
		switch c {
		case '"':
			p.word = b
			if !utf8.Valid(b) {
				return "", errors.New("a string is not UTF-8")
			}
			return string(b), nil
		case '\\':
			if c, err = p.next(); err != nil {
				return "", err
			}
			switch c {
			case 'n':
				c = '\n'
			case 't':
				c = '\t'
			case 'r':
				c = '\r'
			case '"', '\\', '/':
			case 'b':
				c = '\b'
			case 'f':
				c = '\f'
			case 'u':
				var hex [4]byte
				if _, err := io.ReadFull(p.r, hex[:]); err != nil {
					return "", err
				}
				n, err := strconv.ParseUint(string(hex[:]), 16, 16)
				if err != nil {
					return "", fmt.Errorf(`\u%q is no character`, hex[:])
				}
				b = utf8.AppendRune(b, rune(n))
				continue
			default:
				return "", fmt.Errorf("a string holds %q, which means nothing", `\`+string(rune(c)))
			}
		}
		b = append(b, c)
	}
}

func delimiter(c byte) bool {
	switch c {
	case ' ', '\t', '\n', '\r', ',', ';', '"', '[', ']', '(', ')', '{', '}':
		return true
	}
	return false
}

// longest is how long a word may be.
const longest = 1 << 16

// atom reads a word that begins with first (0: not read yet) up to a delimiter. A
// character literal may be a delimiter itself.
func (p *ednReader) atom(first byte, char bool) (string, error) {
	b := p.word[:0]
	if first != 0 {
		b = append(b, first)
	}
	for {
		c, err := p.r.ReadByte()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", err
		}
		if delimiter(c) && !(char && len(b) == 0) {
			p.back()
			break
		}
		if c == '\n' {
			p.line++
		}
		if b = append(b, c); len(b) > longest {
			return "", fmt.Errorf("a word is longer than %d bytes", longest)
		}
	}
	p.word = b
	if !utf8.Valid(b) {
		return "", errors.New("a word is not UTF-8")
	}
	return string(b), nil
}

// word is a number, a name or one of the constants.
func word(w string) (form, error) {
	if w == "nil" {
		return form{}, nil
	}
	if c := w[0]; c >= '0' && c <= '9' || (c == '-' || c == '+') && len(w) > 1 && w[1] >= '0' && w[1] <= '9' {
		if n, err := strconv.ParseInt(strings.TrimSuffix(w, "N"), 10, 64); err == nil {
			return form{kind: formInt, n: n}, nil
		}
	}
	return form{kind: formOther, s: w}, nil
}
