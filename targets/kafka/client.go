package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/targets/docker"
)

// Limits within an operation, whose own deadline is some seconds.
const (
	dialLimit    = time.Second
	produceLimit = 3 * time.Second // the leader's wait for its followers
	fetchWait    = 100 * time.Millisecond
	fetchBytes   = 1 << 20
)

// newClient makes a client of one node that sends each request once. The library overrules
// what a produce request itself says of acknowledgements.
func newClient(addr string, o cluster.Options) (*kgo.Client, error) {
	required := map[string]kgo.Acks{"all": kgo.AllISRAcks(), "1": kgo.LeaderAck(), "0": kgo.NoAck()}[o[acks]]
	return kgo.NewClient(
		kgo.SeedBrokers(addr), kgo.DialTimeout(dialLimit), kgo.RequestRetries(0),
		kgo.RequestTimeoutOverhead(5*time.Second),
		kgo.RequiredAcks(required), kgo.DisableIdempotentWrite(), // the stamps are ours
		kgo.MaxVersions(kversion.V3_0_0()), // which calls topics by their names
	)
}

// ask sends a request to the one node of a client.
func ask[R kmsg.Response](ctx context.Context, c *kgo.Client, request kmsg.Request) (R, error) {
	var none R
	reply, err := c.SeedBrokers()[0].Request(ctx, request)
	if err != nil {
		return none, err
	}
	typed, ok := reply.(R)
	if !ok {
		return none, fmt.Errorf("the node answers a %T", reply)
	}
	return typed, nil
}

// conn is a client that sees the cluster as one node does.
type conn struct {
	options cluster.Options
	topic   string
	home    docker.Node
	nodes   map[int32]docker.Node
	clients map[int32]*kgo.Client // one for each node that was needed
	leaders map[int64]int32       // of partitions, as last heard from home
	stamp   stamp                 // of this producer; its sequence counts by partition
	next    map[int64]int32
}

var _ cluster.Log = (*conn)(nil)

// connect opens a client, and has an idempotent one ask for its number.
func connect(ctx context.Context, n docker.Node, all []docker.Node, o cluster.Options) (cluster.Conn, error) {
	c := &conn{
		options: o, topic: topic, home: n, nodes: map[int32]docker.Node{}, clients: map[int32]*kgo.Client{},
		leaders: map[int64]int32{}, stamp: none, next: map[int64]int32{},
	}
	for _, p := range all {
		c.nodes[int32(p.Index)] = p
	}
	if err := c.introduce(ctx); err != nil {
		return nil, errors.Join(cluster.Definite(err), c.Close())
	}
	return c, nil
}

// introduce finds out that the node is there.
func (c *conn) introduce(ctx context.Context) error {
	home, err := c.client(int32(c.home.Index))
	if err != nil {
		return err
	}
	if c.options.Bool(idempotence) && c.options[acks] == "all" {
		request := kmsg.NewPtrInitProducerIDRequest()
		request.TransactionTimeoutMillis = -1
		reply, err := ask[*kmsg.InitProducerIDResponse](ctx, home, request)
		if err == nil {
			err = kerr.ErrorForCode(reply.ErrorCode)
		}
		if err != nil {
			return fmt.Errorf("ask for a producer's number: %w", err)
		}
		c.stamp = stamp{producer: reply.ProducerID, epoch: reply.ProducerEpoch}
		return nil
	}
	_, err = ask[*kmsg.ApiVersionsResponse](ctx, home, kmsg.NewPtrApiVersionsRequest())
	return err
}

// Close implements cluster.Conn.
func (c *conn) Close() error {
	for _, k := range c.clients {
		k.Close()
	}
	return nil
}

// client is that of a node.
func (c *conn) client(id int32) (*kgo.Client, error) {
	if k := c.clients[id]; k != nil {
		return k, nil
	}
	n, ok := c.nodes[id]
	if !ok {
		return nil, fmt.Errorf("there is no node %d", id)
	}
	k, err := newClient(endpoint(n), c.options)
	if err == nil {
		c.clients[id] = k
	}
	return k, err
}

// leader is who leads a partition, as far as the connection has heard.
func (c *conn) leader(ctx context.Context, key int64) (*kgo.Client, error) {
	id, known := c.leaders[key]
	if !known {
		home, err := c.client(int32(c.home.Index))
		if err != nil {
			return nil, err
		}
		if id, _, err = leaderOf(ctx, home, c.topic, int32(key)); err != nil {
			return nil, err
		}
		c.leaders[key] = id
	}
	return c.client(id)
}

// leaderOf asks a node who leads a partition, and in which epoch.
func leaderOf(ctx context.Context, k *kgo.Client, topic string, partition int32) (id, epoch int32, err error) {
	request := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = &topic
	request.Topics = append(request.Topics, t)
	reply, err := ask[*kmsg.MetadataResponse](ctx, k, request)
	if err != nil {
		return 0, 0, fmt.Errorf("ask who leads: %w", err)
	}
	for _, t := range reply.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return 0, 0, fmt.Errorf("ask who leads: %w", err)
		}
		for _, p := range t.Partitions {
			if p.Partition == partition && p.Leader >= 0 {
				return p.Leader, p.LeaderEpoch, nil
			}
		}
	}
	return 0, 0, errNoLeader
}

