package docker

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// owner is the lock that a run holds: a socket in the abstract name space. The kernel lets
// go of it when the process ends, however it ends, so there is no file to go stale; and it
// belongs to the network namespace, so that a harness in the control container, which
// shares the host's, and one beside it see each other.
type owner struct{ conn *net.UnixConn }

// hold takes the lock of a run.
func hold(run string) (*owner, error) {
	c, err := net.ListenUnixgram("unixgram", lockAddr(run))
	if err != nil {
		return nil, fmt.Errorf("take the lock of run %s: %w", run, err)
	}
	return &owner{c}, nil
}

func (o *owner) release() error { return o.conn.Close() }

func lockAddr(run string) *net.UnixAddr {
	return &net.UnixAddr{Net: "unixgram", Name: "@faultline/run/" + run}
}

// held reports whether some process holds the lock of a run.
func held(run string) (bool, error) {
	o, err := hold(run)
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return true, nil
	case err != nil:
		return false, err
	}
	return false, o.release()
}

// place says where locks that this process takes can be seen: which boot of which machine,
// and which network namespace there.
func place() (string, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", err
	}
	ns, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(boot)) + " " + ns, nil
}
