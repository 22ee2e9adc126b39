package net

import (
	"container/heap"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// The protocol of NFQUEUE, as <linux/netfilter/nfnetlink_queue.h> has it.
const (
	queueSubsystem = unix.NFNL_SUBSYS_QUEUE << 8
	msgPacket      = 0
	msgVerdict     = 1
	msgConfig      = 2

	attrPacketHeader = 1
	attrVerdict      = 2
	attrPayload      = 10

	configCommand = 1
	configParams  = 2
	configLength  = 3
	configMask    = 4
	configFlags   = 5

	commandBind = 1
	copyPacket  = 2
	failOpen    = 1

	accept = 1
	drop   = 0
)

const (
	// queueLength is how many packets the kernel holds; more than that pass as they are.
	queueLength = 8192
	// backlog is the longest that a rate may hold a packet: beyond that it is dropped, as
	// by a router whose buffer is full.
	backlog = 500 * time.Millisecond
	// readBuffer is that of the socket, in bytes.
	readBuffer = 8 << 20
	// untouchable are the bytes at the start of a packet that are never corrupted: the IP
	// header and the ports, by which a packet finds its connection.
	untouchable = 44
)

// queue serves an NFQUEUE: it gives each packet its verdict, some of them late.
type queue struct {
	conn    *netlink.Conn
	number  uint16
	shape   Shape
	touched atomic.Int64

	mu      sync.Mutex
	held    packets
	leaving bool      // packets are held no more
	free    time.Time // when the link is idle again, under a rate
	wake    chan struct{}
	quit    chan struct{}
	ending  sync.WaitGroup
}

// packet is one that the kernel holds for us.
type packet struct {
	due time.Time
	id  uint32
}

// packets are those held, the next one to go first.
type packets []packet

func (p packets) Len() int { return len(p) }
func (p packets) Less(i, j int) bool {
	return p[i].due.Before(p[j].due) || p[i].due.Equal(p[j].due) && p[i].id < p[j].id
}
func (p packets) Swap(i, j int) { p[i], p[j] = p[j], p[i] }
func (p *packets) Push(x any)   { *p = append(*p, x.(packet)) }
func (p *packets) Pop() any {
	last := (*p)[len(*p)-1]
	*p = (*p)[:len(*p)-1]
	return last
}

// openQueue binds a queue of the namespace that a descriptor names.
func openQueue(namespace int, number uint16, s Shape) (*queue, error) {
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: namespace})
	if err != nil {
		return nil, err
	}
	q := &queue{conn: c, number: number, shape: s, wake: make(chan struct{}, 1), quit: make(chan struct{})}
	copyRange := uint32(64) // of each packet: headers are enough unless it is to be changed
	if s.Corrupt > 0 {
		copyRange = 0xffff
	}
	err = errors.Join(
		q.configure(attribute(configCommand, []byte{commandBind, 0, 0, 0})),
		q.configure(attribute(configParams, append(big32(copyRange), copyPacket))),
		q.configure(attribute(configLength, big32(queueLength))),
		q.configure(append(attribute(configMask, big32(failOpen)), attribute(configFlags, big32(failOpen))...)),
		c.SetReadBuffer(readBuffer),
		c.SetOption(netlink.NoENOBUFS, true), // what does not fit passes, by failOpen
	)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	q.ending.Go(q.read)
	q.ending.Go(q.release)
	return q, nil
}

// lastRead is how long a queue that ends is still read, for what the kernel has sent us.
const lastRead = 5 * time.Millisecond

// close lets what is held go, and stops. The kernel drops what has no verdict when its
// queue goes, so the verdicts come first.
func (q *queue) close() error {
	close(q.quit)
	err := q.conn.SetReadDeadline(time.Now().Add(lastRead))
	if err != nil {
		err = errors.Join(err, q.conn.Close()) // which ends the reading as well
		q.ending.Wait()
		return err
	}
	q.ending.Wait()
	return q.conn.Close()
}

func (q *queue) header() []byte {
	return []byte{unix.AF_UNSPEC, unix.NFNETLINK_V0, byte(q.number >> 8), byte(q.number)}
}

func (q *queue) configure(attributes []byte) error {
	_, err := q.conn.Execute(netlink.Message{
		Header: netlink.Header{Type: queueSubsystem | msgConfig, Flags: netlink.Request | netlink.Acknowledge},
		Data:   append(q.header(), attributes...),
	})
	return err
}

// decide gives a packet its verdict, and another payload if that is not nil. An error says
// that the queue, or the namespace, has gone, and the packet with it.
func (q *queue) decide(id uint32, verdict uint32, payload []byte) {
	data := append(q.header(), attribute(attrVerdict, append(big32(verdict), big32(id)...))...)
	if payload != nil {
		data = append(data, attribute(attrPayload, payload)...)
	}
	_, _ = q.conn.Send(netlink.Message{Header: netlink.Header{Type: queueSubsystem | msgVerdict, Flags: netlink.Request}, Data: data})
}

