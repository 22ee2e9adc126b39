package cluster

import (
	"errors"
	"fmt"
)

// ErrUnsupported is returned for an operation that the system does not offer.
var ErrUnsupported = errors.New("operation not offered by this system")

// ErrDisconnected is wrapped by an error, definite or not, after which the connection
// cannot be used any more: the process ends and a new one connects.
var ErrDisconnected = errors.New("disconnected")

// ErrSkipped is returned by a fault capability whose victim is not free: already dead,
// or held by another fault.
var ErrSkipped = errors.New("victim not free")

// definite marks an error after which the operation certainly did not happen.
type definite struct{ err error }

func (d definite) Error() string { return d.err.Error() }
func (d definite) Unwrap() error { return d.err }

// Definite marks err: the operation certainly did not happen and will not. Any other
// error leaves a mutating operation indeterminate.
func Definite(err error) error {
	if err == nil {
		return nil
	}
	return definite{err}
}

// IsDefinite reports whether err says that the operation certainly did not happen.
func IsDefinite(err error) bool {
	var d definite
	var m *Mismatch
	return errors.As(err, &d) || errors.As(err, &m) || errors.Is(err, ErrUnsupported)
}

// Mismatch is the answer to a compare-and-set whose old value was not there: a definite
// failure and, when Observed, a read of Value (Found false: the key was absent).
type Mismatch struct {
	Observed bool
	Found    bool
	Value    int64
}

func (m *Mismatch) Error() string {
	if m.Observed && m.Found {
		return fmt.Sprintf("mismatch: value is %d", m.Value)
	}
	return "mismatch"
}
