package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/faultline-dev/faultline/harness/node"
)

const (
	// helloWithin is how long a caller may take to say who it is.
	helloWithin = 5 * time.Second
	// replyCapacity bounds the answers that wait for a slow client; one that lets more
	// pile up is cut off.
	replyCapacity = 16 << 20
	// answerWithin is how long a client may leave an answer in its socket.
	answerWithin = 10 * time.Second
)

// server takes the connections of peers and clients.
type server struct {
	loop  *loop
	codec node.Codec
}

// accept serves connections until ctx is done and all of them have ended.
func (s *server) accept(ctx context.Context, l net.Listener) {
	var wg sync.WaitGroup
	defer wg.Wait()
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	for {
		c, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = c.Close()
			}
			return
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // out of descriptors, say: others may end
			select {
			case <-time.After(lastRedial):
			case <-ctx.Done():
			}
		default:
			wg.Go(func() { s.serve(ctx, c) })
		}
	}
}

func (s *server) serve(ctx context.Context, c net.Conn) {
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	err := s.talk(ctx, c)
	var timeout net.Error
	switch {
	case ctx.Err() != nil, errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
	case errors.As(err, &timeout): // the network's doing: cut, reset, silent
	default:
		s.loop.complete(func() { s.loop.Logf("connection of %s closed: %v", c.RemoteAddr(), err) })
	}
}

func (s *server) talk(ctx context.Context, c net.Conn) error {
	fr := newFrameReader(c)
	_ = c.SetReadDeadline(time.Now().Add(helloWithin))
	f, err := fr.next()
	if err != nil {
		return err
	}
	h, err := parseHello(f)
	if err != nil {
		return err
	}
	if !h.peer {
		return s.answer(ctx, c, fr)
	}
	if h.to != s.loop.id {
		return fmt.Errorf("%s dialed %s, but this is %s", h.from, h.to, s.loop.id)
	}
	if !slices.Contains(s.loop.peers, h.from) {
		return fmt.Errorf("%q is not a node of this cluster", h.from)
	}
	return s.receive(ctx, c, fr, h.from)
}

// conn is a client's connection. gone and requests belong to the loop.
type conn struct {
	c        net.Conn
	out      *outbox
	gone     bool
	requests map[node.RequestID]struct{} // unanswered
}

// send queues an answer; a client that does not take its answers is cut off.
func (c *conn) send(encode func([]byte) ([]byte, error)) {
	if fit, err := c.out.put(encode); err != nil || !fit {
		_ = c.c.Close()
	}
}

// answer takes requests from a client's connection until it ends.
func (s *server) answer(ctx context.Context, nc net.Conn, fr *frameReader) error {
	_ = nc.SetReadDeadline(time.Time{})
	c := &conn{c: nc, out: newOutbox(replyCapacity), requests: map[node.RequestID]struct{}{}}
	ended := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { c.write(ended) })
	defer wg.Wait()
	defer close(ended)
	defer s.loop.complete(func() { s.loop.hangUp(c) })
	for {
		f, err := fr.next()
		if err != nil {
			return err
		}
		number, body, err := f.numbered()
		if err != nil {
			return err
		}
		var do func()
		switch f.kind {
		case query:
			do = func() { c.send(func(b []byte) ([]byte, error) { return appendState(b, number, s.loop.state) }) }
		case request:
			m, err := s.codec(body)
			if err != nil {
				c.send(func(b []byte) ([]byte, error) { return appendRefusal(b, number, err.Error()) })
				continue
			}
			do = func() { s.loop.request(caller{c, number}, m) }
		default:
			return fmt.Errorf("%w: kind %d from a client", errFrame, f.kind)
		}
		if !s.loop.arrive(ctx, do) {
			return io.EOF
		}
	}
}

// write carries answers to the client until the connection ends or fails.
func (c *conn) write(ended <-chan struct{}) {
	for {
		select {
		case <-c.out.wake:
			b := c.out.take()
			_ = c.c.SetWriteDeadline(time.Now().Add(answerWithin))
			if _, err := c.c.Write(b); err != nil {
				_ = c.c.Close()
				return
			}
		case <-ended:
			return
		}
	}
}
