package net

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Capture hears every packet that a namespace sends and receives, until it is closed.
type Capture struct {
	socket int
	quit   atomic.Bool
	ended  sync.WaitGroup
}

// listenFor is how long a capture waits for a packet before it looks whether to end.
const listenFor = 100 * time.Millisecond

// Capture hands packets to take, one after another, as they are on the wire (Ethernet), cut
// to snap bytes. length is a packet's own. The packet is valid until take returns.
func (n *Namespace) Capture(snap int, take func(at time.Time, packet []byte, length int)) (*Capture, error) {
	c := &Capture{}
	err := n.Do(func() (err error) {
		const all = unix.ETH_P_ALL<<8&0xff00 | unix.ETH_P_ALL>>8 // in the network's byte order
		c.socket, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, all)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listen to the packets of a network namespace: %w", err)
	}
	wait := unix.NsecToTimeval(listenFor.Nanoseconds())
	if err := unix.SetsockoptTimeval(c.socket, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		return nil, errors.Join(err, unix.Close(c.socket))
	}
	c.ended.Go(func() {
		b := make([]byte, snap)
		for !c.quit.Load() {
			// With MSG_TRUNC it answers with the packet's own length.
			length, _, err := unix.Recvfrom(c.socket, b, unix.MSG_TRUNC)
			switch {
			case err == nil && length > 0:
				take(time.Now(), b[:min(length, snap)], length)
			case err == nil, errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
			default:
				time.Sleep(listenFor) // the link went down, say: it may come back
			}
		}
	})
	return c, nil
}

// Close ends the capture; no packet is handed over after it.
func (c *Capture) Close() error {
	c.quit.Store(true)
	c.ended.Wait()
	return unix.Close(c.socket)
}
