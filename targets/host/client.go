package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/node"
)

// writeWithin bounds the handing over of a request when its context has no deadline.
const writeWithin = 5 * time.Second

// Client is a connection to one node: a cluster.Caller. It carries one call at a time.
type Client struct {
	addr   string
	codec  node.Codec
	number uint64
	live   *wire // nil after a connection was lost
}

// wire is one TCP connection and the goroutine that reads from it.
type wire struct {
	c       net.Conn
	answers chan answer
	quit    chan struct{}
	ended   chan struct{} // reading ended; err says why
	err     error
}

type answer struct {
	kind   kind
	number uint64
	m      node.Message
	state  State
	text   string
}

// Dial connects to the node that listens on addr. Its errors are definite.
func Dial(ctx context.Context, addr string, codec node.Codec) (*Client, error) {
	c := &Client{addr: addr, codec: codec}
	if err := c.connect(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Client) connect(ctx context.Context) error {
	nc, err := (&net.Dialer{}).DialContext(ctx, "tcp", c.addr)
	if err != nil {
		return cluster.Definite(fmt.Errorf("connect: %w", err))
	}
	w := &wire{c: nc, answers: make(chan answer), quit: make(chan struct{}), ended: make(chan struct{})}
	go w.read(c.codec)
	if _, err := nc.Write(hello{}.append(nil)); err != nil {
		w.close()
		return cluster.Definite(fmt.Errorf("connect: %w", err))
	}
	c.live = w
	return nil
}

// Call implements cluster.Caller. A connection that is found lost costs that call alone:
// the next one connects again.
func (c *Client) Call(ctx context.Context, m node.Message) (node.Message, error) {
	a, err := c.ask(ctx, func(b []byte, number uint64) ([]byte, error) {
		return appendNumbered(b, request, number, m)
	})
	switch {
	case err != nil:
		return nil, err
	case a.kind == refusal:
		return nil, cluster.Definite(fmt.Errorf("refused: %s", a.text))
	case a.kind != reply:
		c.lose()
		return nil, fmt.Errorf("%w: kind %d in answer to a request", errFrame, a.kind)
	}
	return a.m, nil
}

// State asks the node for its state.
func (c *Client) State(ctx context.Context) (State, error) {
	a, err := c.ask(ctx, appendQuery)
	switch {
	case err != nil:
		return State{}, err
	case a.kind != state:
		c.lose()
		return State{}, fmt.Errorf("%w: kind %d in answer to a query", errFrame, a.kind)
	}
	return a.state, nil
}

// Close implements cluster.Caller.
func (c *Client) Close() error {
	c.lose()
	return nil
}

func (c *Client) lose() {
	if c.live != nil {
		c.live.close()
		c.live = nil
	}
}

// ask sends a frame and waits for its answer. Whatever ends it early ends the connection
// too: a fault may have stalled it, and TCP would be slow to find out that it is over.
func (c *Client) ask(ctx context.Context, encode func([]byte, uint64) ([]byte, error)) (answer, error) {
	if err := ctx.Err(); err != nil {
		return answer{}, cluster.Definite(err)
	}
	if c.live == nil {
		if err := c.connect(ctx); err != nil {
			return answer{}, err
		}
	}
	c.number++
	b, err := encode(nil, c.number)
	if err != nil {
		return answer{}, cluster.Definite(err)
	}
	w := c.live
	select {
	case <-w.ended:
		c.lose()
		return answer{}, cluster.Definite(fmt.Errorf("connection lost before the request: %w", w.err))
	default:
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = w.c.SetWriteDeadline(deadline)
	} else {
		_ = w.c.SetWriteDeadline(time.Now().Add(writeWithin))
	}
	if n, err := w.c.Write(b); err != nil {
		c.lose()
		err = fmt.Errorf("send the request: %w", err)
		if n < len(b) { // half a frame: the node cannot act on it
			err = cluster.Definite(err)
		}
		return answer{}, err
	}
	for {
		select {
		case a := <-w.answers:
			if a.number == c.number {
				return a, nil
			}
		case <-w.ended:
			c.lose()
			return answer{}, fmt.Errorf("connection lost before the answer: %w", w.err)
		case <-ctx.Done():
			c.lose()
			return answer{}, ctx.Err()
		}
	}
}

func (w *wire) close() {
	close(w.quit)
	_ = w.c.Close()
	<-w.ended
}

// read decodes answers until the connection ends.
func (w *wire) read(codec node.Codec) {
	defer close(w.ended)
	fr := newFrameReader(w.c)
	for {
		f, err := fr.next()
		if err == nil {
			var a answer
			if a, err = decodeAnswer(f, codec); err == nil {
				select {
				case w.answers <- a:
					continue
				case <-w.quit:
					err = net.ErrClosed
				}
			}
		}
		w.err = err
		return
	}
}

func decodeAnswer(f frame, codec node.Codec) (answer, error) {
	number, body, err := f.numbered()
	if err != nil {
		return answer{}, err
	}
	a := answer{kind: f.kind, number: number}
	switch f.kind {
	case reply:
		if codec == nil {
			return a, errors.New("an answer in a language that this client does not speak")
		}
		a.m, err = codec(body)
	case refusal:
		a.text = string(body)
	case state:
		a.state, err = parseState(body)
	default:
		err = fmt.Errorf("%w: kind %d from a node", errFrame, f.kind)
	}
	if err != nil {
		return a, fmt.Errorf("decode an answer: %w", err)
	}
	return a, nil
}

// Status asks the node that listens on addr for its state, on a connection of its own.
func Status(ctx context.Context, addr string) (State, error) {
	c, err := Dial(ctx, addr, nil)
	if err != nil {
		return State{}, err
	}
	defer c.Close()
	return c.State(ctx)
}
