//go:build !linux

package docker

import (
	"errors"
	"net/netip"

	"github.com/faultline-dev/faultline/harness/cluster"
)

// supported says that this machine can reach containers by their addresses.
const supported = false

var errOther = errors.New("only on Linux")

func routed() ([]netip.Prefix, error) { return nil, errOther }

type owner struct{}

func hold(string) (*owner, error) { return nil, errOther }
func (*owner) release() error     { return nil }
func held(string) (bool, error)   { return false, errOther }
func place() (string, error)      { return "", errOther }

type wires struct{}

func openWires(int) (*wires, error)    { return nil, errOther }
func (*wires) Cut([]netip.Addr) error  { return errOther }
func (*wires) Heal() error             { return errOther }
func (*wires) Dropped() (int64, error) { return 0, errOther }
func (*wires) Close() error            { return nil }

func (*wires) Unshape() error { return errOther }

type shaper struct{}

func openShaper(*wires, []netip.Addr, cluster.Shape) (*shaper, error) { return nil, errOther }
func (*shaper) Touched() int64                                        { return 0 }
func (*shaper) Close() error                                          { return errOther }
func (*shaper) Abandon() error                                        { return errOther }

func tryCut() error   { return errOther }
func tryShape() error { return errOther }
