package net

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
)

// shapeTable is the table of what is shaped; cuts have one of their own.
const shapeTable = "faultline-shape"

// queueNumber is the number of our queue, which each network namespace has to itself.
const queueNumber = 4077

// late places our chain behind the cuts and before any filter that may be there.
var late = nftables.ChainPriorityRef(*nftables.ChainPriorityFilter - 5)

// Shaper holds packets of a namespace in a queue and lets them go as its shape says. When
// the process that made it ends, however it ends, packets pass as if there were none.
type Shaper struct {
	namespace *Namespace
	queue     *queue
}

// Shape sends every packet that comes in from one of the sources, IPv4 or IPv6, through a
// queue. There is one shape in a namespace at a time: the one before must have been closed.
func (n *Namespace) Shape(sources []netip.Addr, s Shape) (*Shaper, error) {
	// The queue is there before the first packet is sent to it.
	q, err := openQueue(int(n.handle), queueNumber, s)
	if err != nil {
		return nil, fmt.Errorf("open a packet queue: %w", err)
	}
	v4, v6 := elements(sources)
	err = n.conn(func(c *nftables.Conn) error {
		clearNamed(c, shapeTable)
		t := c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: shapeTable})
		policy := nftables.ChainPolicyAccept
		ch := c.AddChain(&nftables.Chain{
			Name: "input", Table: t, Type: nftables.ChainTypeFilter, Policy: &policy,
			Hooknum: nftables.ChainHookInput, Priority: late,
		})
		if err := addRule(c, t, ch, ipv4, v4, toQueue()); err != nil {
			return err
		}
		return addRule(c, t, ch, ipv6, v6, toQueue())
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("send the packets of %v through a queue: %w", sources, err), q.close())
	}
	return &Shaper{n, q}, nil
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

// Touched counts the packets that were delayed, lost, overtaken or changed so far.
func (s *Shaper) Touched() int64 { return s.queue.touched.Load() }

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
	err := n.conn(func(c *nftables.Conn) error {
		clearNamed(c, shapeTable)
		return nil
	})
	if err != nil {
		return fmt.Errorf("remove the shape: %w", err)
	}
	return nil
}

// TryShape shapes in a namespace made for that, to find out whether this kernel can.
func TryShape() error {
	n, err := fresh()
	if err != nil {
		return err
	}
	s, err := n.Shape([]netip.Addr{netip.IPv4Unspecified()}, Shape{})
	if err == nil {
		err = s.Close()
	}
	return errors.Join(err, n.Close())
}