// read takes packets from the kernel until the queue is closed.
func (q *queue) read() {
	for {
		messages, err := q.conn.Receive()
		if err != nil {
			select {
			case <-q.quit:
				return
			default:
			}
			// Anything but the end leaves the queue in force: a message that was lost has
			// cost a packet its verdict, no more.
			time.Sleep(time.Millisecond)
			continue
		}
		now := time.Now()
		for _, m := range messages {
			if m.Header.Type == queueSubsystem|msgPacket {
				if id, length, payload, ok := parse(m.Data); ok {
					q.take(now, id, length, payload)
				}
			}
		}
	}
}

// take decides what becomes of a packet.
func (q *queue) take(now time.Time, id uint32, length int, payload []byte) {
	s := q.shape
	if s.Loss > 0 && rand.Float64() < s.Loss {
		q.touched.Add(1)
		q.decide(id, drop, nil)
		return
	}
	if s.Corrupt > 0 && len(payload) > untouchable && rand.Float64() < s.Corrupt {
		q.touched.Add(1)
		payload[untouchable+rand.IntN(len(payload)-untouchable)] ^= 1 << rand.IntN(8)
		q.decide(id, accept, payload)
		return
	}
	wait := s.Delay
	if s.Jitter > 0 {
		wait += time.Duration((2*rand.Float64() - 1) * float64(s.Jitter))
	}
	switch {
	case s.Reorder > 0 && s.Delay == 0:
		// There is nothing to overtake, so this one is held back instead.
		if rand.Float64() < s.Reorder {
			wait = reorderWait
		}
	case s.Reorder > 0 && rand.Float64() < s.Reorder:
		wait = 0
		q.touched.Add(1)
	}
	if s.Rate > 0 {
		late, fits := q.queueUp(now, length)
		if !fits {
			q.touched.Add(1)
			q.decide(id, drop, nil)
			return
		}
		wait += late
	}
	if wait <= 0 {
		q.decide(id, accept, nil)
		return
	}
	q.touched.Add(1)
	q.hold(packet{now.Add(wait), id})
}

// reorderWait is how long a packet is held back for later ones to overtake it.
const reorderWait = 5 * time.Millisecond

// queueUp is how long a packet waits for its turn on a link of the shape's rate, and
// whether it finds room.
func (q *queue) queueUp(now time.Time, length int) (time.Duration, bool) {
	if q.free.Before(now) {
		q.free = now
	}
	done := q.free.Add(time.Duration(int64(length) * 8 * int64(time.Second) / q.shape.Rate))
	if done.Sub(now) > backlog {
		return 0, false
	}
	q.free = done
	return done.Sub(now), true
}

func (q *queue) hold(p packet) {
	q.mu.Lock()
	if q.leaving {
		q.mu.Unlock()
		q.decide(p.id, accept, nil)
		return
	}
	heap.Push(&q.held, p)
	first := q.held[0] == p
	q.mu.Unlock()
	if first {
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
}

// release lets packets go when they are due.
func (q *queue) release() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		q.mu.Lock()
		wait := time.Hour
		for len(q.held) > 0 {
			if wait = time.Until(q.held[0].due); wait > 0 {
				break
			}
			p := heap.Pop(&q.held).(packet)
			q.mu.Unlock()
			q.decide(p.id, accept, nil)
			q.mu.Lock()
			wait = time.Hour
		}
		q.mu.Unlock()
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-q.wake:
		case <-q.quit:
			q.leave()
			return
		}
	}
}

// leave lets all packets go that are held, in their order, and holds no more.
func (q *queue) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.leaving = true
	for len(q.held) > 0 {
		q.decide(heap.Pop(&q.held).(packet).id, accept, nil)
	}
}

// parse reads a packet's number, its whole length and as much of it as was copied.
func parse(data []byte) (id uint32, length int, payload []byte, ok bool) {
	if len(data) < 4 {
		return 0, 0, nil, false
	}
	attributes, err := netlink.NewAttributeDecoder(data[4:])
	if err != nil {
		return 0, 0, nil, false
	}
	for attributes.Next() {
		b := attributes.Bytes()
		switch attributes.Type() {
		case attrPacketHeader:
			if len(b) >= 4 {
				id, ok = binary.BigEndian.Uint32(b), true
			}
		case attrPayload:
			payload, length = b, max(length, wholeLength(b))
		}
	}
	return id, length, payload, ok && attributes.Err() == nil
}

// wholeLength is a packet's length by its own header: IPv4's or IPv6's.
func wholeLength(p []byte) int {
	switch {
	case len(p) >= 4 && p[0]>>4 == 4:
		return int(binary.BigEndian.Uint16(p[2:]))
	case len(p) >= 6 && p[0]>>4 == 6:
		return 40 + int(binary.BigEndian.Uint16(p[4:]))
	}
	return len(p)
}

// attribute packs a netlink attribute.
func attribute(kind uint16, data []byte) []byte {
	b := make([]byte, (4+len(data)+3)&^3)
	binary.NativeEndian.PutUint16(b, uint16(4+len(data)))
	binary.NativeEndian.PutUint16(b[2:], kind)
	copy(b[4:], data)
	return b
}

func big32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }
