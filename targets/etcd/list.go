package etcd

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/faultline-dev/faultline/harness/cluster"
)

// A list and a counter are each the value of one key, changed by reading it and putting the
// new value in its place if nobody else has changed it meanwhile.

func listKey(key int64) string    { return fmt.Sprintf("list/%d", key) }
func counterKey(key int64) string { return fmt.Sprintf("counter/%d", key) }

// attempts bounds how often a change is tried whose key somebody else was faster to change.
// etcd said then that it changed nothing, so trying again is not doing it twice; what it
// did not answer is never tried again.
const attempts = 100

var errConflict = fmt.Errorf("somebody else changed the key each of %d times", attempts)

// change replaces the value of a key by what next makes of it.
func (c *conn) change(ctx context.Context, name string, next func(old string) (string, error)) error {
	for range attempts {
		calling, a := try(ctx)
		r, err := c.etcd.Get(calling, name)
		if err != nil {
			// Nothing was written, and the next operation finds the connection as it is.
			return cluster.Definite(a.classify(ctx, err))
		}
		old, revision := "", int64(0)
		if len(r.Kvs) > 0 {
			old, revision = string(r.Kvs[0].Value), r.Kvs[0].ModRevision
		}
		value, err := next(old)
		if err != nil {
			return cluster.Definite(err)
		}
		calling, a = try(ctx)
		t, err := c.etcd.Txn(calling).
			If(clientv3.Compare(clientv3.ModRevision(name), "=", revision)).
			Then(clientv3.OpPut(name, value)).
			Commit()
		if err != nil {
			return a.classify(ctx, err)
		}
		if t.Succeeded {
			return nil
		}
	}
	return cluster.Definite(errConflict)
}

// value reads one key.
func (c *conn) value(ctx context.Context, name string) (string, error) {
	calling, a := try(ctx)
	r, err := c.etcd.Get(calling, name, c.reads...)
	if err != nil {
		return "", a.classify(ctx, err)
	}
	if len(r.Kvs) == 0 {
		return "", nil
	}
	return string(r.Kvs[0].Value), nil
}

// Append implements cluster.Append.
func (c *conn) Append(ctx context.Context, key, element int64) error {
	return c.change(ctx, listKey(key), func(old string) (string, error) {
		if old == "" {
			return strconv.FormatInt(element, 10), nil
		}
		return old + " " + strconv.FormatInt(element, 10), nil
	})
}

// ReadList implements cluster.Append.
func (c *conn) ReadList(ctx context.Context, key int64) ([]int64, error) {
	text, err := c.value(ctx, listKey(key))
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(text)
	elements := make([]int64, len(fields))
	for i, f := range fields {
		if elements[i], err = strconv.ParseInt(f, 10, 64); err != nil {
			return nil, err
		}
	}
	return elements, nil
}

// Increment implements cluster.Counter.
func (c *conn) Increment(ctx context.Context, key, delta int64) error {
	return c.change(ctx, counterKey(key), func(old string) (string, error) {
		n, err := number(old)
		return strconv.FormatInt(n+delta, 10), err
	})
}

// ReadCounter implements cluster.Counter.
func (c *conn) ReadCounter(ctx context.Context, key int64) (int64, error) {
	text, err := c.value(ctx, counterKey(key))
	if err != nil {
		return 0, err
	}
	return number(text)
}

func number(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	return strconv.ParseInt(text, 10, 64)
}
