package docker

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync/atomic"

	"github.com/faultline-dev/faultline/harness/cluster"
)

var (
	_ cluster.Shaper       = (*containers)(nil)
	_ cluster.ShapeLimiter = (*containers)(nil)
)

// shaping is the shape of what a node hears, which follows it through its restarts.
type shaping struct {
	member  *member
	sources []netip.Addr // of whom; none: nothing is shaped
	shape   cluster.Shape
	live    *shaper // nil: the node is down, or nothing is shaped
	before  int64   // packets touched in networks that it has lost since
}

func (s *shaping) began(int) error {
	if len(s.sources) == 0 {
		return nil
	}
	var err error
	s.live, err = openShaper(s.member.wires, s.sources, s.shape)
	return err
}

// ended is told before the node's network is let go of, or after it has gone.
func (s *shaping) ended() error {
	if s.live == nil {
		return nil
	}
	s.before += s.live.Touched()
	err := s.live.Abandon()
	s.live = nil
	return err
}

func (s *shaping) touched() int64 {
	if s.live == nil {
		return s.before
	}
	return s.before + s.live.Touched()
}

// restore lets all packets pass.
func (s *shaping) restore() error {
	s.sources = nil
	if s.live == nil {
		return nil
	}
	s.before += s.live.Touched()
	err := s.live.Close()
	s.live = nil
	return err
}

// shaping is the node's, made when it is first wanted. The caller holds m.mu.
func (m *member) shaping() *shaping {
	if m.shaped == nil {
		m.shaped = &shaping{member: m}
		m.followed = append(m.followed, m.shaped)
	}
	return m.shaped
}

// Shape implements cluster.Shaper. What a link carries is shaped where it arrives: what the
// nodes hear of all others, and what the others hear of them.
func (c *containers) Shape(_ context.Context, nodes []string, s cluster.Shape) error {
	for _, n := range nodes {
		if _, err := c.node(n); err != nil {
			return err
		}
	}
	return c.each(func(m *member) error {
		m.mu.Lock()
		defer m.mu.Unlock()
		mine := m.shaping()
		if err := mine.restore(); err != nil {
			return err
		}
		mine.before, mine.shape = 0, s
		victim := slices.Contains(nodes, m.Name)
		for _, peer := range c.nodes {
			if peer != m && (victim || slices.Contains(nodes, peer.Name)) {
				mine.sources = append(mine.sources, peer.Addr)
			}
		}
		if m.wires == nil {
			return nil // when it comes back
		}
		return mine.began(m.pid)
	})
}

// Unshape implements cluster.Shaper.
func (c *containers) Unshape(context.Context) error {
	return c.each(func(m *member) error {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.shaping().restore()
	})
}

// Shaped implements cluster.Shaper.
func (c *containers) Shaped(context.Context) (int64, error) {
	var sum atomic.Int64
	err := c.each(func(m *member) error {
		m.mu.Lock()
		defer m.mu.Unlock()
		sum.Add(m.shaping().touched())
		return nil
	})
	return sum.Load(), err
}

// CannotShape implements cluster.ShapeLimiter.
func (c *containers) CannotShape() map[string]string {
	if err := tryShape(cluster.Shape{Duplicate: doubling}); err != nil {
		return map[string]string{"duplicate": err.Error()}
	}
	return nil
}

// doubling is how often packets are doubled to find out whether they can be.
const doubling = 0.5

// mendShape lets packets pass that a run which is gone has shaped.
func mendShape(pid int) error {
	w, err := openWires(pid)
	if err != nil {
		return err
	}
	return errors.Join(w.Unshape(), w.Close())
}

func checkShape() Check {
	const name = "packet faults in containers"
	if err := tryShape(cluster.Shape{}); err != nil {
		return Check{Name: name, Detail: err.Error(),
			Remedy: "a kernel with NFQUEUE (modprobe nfnetlink_queue xt_NFQUEUE), as root or with the capabilities NET_ADMIN, SYS_ADMIN and SYS_PTRACE"}
	}
	if err := tryShape(cluster.Shape{Duplicate: doubling}); err != nil {
		return Check{Name: name, Detail: "all but duplication: " + err.Error(), Remedy: "a kernel with nftables' dup (modprobe nft_dup_ipv4 nft_dup_ipv6)"}
	}
	return Check{Name: name, OK: true, Detail: "delay, jitter, loss, reordering, corruption and rate by NFQUEUE, duplication by nftables"}
}
