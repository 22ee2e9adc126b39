package etcd

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/faultline-dev/faultline/harness/cluster"
)

// A lock is a key that exists while somebody holds it, and that goes with its holder's
// lease. The revision at which the key was created is the fencing token.
//
// This is what etcd's own mutex does, but for the queue: a lock that is taken is refused
// at once, and not waited for.

func lockKey(key int64) string { return fmt.Sprintf("lock/%d", key) }

var (
	errHeld = errors.New("somebody else holds the lock")
	errLost = errors.New("the lock is not held any more: its lease ran out")
	errNone = errors.New("the lock is not held")
)

// session is a connection's lease, kept alive for as long as the connection lasts and its
// member lets it.
type session struct {
	mu     sync.Mutex
	lease  clientv3.LeaseID // 0: none
	gone   <-chan struct{}  // closed once the client knows that the lease is no more
	stop   context.CancelFunc
	ended  sync.WaitGroup
	tokens map[int64]int64 // of the locks that the connection holds
}

// live returns the connection's lease, and takes one first if there is none.
func (c *conn) live(ctx context.Context) (clientv3.LeaseID, error) {
	s := &c.session
	if s.lease != 0 {
		select {
		case <-s.gone:
			s.lease = 0
		default:
			return s.lease, nil
		}
	}
	calling, a := try(ctx)
	granted, err := c.etcd.Grant(calling, int64(c.ttl/time.Second))
	if err != nil {
		// A lease that nobody knows of runs out by itself, and holds nothing.
		return 0, cluster.Definite(a.classify(ctx, err))
	}
	s.end()
	living, stop := context.WithCancel(context.Background())
	alive, err := c.etcd.KeepAlive(living, granted.ID)
	if err != nil {
		stop()
		return 0, cluster.Definite(err)
	}
	gone := make(chan struct{})
	s.ended.Go(func() {
		defer close(gone)
		for range alive {
		}
	})
	s.lease, s.gone, s.stop = granted.ID, gone, stop
	return s.lease, nil
}

// end stops keeping the lease alive, as the death of the client would: the lease runs out.
func (s *session) end() {
	if s.stop != nil {
		s.stop()
		s.ended.Wait()
		s.stop = nil
	}
	s.lease = 0
}

// Acquire implements cluster.Lock.
func (c *conn) Acquire(ctx context.Context, key int64) (int64, error) {
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	lease, err := c.live(ctx)
	if err != nil {
		return 0, err
	}
	name := lockKey(key)
	calling, a := try(ctx)
	r, err := c.etcd.Txn(calling).
		If(clientv3.Compare(clientv3.CreateRevision(name), "=", 0)).
		Then(clientv3.OpPut(name, "", clientv3.WithLease(lease))).
		Commit()
	switch {
	case err != nil:
		return 0, a.classify(ctx, err)
	case !r.Succeeded:
		return 0, cluster.Definite(errHeld)
	}
	c.session.tokens[key] = r.Header.Revision
	return r.Header.Revision, nil
}

// Release implements cluster.Lock.
func (c *conn) Release(ctx context.Context, key int64) error {
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	token, held := c.session.tokens[key]
	if !held {
		return cluster.Definite(errNone)
	}
	delete(c.session.tokens, key)
	name := lockKey(key)
	calling, a := try(ctx)
	r, err := c.etcd.Txn(calling).
		If(clientv3.Compare(clientv3.CreateRevision(name), "=", token)).
		Then(clientv3.OpDelete(name)).
		Commit()
	switch {
	case err != nil:
		return a.classify(ctx, err)
	case !r.Succeeded:
		return cluster.Definite(errLost)
	}
	return nil
}
