package host

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/faultline-dev/faultline/harness/node"
)

// Everything on a connection is a frame:
//
//	+--------+----------+------+----------------------+   length: of kind and body, 4 bytes
//	| length | checksum | kind | body                 |   checksum: their CRC-32C, 4 bytes
//	+--------+----------+------+----------------------+   both big-endian
//
// TCP's own checksum is weak, and packets are meddled with here on purpose: a message may
// be lost, but not altered.
//
// The first frame of a connection says who calls: a peer, whose connection carries
// messages one way and pings, or a client, whose connection carries requests and status
// questions, each with a number that its answer repeats.

type kind byte

const (
	helloPeer   kind = iota + 1 // version, the caller's name, the name of the node it wants
	helloClient                 // version
	message                     // a node.Message
	ping                        // nothing; answered by a pong
	pong
	request // number, a node.Message
	reply   // number, a node.Message
	refusal // number, why the node never saw the request
	query   // number
	state   // number, a State
)

const (
	version = 1
	// maxFrame bounds what a peer or client can make us hold.
	maxFrame = 64 << 20
	// eager is how much is allocated on the word of a length alone.
	eager = 64 << 10

	headerSize = 8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errFrame = errors.New("malformed frame")

// openFrame begins a frame at the end of b; closeFrame writes its length and checksum.
func openFrame(b []byte, k kind) []byte { return append(b, 0, 0, 0, 0, 0, 0, 0, 0, byte(k)) }

func closeFrame(b []byte, start int) ([]byte, error) {
	content := b[start+headerSize:]
	n := len(content)
	if n > maxFrame {
		return b[:start], fmt.Errorf("a frame of %d bytes is too large; at most %d are allowed", n, maxFrame)
	}
	binary.BigEndian.PutUint32(b[start:], uint32(n))
	binary.BigEndian.PutUint32(b[start+4:], crc32.Checksum(content, castagnoli))
	return b, nil
}

// appendMessage appends a frame whose body is a message.
func appendMessage(b []byte, m node.Message) ([]byte, error) {
	return appendBody(openFrame(b, message), len(b), m)
}

// appendNumbered appends a frame whose body is a number and a message.
func appendNumbered(b []byte, k kind, number uint64, m node.Message) ([]byte, error) {
	start := len(b)
	return appendBody(binary.BigEndian.AppendUint64(openFrame(b, k), number), start, m)
}

func appendBody(b []byte, start int, m node.Message) ([]byte, error) {
	b, err := m.AppendBinary(b)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", m, err)
	}
	return closeFrame(b, start)
}

// bare is a frame without a body.
func bare(k kind) []byte {
	b, _ := closeFrame(openFrame(nil, k), 0)
	return b
}

// appendRefusal appends the answer to a request that the node never saw.
func appendRefusal(b []byte, number uint64, reason string) ([]byte, error) {
	start := len(b)
	b = binary.BigEndian.AppendUint64(openFrame(b, refusal), number)
	return closeFrame(append(b, reason...), start)
}

// appendQuery appends the question for a State, appendState its answer.
func appendQuery(b []byte, number uint64) ([]byte, error) {
	start := len(b)
	return closeFrame(binary.BigEndian.AppendUint64(openFrame(b, query), number), start)
}

func appendState(b []byte, number uint64, s State) ([]byte, error) {
	start := len(b)
	b = binary.BigEndian.AppendUint64(openFrame(b, state), number)
	return closeFrame(s.append(b), start)
}

// frame is one that arrived. Its body is valid until the next read.
type frame struct {
	kind kind
	body []byte
}

// numbered splits the number off a body.
func (f frame) numbered() (uint64, []byte, error) {
	if len(f.body) < 8 {
		return 0, nil, fmt.Errorf("%w: kind %d without its number", errFrame, f.kind)
	}
	return binary.BigEndian.Uint64(f.body), f.body[8:], nil
}

// frameReader takes frames off a stream.
type frameReader struct {
	r   *bufio.Reader
	buf []byte
}

func newFrameReader(r io.Reader) *frameReader {
	return &frameReader{r: bufio.NewReaderSize(r, eager)}
}

