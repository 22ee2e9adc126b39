package sim

import (
	"context"
	"errors"
	"fmt"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/harness/runtime"
)

// What can become of a request. After the first two the node certainly never saw it.
var (
	ErrRefused = errors.New("connection refused")
	ErrReset   = errors.New("connection reset before the request was sent")
	ErrLost    = errors.New("connection lost while waiting for the answer")
)

// Conn is a client's connection to one life of a node, used by one task at a time.
type Conn struct {
	w      *World
	l      *life
	broken bool // and this end knows it
	closed bool

	waiting *task          // in Call
	request node.RequestID // at the node; 0 until it is there
	sent    uint64         // requests so far
	reply   node.Message
	err     error
	limit   alarm
}

// Dial connects to a node.
func (w *World) Dial(ctx context.Context, id node.ID) (*Conn, error) {
	h := w.host(id)
	if h == nil {
		return nil, fmt.Errorf("no node %s", id)
	}
	for range 2 { // there and back
		if err := w.Sleep(ctx, w.config.Client.Min); err != nil {
			return nil, err
		}
	}
	if h.now == nil {
		return nil, ErrRefused
	}
	c := &Conn{w: w, l: h.now}
	c.limit = alarm{w: w, ring: func() { c.finish(nil, context.DeadlineExceeded) }}
	h.now.conns = append(h.now.conns, c)
	return c, nil
}

// Call sends a request and waits for the reply.
func (c *Conn) Call(ctx context.Context, m node.Message) (node.Message, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if c.broken || c.closed {
		return nil, ErrReset
	}
	w := c.w
	c.sent++
	number := c.sent
	c.request = 0
	w.after(w.config.Client.draw(w.network.rand), func() {
		c.l.do(func() {
			c.l.requests++
			id := node.RequestID(c.l.requests)
			// A client that has given up is not waited for, but what it sent is carried
			// out: the node's kernel holds it, however late the node looks.
			if c.waiting != nil && c.sent == number {
				c.request = id
				c.l.calls[id] = c
			}
			c.l.node.Request(id, m)
		})
	})
	if limit, ok := runtime.Until(ctx); ok {
		c.limit.arm(int64(limit))
	}
	c.waiting = w.tasks.current
	w.suspend()
	c.limit.disarm()
	reply, err := c.reply, c.err
	c.reply, c.err = nil, nil
	if err != nil {
		delete(c.l.calls, c.request)
	}
	return reply, err
}

// answer takes a reply that has arrived, unless its request was given up.
func (c *Conn) answer(id node.RequestID, m node.Message) {
	if c.request == id {
		c.finish(m, nil)
	}
}

// reset is how the client learns that the node's life is over.
func (c *Conn) reset() {
	c.broken = true
	c.finish(nil, ErrLost)
}

func (c *Conn) finish(m node.Message, err error) {
	if c.waiting == nil {
		return
	}
	c.reply, c.err = m, err
	t := c.waiting
	c.waiting = nil
	c.w.wake(t)
}

// Close gives the connection up.
func (c *Conn) Close() error {
	if c.closed {
		return nil
	}
	c.closed = true
	if !c.l.over {
		for i, other := range c.l.conns {
			if other == c {
				c.l.conns = append(c.l.conns[:i], c.l.conns[i+1:]...)
				break
			}
		}
		delete(c.l.calls, c.request)
	}
	return nil
}
