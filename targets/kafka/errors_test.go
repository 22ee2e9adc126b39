package kafka

import (
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/faultline-dev/faultline/harness/cluster"
)

func answer(code int16) *kmsg.ProduceResponse {
	p := kmsg.NewProduceResponseTopicPartition()
	p.ErrorCode, p.BaseOffset = code, 17
	t := kmsg.NewProduceResponseTopic()
	t.Partitions = append(t.Partitions, p)
	r := kmsg.NewPtrProduceResponse()
	r.Topics = append(r.Topics, t)
	return r
}

// TestProduced: an answer counts as "did not happen" only where the broker decides so
// before it appends. A leader deposed while it waits for its followers has appended, and
// gives the same code as one that never led.
func TestProduced(t *testing.T) {
	for _, c := range []struct {
		err      *kerr.Error
		waits    bool
		definite bool
	}{
		{kerr.NotLeaderForPartition, false, true},
		{kerr.NotLeaderForPartition, true, false},
		{kerr.FencedLeaderEpoch, true, false},
		{kerr.NotEnoughReplicas, true, true},
		{kerr.NotEnoughReplicasAfterAppend, true, false},
		{kerr.RequestTimedOut, true, false},
		{kerr.RequestTimedOut, false, false},
		{kerr.UnknownServerError, false, false},
		{kerr.KafkaStorageError, false, false},
		{kerr.OutOfOrderSequenceNumber, true, false},
	} {
		_, err := produced(answer(c.err.Code), c.waits)
		if err == nil || cluster.IsDefinite(err) != c.definite {
			t.Errorf("%s, waiting %v: %v, definite %v", c.err.Message, c.waits, err, cluster.IsDefinite(err))
		}
	}
	for _, code := range []int16{0, kerr.DuplicateSequenceNumber.Code} {
		if offset, err := produced(answer(code), true); err != nil || offset != 17 {
			t.Errorf("code %d: %d, %v", code, offset, err)
		}
	}
	if _, err := produced(kmsg.NewPtrProduceResponse(), true); err == nil || cluster.IsDefinite(err) {
		t.Errorf("an empty answer: %v", err)
	}
}

func TestUnsent(t *testing.T) {
	dial := fmt.Errorf("unable to dial: %w", &net.OpError{Op: "dial", Err: errors.New("connection refused")})
	if !unsent(dial) {
		t.Error("a refused connection has sent nothing")
	}
	for _, err := range []error{io.EOF, &net.OpError{Op: "read", Err: io.EOF}, &net.OpError{Op: "write", Err: io.EOF}} {
		if unsent(err) {
			t.Errorf("after %v something may have been sent", err)
		}
	}
}
