package docker

import (
	"net/netip"
	"time"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/nemesis/linux/net"
)

// wires is the network of one container's process.
type wires = net.Namespace

func openWires(pid int) (*wires, error) { return net.OfProcess(pid) }

// tryCut finds out whether this process may cut networks at all.
func tryCut() error { return net.Try() }

// shaper is what shapes the packets of one container.
type shaper = net.Shaper

func openShaper(w *wires, sources []netip.Addr, s cluster.Shape) (*shaper, error) {
	return w.Shape(sources, asKernel(s))
}

func asKernel(s cluster.Shape) net.Shape {
	return net.Shape{
		Delay: s.Delay, Jitter: s.Jitter, Loss: s.Loss, Duplicate: s.Duplicate, Reorder: s.Reorder, Corrupt: s.Corrupt, Rate: s.Rate,
	}
}

// capture hears the packets of one container.
type capture = net.Capture

func openCapture(w *wires, snap int, take func(at time.Time, packet []byte, length int)) (*capture, error) {
	return w.Capture(snap, take)
}

// tryShape finds out whether this process may shape packets so, and the kernel can.
func tryShape(s cluster.Shape) error { return net.TryShape(asKernel(s)) }
