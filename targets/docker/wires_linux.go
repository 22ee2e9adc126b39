package docker

import "github.com/faultline-dev/faultline/nemesis/linux/net"

// wires is the network of one container's process.
type wires = net.Namespace

func openWires(pid int) (*wires, error) { return net.OfProcess(pid) }

// tryCut finds out whether this process may cut networks at all.
func tryCut() error { return net.Try() }