// next returns the next frame; io.EOF at the end of the stream between two frames.
func (fr *frameReader) next() (frame, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(fr.r, header[:]); err != nil {
		return frame{}, err
	}
	n := int64(binary.BigEndian.Uint32(header[:]))
	if n < 1 || n > maxFrame {
		return frame{}, fmt.Errorf("%w: length %d", errFrame, n)
	}
	if err := fr.fill(int(n)); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return frame{}, err
	}
	if crc32.Checksum(fr.buf, castagnoli) != binary.BigEndian.Uint32(header[4:]) {
		return frame{}, fmt.Errorf("%w: its checksum does not match", errFrame)
	}
	return frame{kind(fr.buf[0]), fr.buf[1:]}, nil
}

// fill reads n bytes into buf, growing it only as they really come.
func (fr *frameReader) fill(n int) error {
	fr.buf = fr.buf[:0]
	for len(fr.buf) < n {
		step := min(n-len(fr.buf), max(eager, len(fr.buf)))
		if need := len(fr.buf) + step; cap(fr.buf) < need {
			grown := make([]byte, len(fr.buf), need)
			copy(grown, fr.buf)
			fr.buf = grown
		}
		chunk := fr.buf[len(fr.buf) : len(fr.buf)+step]
		if _, err := io.ReadFull(fr.r, chunk); err != nil {
			return err
		}
		fr.buf = fr.buf[:len(fr.buf)+step]
	}
	return nil
}

// hello is the first frame of a connection.
type hello struct {
	peer     bool
	from, to node.ID // of a peer
}

func (h hello) append(b []byte) []byte {
	start, k := len(b), helloClient
	if h.peer {
		k = helloPeer
	}
	b = append(openFrame(b, k), version)
	if h.peer {
		b = appendText(b, string(h.from))
		b = appendText(b, string(h.to))
	}
	b, _ = closeFrame(b, start) // names are short
	return b
}

func parseHello(f frame) (hello, error) {
	if f.kind != helloPeer && f.kind != helloClient {
		return hello{}, fmt.Errorf("%w: a connection began with kind %d", errFrame, f.kind)
	}
	if len(f.body) == 0 || f.body[0] != version {
		return hello{}, fmt.Errorf("%w: a caller of another version", errFrame)
	}
	h := hello{peer: f.kind == helloPeer}
	rest := f.body[1:]
	if h.peer {
		var from, to string
		var ok bool
		if from, rest, ok = cutText(rest); !ok {
			return hello{}, fmt.Errorf("%w: hello without names", errFrame)
		}
		if to, rest, ok = cutText(rest); !ok {
			return hello{}, fmt.Errorf("%w: hello without names", errFrame)
		}
		h.from, h.to = node.ID(from), node.ID(to)
	}
	if len(rest) > 0 {
		return hello{}, fmt.Errorf("%w: hello with %d bytes too many", errFrame, len(rest))
	}
	return h, nil
}

// State is what a node says of itself. That it answers at all means that it has started
// and that its loop runs.
type State struct {
	ID    node.ID
	Leads bool   // it believes that it leads, in Term
	Term  uint64 // of its last report; 0 if it never reported
}

func (s State) append(b []byte) []byte {
	leads := byte(0)
	if s.Leads {
		leads = 1
	}
	b = binary.AppendUvarint(append(b, leads), s.Term)
	return appendText(b, string(s.ID))
}

func parseState(b []byte) (State, error) {
	if len(b) == 0 || b[0] > 1 {
		return State{}, fmt.Errorf("%w: state", errFrame)
	}
	term, w := binary.Uvarint(b[1:])
	if w <= 0 {
		return State{}, fmt.Errorf("%w: state without a term", errFrame)
	}
	id, rest, ok := cutText(b[1+w:])
	if !ok || len(rest) > 0 {
		return State{}, fmt.Errorf("%w: state without a name", errFrame)
	}
	return State{ID: node.ID(id), Leads: b[0] == 1, Term: term}, nil
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func cutText(b []byte) (s string, rest []byte, ok bool) {
	n, w := binary.Uvarint(b)
	if w <= 0 || n > uint64(len(b)-w) {
		return "", b, false
	}
	return string(b[w : w+int(n)]), b[w+int(n):], true
}
