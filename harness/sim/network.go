package sim

import (
	"math/rand/v2"
	"time"

	"github.com/faultline-dev/faultline/harness/node"
)

// network is what lies between the nodes. A link goes one way. By itself it keeps packets
// in order and loses none, as TCP does; faults change that.
type network struct {
	rand    *rand.Rand
	links   [][]link // from, to
	dropped int64    // by cuts since the last Cut
	shaped  int64    // packets that a shape touched since the last Shape
	scratch []byte
}

type link struct {
	cut   bool
	shape *Shape
	last  int64 // when the last packet in order arrives
	free  int64 // when it is idle again, under a rate
}

// Shape is what a link does to packets besides its latency; probabilities are 0 to 1.
type Shape struct {
	Delay, Jitter            time.Duration
	Loss, Duplicate, Reorder float64
	Rate                     int64 // bits a second, 0: as fast as it goes
}

const (
	// backlog is the longest that a packet waits for a link that has a rate: what would have
	// to wait longer is lost, as a full queue of a router loses it.
	backlog = int64(500 * time.Millisecond)
	// headers are those of Ethernet, IP and TCP, in bytes.
	headers = 66
)

func newNetwork(n int, r *rand.Rand) network {
	net := network{rand: r, links: make([][]link, n)}
	for i := range net.links {
		net.links[i] = make([]link, n)
	}
	return net
}

// Cut replaces all cuts: dropped(from, to) says whose packets are dropped on arrival.
func (w *World) Cut(dropped func(from, to node.ID) bool) {
	w.network.dropped = 0
	for i, from := range w.hosts {
		for j, to := range w.hosts {
			w.network.links[i][j].cut = i != j && dropped(from.id, to.id)
		}
	}
}

// Uncut removes all cuts.
func (w *World) Uncut() {
	for i := range w.network.links {
		for j := range w.network.links[i] {
			w.network.links[i][j].cut = false
		}
	}
}

// Dropped counts the packets that cuts dropped since the last Cut.
func (w *World) Dropped() int64 { return w.network.dropped }

// Shape makes all links to and from the nodes do s besides their latency.
func (w *World) Shape(nodes []node.ID, s Shape) {
	w.Unshape()
	w.network.shaped = 0
	for _, id := range nodes {
		for _, h := range w.hosts {
			if h.id != id {
				continue
			}
			for j := range w.hosts {
				if j != h.index {
					w.network.links[h.index][j].shape = &s
					w.network.links[j][h.index].shape = &s
				}
			}
		}
	}
}

// Unshape restores all links.
func (w *World) Unshape() {
	for i := range w.network.links {
		for j := range w.network.links[i] {
			w.network.links[i][j].shape, w.network.links[i][j].free = nil, 0
		}
	}
}

// Shaped counts the packets that a shape touched since the last Shape.
func (w *World) Shaped() int64 { return w.network.shaped }

// send puts a packet on its way.
func (w *World) send(from, to *host, m node.Message) {
	if from == to {
		w.at(w.now, func() { to.receive(from.id, m) })
		return
	}
	net := &w.network
	l := &net.links[from.index][to.index]
	arrives := w.now + w.config.Link.draw(net.rand)
	s := l.shape
	if s == nil {
		w.inOrder(l, arrives, from, to, m)
		return
	}
	touched := s.Delay > 0 || s.Jitter > 0
	if s.Loss > 0 && net.rand.Float64() < s.Loss {
		net.shaped++
		return
	}
	if s.Rate > 0 {
		wait, carried := w.queueUp(l, s.Rate, m)
		if touched = true; !carried {
			net.shaped++
			return
		}
		arrives += wait
	}
	arrives += int64(s.Delay)
	if s.Jitter > 0 {
		arrives = max(w.now, arrives+net.rand.Int64N(2*int64(s.Jitter))-int64(s.Jitter))
	}
	if s.Duplicate > 0 && net.rand.Float64() < s.Duplicate {
		touched = true
		w.deliver(arrives+w.config.Link.draw(net.rand), from, to, m)
	}
	if s.Reorder > 0 && net.rand.Float64() < s.Reorder {
		net.shaped++
		// Held back for a few latencies, so that later ones overtake it.
		w.deliver(arrives+4*w.config.Link.draw(net.rand), from, to, m)
		return
	}
	if touched {
		net.shaped++
	}
	w.inOrder(l, arrives, from, to, m)
}

// queueUp is how long a packet waits for its turn on a link of a rate and then takes; carried
// is false if that is too long.
func (w *World) queueUp(l *link, rate int64, m node.Message) (wait int64, carried bool) {
	begins := max(l.free, w.now)
	if begins-w.now > backlog {
		return 0, false
	}
	b, err := m.AppendBinary(w.network.scratch[:0])
	if err != nil {
		return 0, false // such a message cannot travel
	}
	w.network.scratch = b
	l.free = begins + 8*int64(headers+len(b))*int64(time.Second)/rate
	return l.free - w.now, true
}

func (w *World) inOrder(l *link, arrives int64, from, to *host, m node.Message) {
	l.last = max(l.last, arrives)
	w.deliver(l.last, from, to, m)
}

// packet is a message on its way.
type packet struct {
	from, to *host
	m        node.Message
}

// deliver lets a packet arrive.
func (w *World) deliver(at int64, from, to *host, m node.Message) {
	w.plan(at, &packet{from, to, m})
}

// act implements action. A cut drops the packet where it arrives, as a firewall's input
// rule would, even if it was sent before.
func (p *packet) act() {
	net := &p.from.w.network
	if net.links[p.from.index][p.to.index].cut {
		net.dropped++
		return
	}
	p.to.receive(p.from.id, p.m)
}
