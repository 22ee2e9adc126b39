package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/targets/docker"
)

// topic is the one that clients write to and read.
const topic = "faultline"

// ready says that a node answers and knows a controller.
func ready(ctx context.Context, n docker.Node, o cluster.Options) error {
	k, err := newClient(endpoint(n), o)
	if err != nil {
		return err
	}
	defer k.Close()
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = []kmsg.MetadataRequestTopic{}
	reply, err := ask[*kmsg.MetadataResponse](ctx, k, request)
	if err != nil {
		return err
	}
	if reply.ControllerID < 0 || len(reply.Brokers) == 0 {
		return errors.New("it knows no controller yet")
	}
	return nil
}

// makeTopic makes the topic once all brokers are known, and waits until each partition has
// a leader and its replicas.
func makeTopic(ctx context.Context, all []docker.Node, o cluster.Options) error {
	seeds := make([]string, len(all))
	for i, n := range all {
		seeds[i] = endpoint(n)
	}
	k, err := kgo.NewClient(kgo.SeedBrokers(seeds...), kgo.DialTimeout(dialLimit))
	if err != nil {
		return err
	}
	defer k.Close()
	if err := docker.Until(ctx, func() error { return brokers(ctx, k, len(all)) }); err != nil {
		return err
	}
	copies := min(o.Int(replicas), len(all))
	insync := strconv.Itoa(min(o.Int(minInsync), copies))
	request := kmsg.NewPtrCreateTopicsRequest()
	request.TimeoutMillis = 10000
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = topic, int32(o.Int(partitions)), int16(copies)
	for _, set := range [][2]string{{"min.insync.replicas", insync}, {"unclean.leader.election.enable", o[unclean]}} {
		c := kmsg.NewCreateTopicsRequestTopicConfig()
		c.Name, c.Value = set[0], &set[1]
		t.Configs = append(t.Configs, c)
	}
	request.Topics = append(request.Topics, t)
	reply, err := request.RequestWith(ctx, k)
	if err != nil {
		return fmt.Errorf("make topic %s: %w", topic, err)
	}
	for _, made := range reply.Topics {
		if err := kerr.ErrorForCode(made.ErrorCode); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			return fmt.Errorf("make topic %s: %w", topic, err)
		}
	}
	return docker.Until(ctx, func() error { return led(ctx, k, copies) })
}

// brokers says whether so many have registered.
func brokers(ctx context.Context, k *kgo.Client, want int) error {
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = []kmsg.MetadataRequestTopic{}
	reply, err := request.RequestWith(ctx, k)
	if err != nil {
		return err
	}
	if len(reply.Brokers) < want {
		return fmt.Errorf("%d of %d brokers have registered", len(reply.Brokers), want)
	}
	return nil
}

// led says whether every partition has its leader and all its replicas in sync.
func led(ctx context.Context, k *kgo.Client, copies int) error {
	request := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	name := topic
	t.Topic = &name
	request.Topics = append(request.Topics, t)
	reply, err := request.RequestWith(ctx, k)
	if err != nil {
		return err
	}
	for _, t := range reply.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return err
		}
		for _, p := range t.Partitions {
			if p.Leader < 0 || len(p.ISR) < copies {
				return fmt.Errorf("partition %d has leader %d and %d of %d replicas in sync", p.Partition, p.Leader, len(p.ISR), copies)
			}
		}
	}
	return nil
}

// leads says whether a node believes that it leads the first partition.
func leads(ctx context.Context, n docker.Node, o cluster.Options) (bool, uint64, error) {
	k, err := newClient(endpoint(n), o)
	if err != nil {
		return false, 0, err
	}
	defer k.Close()
	id, epoch, err := leaderOf(ctx, k, topic, 0)
	if errors.Is(err, errNoLeader) {
		return false, 0, nil
	}
	return id == int32(n.Index), uint64(max(epoch, 0)), err
}
