package host

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"time"

	"github.com/faultline-dev/faultline/harness/node"
)

// How a link watches over its connection. TCP itself would notice a cut network only
// after many minutes, and after it healed wait out a retransmission timer that has grown
// to many seconds; a link gives the connection up and dials afresh.
const (
	pingEvery    = 250 * time.Millisecond
	silence      = 2 * time.Second // without a pong, the connection is given up
	dialWithin   = 2 * time.Second
	firstRedial  = 25 * time.Millisecond
	lastRedial   = 500 * time.Millisecond
	linkCapacity = 4 << 20 // bytes that wait for a slow peer; more is lost
)

// link carries messages to one peer. What waits while the peer cannot be reached is lost:
// a node must bear that, and old messages would only delay the new ones.
type link struct {
	self node.ID
	peer Peer
	out  *outbox
}

func newLink(self node.ID, peer Peer) *link {
	return &link{self: self, peer: peer, out: newOutbox(linkCapacity)}
}

func (k *link) run(ctx context.Context) {
	backoff := firstRedial
	for ctx.Err() == nil {
		c, err := (&net.Dialer{Timeout: dialWithin}).DialContext(ctx, "tcp", k.peer.Addr)
		if err == nil {
			began := time.Now()
			k.carry(ctx, c)
			if time.Since(began) > silence {
				backoff = firstRedial
			}
		}
		k.out.clear()
		// The spread keeps peers from dialing a node that came back in step.
		wait := backoff/2 + rand.N(backoff)
		backoff = min(2*backoff, lastRedial)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
}

// carry writes frames to a connection until it fails.
func (k *link) carry(ctx context.Context, c net.Conn) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		k.listen(c)
		_ = c.Close()
	}()
	defer func() {
		_ = c.Close()
		<-ended
	}()
	write := func(b []byte) bool {
		_ = c.SetWriteDeadline(time.Now().Add(silence))
		_, err := c.Write(b)
		return err == nil
	}
	beat := bare(ping)
	if !write(append(hello{peer: true, from: k.self, to: k.peer.ID}.append(nil), beat...)) {
		return
	}
	ticker := time.NewTicker(pingEvery)
	defer ticker.Stop()
	for {
		select {
		case <-k.out.wake:
			if b := k.out.take(); len(b) > 0 && !write(b) {
				return
			}
		case <-ticker.C:
			if !write(beat) {
				return
			}
		case <-ended:
			return
		case <-ctx.Done():
			return
		}
	}
}

// listen reads pongs until they cease.
func (k *link) listen(c net.Conn) {
	fr := newFrameReader(c)
	for {
		_ = c.SetReadDeadline(time.Now().Add(silence))
		if f, err := fr.next(); err != nil || f.kind != pong {
			return
		}
	}
}

// receive takes messages from a peer's connection until it fails.
func (s *server) receive(ctx context.Context, c net.Conn, fr *frameReader, from node.ID) error {
	answer := bare(pong)
	for {
		// Pings come often: without any, the peer is gone or has dialed afresh.
		_ = c.SetReadDeadline(time.Now().Add(2 * silence))
		f, err := fr.next()
		if err != nil {
			return err
		}
		switch f.kind {
		case ping:
			_ = c.SetWriteDeadline(time.Now().Add(silence))
			if _, err := c.Write(answer); err != nil {
				return err
			}
		case message:
			m, err := s.codec(f.body)
			if err != nil {
				return fmt.Errorf("decode a message of %s: %w", from, err)
			}
			if !s.loop.arrive(ctx, func() { s.loop.node.Receive(from, m) }) {
				return io.EOF
			}
		default:
			return fmt.Errorf("%w: kind %d from peer %s", errFrame, f.kind, from)
		}
	}
}