// Send implements cluster.Log. It may send a record again that is in doubt, if the option
// retries says so; the error tells of the last attempt and is definite only if all are.
func (c *conn) Send(ctx context.Context, key, value int64) (int64, error) {
	s := c.stamp
	if s != none {
		s.sequence = c.next[key]
	}
	doubt := false
	for attempt := 0; ; attempt++ {
		offset, err := c.attempt(ctx, key, value, s)
		if err == nil {
			if s != none {
				c.next[key]++
			}
			return offset, nil
		}
		delete(c.leaders, key)
		definite := cluster.IsDefinite(err)
		doubt = doubt || !definite
		if attempt < c.options.Int(retries) && ctx.Err() == nil {
			docker.Rest(ctx)
			continue
		}
		if doubt {
			// Without definite's mark: an earlier attempt may have been kept.
			return 0, lost(errors.New(err.Error()))
		}
		docker.Rest(ctx)
		return 0, err
	}
}

// attempt sends a record once.
func (c *conn) attempt(ctx context.Context, key, value int64, s stamp) (int64, error) {
	k, err := c.leader(ctx, key)
	if err != nil {
		return 0, cluster.Definite(err) // the record has not been sent
	}
	request := kmsg.NewPtrProduceRequest()
	request.TimeoutMillis = int32(produceLimit.Milliseconds())
	p := kmsg.NewProduceRequestTopicPartition()
	p.Partition, p.Records = int32(key), batch(strconv.AppendInt(nil, value, 10), s, time.Now())
	t := kmsg.NewProduceRequestTopic()
	t.Topic, t.Partitions = c.topic, append(t.Partitions, p)
	request.Topics = append(request.Topics, t)
	reply, err := ask[*kmsg.ProduceResponse](ctx, k, request)
	switch {
	case err != nil && unsent(err):
		return 0, cluster.Definite(err)
	case err != nil:
		return 0, err
	case c.options[acks] == "0":
		return -1, nil // there is no answer
	}
	return produced(reply, c.options[acks] == "all")
}

// produced reads the answer to one record.
func produced(reply *kmsg.ProduceResponse, waits bool) (int64, error) {
	if len(reply.Topics) == 0 || len(reply.Topics[0].Partitions) == 0 {
		return 0, errors.New("the leader's answer names no partition")
	}
	p := reply.Topics[0].Partitions[0]
	err := kerr.ErrorForCode(p.ErrorCode)
	switch {
	case err == nil, errors.Is(err, kerr.DuplicateSequenceNumber): // an earlier attempt was kept
		return p.BaseOffset, nil
	case refused(err, waits):
		return 0, cluster.Definite(err)
	}
	return 0, err
}

// Poll implements cluster.Log.
func (c *conn) Poll(ctx context.Context, key, from int64, most int) ([]cluster.Entry, error) {
	entries, err := c.fetch(ctx, key, from, most)
	if err != nil {
		delete(c.leaders, key)
		docker.Rest(ctx)
	}
	return entries, err
}

func (c *conn) fetch(ctx context.Context, key, from int64, most int) ([]cluster.Entry, error) {
	k, err := c.leader(ctx, key)
	if err != nil {
		return nil, err
	}
	request := kmsg.NewPtrFetchRequest()
	request.MaxWaitMillis, request.MinBytes, request.MaxBytes = int32(fetchWait.Milliseconds()), 1, fetchBytes
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset, p.PartitionMaxBytes = int32(key), from, fetchBytes
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.Partitions = c.topic, append(t.Partitions, p)
	request.Topics = append(request.Topics, t)
	reply, err := ask[*kmsg.FetchResponse](ctx, k, request)
	if err != nil {
		return nil, err
	}
	if err := kerr.ErrorForCode(reply.ErrorCode); err != nil {
		return nil, err
	}
	var entries []cluster.Entry
	for _, t := range reply.Topics {
		for i := range t.Partitions {
			got, err := decode(&t.Partitions[i], c.topic, from)
			if err != nil {
				return nil, err
			}
			entries = append(entries, got...)
		}
	}
	return entries[:min(most, len(entries))], nil
}

// decode reads the records of a partition from an offset on. A partition that is shorter
// than that holds nothing there.
func decode(p *kmsg.FetchResponseTopicPartition, topic string, from int64) ([]cluster.Entry, error) {
	fetched, _ := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{Topic: topic, Partition: p.Partition, Offset: from}, p, nil, nil)
	if errors.Is(fetched.Err, kerr.OffsetOutOfRange) {
		return nil, nil
	}
	if fetched.Err != nil {
		return nil, fetched.Err
	}
	var entries []cluster.Entry
	for _, r := range fetched.Records {
		value, err := strconv.ParseInt(string(r.Value), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("offset %d holds %q, which is no number", r.Offset, r.Value)
		}
		entries = append(entries, cluster.Entry{Offset: r.Offset, Value: value})
	}
	return entries, nil
}
