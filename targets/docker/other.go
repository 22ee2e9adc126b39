//go:build !linux

package docker

import (
	"context"
	"errors"
	"net/netip"
	"os/exec"
	"time"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/nemesis/linux/disk"
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

type capture struct{}

func openCapture(*wires, int, func(time.Time, []byte, int)) (*capture, error) { return nil, errOther }
func (*capture) Close() error                                                 { return errOther }

func tryCut() error                { return errOther }
func tryShape(cluster.Shape) error { return errOther }

type layers struct{}

func startLayers(context.Context, string, []disk.Mount, *exec.Cmd) (*layers, error) {
	return nil, errOther
}

func (*layers) Make(string, disk.Trouble) (disk.Counts, error)     { return disk.Counts{}, errOther }
func (*layers) Counts(string) (disk.Counts, error)                 { return disk.Counts{}, errOther }
func (*layers) PowerFails(string, bool, uint64) (disk.Loss, error) { return disk.Loss{}, errOther }
func (*layers) Flip(string, string, uint64) (string, error)        { return "", errOther }
func (*layers) Truncate(string, string, uint64) (string, error)    { return "", errOther }
func (*layers) Close() error                                       { return nil }

func endLayers(string) error                    { return errOther }
func tryLayer() error                           { return errOther }
func serveLayers(context.Context, string) error { return errOther }
func layered(int, string) (bool, error)         { return false, errOther }

type crowd struct{}

func withProcesses(int, string, string, func(crowd) error) error { return errOther }

func (crowd) first() bool    { return false }
func (crowd) kill() error    { return errOther }
func (crowd) stop() error    { return errOther }
func (crowd) goOn() error    { return errOther }
func (crowd) String() string { return "" }

func tryProcess() error { return errOther }
