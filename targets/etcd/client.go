package etcd

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"github.com/faultline-dev/faultline/harness/cluster"
)

// conn is a client of one member.
type conn struct {
	etcd    *clientv3.Client
	reads   []clientv3.OpOption
	ttl     time.Duration // of its lease
	session session
}

var (
	_ cluster.Register = (*conn)(nil)
	_ cluster.Set      = (*conn)(nil)
	_ cluster.Append   = (*conn)(nil)
	_ cluster.Counter  = (*conn)(nil)
	_ cluster.Lock     = (*conn)(nil)
)

// connect opens a client. etcd's own would connect in the background; trying the address
// first tells a member that is down at once, and for certain.
func connect(ctx context.Context, addr string, o cluster.Options) (*conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, cluster.Definite(err)
	}
	_ = c.Close()
	e, err := newClient(addr)
	if err != nil {
		return nil, cluster.Definite(err)
	}
	opened := &conn{etcd: e, ttl: o.Duration("lease"), session: session{tokens: map[int64]int64{}}}
	if o["reads"] == serializable {
		opened.reads = []clientv3.OpOption{clientv3.WithSerializable()}
	}
	return opened, nil
}

// reconnect keeps a client from sulking: by default it waits up to two minutes before it
// tries a member again that was down.
var reconnect = grpc.ConnectParams{
	Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
	MinConnectTimeout: 2 * time.Second,
}

// failFast makes a call fail when there is no connection. etcd's client would have it wait
// for one until its deadline.
func failFast(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	return invoke(ctx, method, req, reply, cc, append(opts, grpc.WaitForReady(false))...)
}

func newClient(addr string) (*clientv3.Client, error) {
	return clientv3.New(clientv3.Config{
		Endpoints:       []string{"http://" + addr},
		MaxUnaryRetries: 1, // the attempt itself
		DialOptions: []grpc.DialOption{
			grpc.WithConnectParams(reconnect), grpc.WithStatsHandler(sendings{}), grpc.WithChainUnaryInterceptor(failFast),
		},
		Logger: zap.NewNop(),
	})
}

// Close implements cluster.Conn.
func (c *conn) Close() error {
	err := c.etcd.Close()
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	c.session.end()
	return err
}

func registerKey(key int64) string { return fmt.Sprintf("register/%d", key) }
func setPrefix(key int64) string   { return fmt.Sprintf("set/%d/", key) }

// Read implements cluster.Register.
func (c *conn) Read(ctx context.Context, key int64) (int64, bool, error) {
	calling, a := try(ctx)
	r, err := c.etcd.Get(calling, registerKey(key), c.reads...)
	if err != nil {
		return 0, false, a.classify(ctx, err)
	}
	if len(r.Kvs) == 0 {
		return 0, false, nil
	}
	v, err := strconv.ParseInt(string(r.Kvs[0].Value), 10, 64)
	return v, true, err
}

// Write implements cluster.Register.
func (c *conn) Write(ctx context.Context, key, value int64) error {
	calling, a := try(ctx)
	_, err := c.etcd.Put(calling, registerKey(key), strconv.FormatInt(value, 10))
	return a.classify(ctx, err)
}

// CompareAndSet implements cluster.Register by a transaction, which reads the value that
// it finds instead.
func (c *conn) CompareAndSet(ctx context.Context, key, old, new int64) error {
	name := registerKey(key)
	calling, a := try(ctx)
	r, err := c.etcd.Txn(calling).
		If(clientv3.Compare(clientv3.Value(name), "=", strconv.FormatInt(old, 10))).
		Then(clientv3.OpPut(name, strconv.FormatInt(new, 10))).
		Else(clientv3.OpGet(name)).
		Commit()
	if err != nil {
		return a.classify(ctx, err)
	}
	if r.Succeeded {
		return nil
	}
	m := &cluster.Mismatch{Observed: true}
	if found := r.Responses[0].GetResponseRange().Kvs; len(found) > 0 {
		m.Found = true
		if m.Value, err = strconv.ParseInt(string(found[0].Value), 10, 64); err != nil {
			return cluster.Definite(err)
		}
	}
	return m
}

// Add implements cluster.Set: an element is a key of its own.
func (c *conn) Add(ctx context.Context, key, element int64) error {
	calling, a := try(ctx)
	_, err := c.etcd.Put(calling, setPrefix(key)+strconv.FormatInt(element, 10), "")
	return a.classify(ctx, err)
}

// ReadAll implements cluster.Set.
func (c *conn) ReadAll(ctx context.Context, key int64) ([]int64, error) {
	prefix := setPrefix(key)
	calling, a := try(ctx)
	r, err := c.etcd.Get(calling, prefix, append([]clientv3.OpOption{clientv3.WithPrefix(), clientv3.WithKeysOnly()}, c.reads...)...)
	if err != nil {
		return nil, a.classify(ctx, err)
	}
	elements := make([]int64, len(r.Kvs))
	for i, kv := range r.Kvs {
		if elements[i], err = strconv.ParseInt(strings.TrimPrefix(string(kv.Key), prefix), 10, 64); err != nil {
			return nil, err
		}
	}
	return elements, nil
}

// leads asks a member whether it leads.
func leads(ctx context.Context, addr string) (bool, uint64, error) {
	e, err := newClient(addr)
	if err != nil {
		return false, 0, err
	}
	defer e.Close()
	s, err := e.Status(ctx, "http://"+addr)
	if err != nil {
		return false, 0, err
	}
	return s.Leader != 0 && s.Leader == s.Header.MemberId, s.RaftTerm, nil
}
