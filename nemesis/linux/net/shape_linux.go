package net

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"
)

// The tables of what is shaped: one hands packets to the queue. What doubles them is for
// one IP version alone.
var (
	queueing = table{nftables.TableFamilyINet, "faultline-shape"}
	doubling = []table{{nftables.TableFamilyIPv4, "faultline-double"}, {nftables.TableFamilyIPv6, "faultline-double"}}
	shapes   = append([]table{queueing}, doubling...)
)

// queueNumber is the number of our queue, which each network namespace has to itself.
const queueNumber = 4077

// Packets are doubled and then queued behind the cuts, and before any filter that may be
// there.
var (
	middle = nftables.ChainPriorityRef(*nftables.ChainPriorityFilter - 6)
	late   = nftables.ChainPriorityRef(*nftables.ChainPriorityFilter - 5)
)

// Shaper holds packets of a namespace in a queue and lets them go as its shape says. When
// the process that made it ends, however it ends, packets pass as if there were none.
type Shaper struct {
	namespace *Namespace
	queue     *queue
	doubled   int64 // packets, as far as is known
}

// Shape sends every packet that comes in from one of the sources, IPv4 or IPv6, through a
// queue. There is one shape in a namespace at a time: the one before must have been closed.
func (n *Namespace) Shape(sources []netip.Addr, s Shape) (*Shaper, error) {
	// The queue is there before the first packet is sent to it.
	q, err := openQueue(int(n.handle), queueNumber, s)
	if err != nil {
		return nil, fmt.Errorf("open a packet queue: %w", err)
	}
	err = n.conn(func(c *nftables.Conn) error {
		if s.Duplicate > 0 {
			for _, t := range doubling {
				if err := filter(c, t, middle, sources, func(f family) []expr.Any { return double(f, s.Duplicate) }); err != nil {
					return err
				}
			}
		}
		return filter(c, queueing, late, sources, func(family) []expr.Any { return toQueue() })
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("send the packets of %v through a queue: %w", sources, err), q.close())
	}
	return &Shaper{namespace: n, queue: q}, nil
}

// of65536 is what probabilities are parts of here.
const of65536 = 1 << 16

// double sends a copy of some packets to where they go, which comes in by the loopback
// device: what does is no cause for another one. The queue sees both.
func double(f family, probability float64) []expr.Any {
	loopback := make([]byte, 2)
	binary.NativeEndian.PutUint16(loopback, unix.ARPHRD_LOOPBACK)
	below := make([]byte, 4)
	binary.BigEndian.PutUint32(below, uint32(min(probability, 1)*of65536))
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyIIFTYPE, Register: 1},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: loopback},
		&expr.Numgen{Register: 1, Modulus: of65536, Type: unix.NFT_NG_RANDOM},
		&expr.Byteorder{SourceRegister: 1, DestRegister: 1, Op: expr.ByteorderHton, Len: 4, Size: 4},
		&expr.Cmp{Op: expr.CmpOpLt, Register: 1, Data: below},
		&expr.Counter{},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: f.dest, Len: f.length},
		&expr.Dup{RegAddr: 1},
	}
}

// toQueue hands a packet to the queue, or passes it on if nobody serves that. It is the
// target of iptables, which kernels have that lack a queue of nftables' own.
func toQueue() []expr.Any {
	info := make([]byte, 8)
	binary.NativeEndian.PutUint16(info, queueNumber)
	binary.NativeEndian.PutUint16(info[2:], 1) // queues
	binary.NativeEndian.PutUint16(info[4:], 1) // bypass
	target := xt.Unknown(info)
	return []expr.Any{&expr.Target{Name: "NFQUEUE", Rev: 2, Info: &target}}
}

// Touched counts the packets that were delayed, lost, overtaken, changed or doubled so far.
func (s *Shaper) Touched() int64 {
	if n, err := s.namespace.counted(doubling...); err == nil {
		s.doubled = max(s.doubled, n)
	}
	return s.queue.touched.Load() + s.doubled
}

// Close lets all packets pass, those that are held at once. A namespace that has gone has
// nothing to restore.
func (s *Shaper) Close() error {
	s.queue.leave() // first: with the rule the kernel drops what it still holds for us
	return errors.Join(s.namespace.Unshape(), s.queue.close())
}

// Abandon is Close for a namespace that has gone, or goes, with its process.
func (s *Shaper) Abandon() error { return s.queue.close() }

// Unshape removes the rules of a shape, and so those that a process left that was killed.
func (n *Namespace) Unshape() error {
	if err := n.remove(shapes...); err != nil {
		return fmt.Errorf("remove the shape: %w", err)
	}
	return nil
}

// TryShape shapes in a namespace made for that, to find out whether this kernel can.
func TryShape(as Shape) error {
	n, err := fresh()
	if err != nil {
		return err
	}
	s, err := n.Shape([]netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()}, as)
	if err == nil {
		err = s.Close()
	}
	return errors.Join(err, n.Close())
}
