package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/targets/docker"
)

// server finds who has a key.
type server interface {
	// of returns the client of the server that answers for a key.
	of(ctx context.Context, key string, write bool) (*redis.Client, error)
	// mistaken is told of an error of that server, and reports whether another one has been
	// named to which the command, which was not carried out, may go instead.
	mistaken(ctx context.Context, key string, err error) bool
	Close() error
}

// conn is a client of Redis, of either kind.
type conn struct {
	server
	wait int // replicas that a write waits for
}

var (
	_ cluster.Register = (*conn)(nil)
	_ cluster.Set      = (*conn)(nil)
	_ cluster.Append   = (*conn)(nil)
	_ cluster.Counter  = (*conn)(nil)
)

const (
	// waitLimit is how long a write waits for replicas.
	waitLimit = time.Second
	// redirections are how often a command is sent on to another server.
	redirections = 5
)

// do carries a command out, once.
func (c *conn) do(ctx context.Context, write bool, key string, command ...any) (*redis.Cmd, error) {
	for n := 0; ; n++ {
		done, err := c.send(ctx, write, key, command)
		if err == nil || errors.Is(err, redis.Nil) {
			return done, nil
		}
		if c.mistaken(ctx, key, err) && n < redirections {
			continue
		}
		if err = classify(err); cluster.IsDefinite(err) {
			docker.Rest(ctx)
		}
		return nil, err
	}
}

func (c *conn) send(ctx context.Context, write bool, key string, command []any) (*redis.Cmd, error) {
	s, err := c.of(ctx, key, write)
	if err != nil {
		return nil, cluster.Definite(err)
	}
	if !write || c.wait == 0 {
		done := s.Do(ctx, command...)
		return done, done.Err()
	}
	// WAIT answers for the connection that it comes over, so both have to go together.
	pipe := s.Pipeline()
	done := pipe.Do(ctx, command...)
	waited := pipe.Do(ctx, "WAIT", c.wait, waitLimit.Milliseconds())
	_, err = pipe.Exec(ctx)
	if done.Err() != nil && !errors.Is(done.Err(), redis.Nil) {
		return nil, done.Err()
	}
	if waited.Err() != nil {
		return nil, fmt.Errorf("wait for replicas: %s", waited.Err()) // carried out, whatever it says
	}
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, fmt.Errorf("%s", err)
	}
	if n, err := waited.Int(); err != nil || n < c.wait {
		return nil, fmt.Errorf("%d of %d replicas have it", n, c.wait)
	}
	return done, nil
}

func name(kind string, key int64) string { return kind + "/" + strconv.FormatInt(key, 10) }

// Read implements cluster.Register.
func (c *conn) Read(ctx context.Context, key int64) (int64, bool, error) {
	k := name("register", key)
	done, err := c.do(ctx, false, k, "GET", k)
	if err != nil {
		return 0, false, err
	}
	return integer(done)
}

// integer reads an answer that is a number, or nothing.
func integer(done *redis.Cmd) (int64, bool, error) {
	if errors.Is(done.Err(), redis.Nil) {
		return 0, false, nil
	}
	v, err := done.Int64()
	return v, err == nil, err
}

// Write implements cluster.Register.
func (c *conn) Write(ctx context.Context, key, value int64) error {
	k := name("register", key)
	_, err := c.do(ctx, true, k, "SET", k, value)
	return err
}

// compareAndSet answers with what it found and whether it was what it looked for.
const compareAndSet = `local v = redis.call('GET', KEYS[1])
if v ~= ARGV[1] then return {0, v} end
redis.call('SET', KEYS[1], ARGV[2])
return {1, v}`

// CompareAndSet implements cluster.Register by a script, which nothing comes in between.
func (c *conn) CompareAndSet(ctx context.Context, key, old, new int64) error {
	k := name("register", key)
	done, err := c.do(ctx, true, k, "EVAL", compareAndSet, 1, k, old, new)
	if err != nil {
		return err
	}
	answer, err := done.Slice()
	if err != nil || len(answer) == 0 {
		return fmt.Errorf("the script answers %v: %w", done.Val(), err)
	}
	if answer[0] == int64(1) {
		return nil
	}
	m := &cluster.Mismatch{Observed: true}
	if len(answer) > 1 && answer[1] != nil {
		m.Found = true
		if m.Value, err = strconv.ParseInt(fmt.Sprint(answer[1]), 10, 64); err != nil {
			return cluster.Definite(err)
		}
	}
	return m
}

// Add implements cluster.Set.
func (c *conn) Add(ctx context.Context, key, element int64) error {
	k := name("set", key)
	_, err := c.do(ctx, true, k, "SADD", k, element)
	return err
}

// ReadAll implements cluster.Set.
func (c *conn) ReadAll(ctx context.Context, key int64) ([]int64, error) {
	k := name("set", key)
	return c.list(ctx, k, "SMEMBERS", k)
}

// Append implements cluster.Append.
func (c *conn) Append(ctx context.Context, key, element int64) error {
	k := name("list", key)
	_, err := c.do(ctx, true, k, "RPUSH", k, element)
	return err
}

// ReadList implements cluster.Append.
func (c *conn) ReadList(ctx context.Context, key int64) ([]int64, error) {
	k := name("list", key)
	return c.list(ctx, k, "LRANGE", k, 0, -1)
}

func (c *conn) list(ctx context.Context, key string, command ...any) ([]int64, error) {
	done, err := c.do(ctx, false, key, command...)
	if err != nil {
		return nil, err
	}
	words, err := done.StringSlice()
	if err != nil {
		return nil, err
	}
	all := make([]int64, len(words))
	for i, w := range words {
		if all[i], err = strconv.ParseInt(w, 10, 64); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Increment implements cluster.Counter.
func (c *conn) Increment(ctx context.Context, key, delta int64) error {
	k := name("counter", key)
	_, err := c.do(ctx, true, k, "INCRBY", k, delta)
	return err
}

// ReadCounter implements cluster.Counter.
func (c *conn) ReadCounter(ctx context.Context, key int64) (int64, error) {
	k := name("counter", key)
	done, err := c.do(ctx, false, k, "GET", k)
	if err != nil {
		return 0, err
	}
	v, _, err := integer(done)
	return v, err
}
