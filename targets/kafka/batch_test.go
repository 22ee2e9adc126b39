package kafka

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/faultline-dev/faultline/harness/cluster"
)

// TestBatch: what is packed is read back by franz-go's own decoder, checksum and all.
func TestBatch(t *testing.T) {
	for _, s := range []stamp{none, {producer: 42, epoch: 3, sequence: 7}} {
		p := kmsg.NewFetchResponseTopicPartition()
		p.RecordBatches = batch([]byte("-1234567890123"), s, time.Now())
		got, err := decode(&p, topic, 0)
		if err != nil || len(got) != 1 || got[0] != (cluster.Entry{Offset: 0, Value: -1234567890123}) {
			t.Errorf("%+v: read back %v, %v", s, got, err)
		}
		var b kmsg.RecordBatch
		if err := b.ReadFrom(p.RecordBatches); err != nil || b.ProducerID != s.producer || b.ProducerEpoch != s.epoch || b.FirstSequence != s.sequence {
			t.Errorf("the stamp %+v was packed as %+v, %v", s, b, err)
		}
		p.RecordBatches[len(p.RecordBatches)-3] ^= 1
		if got, err := decode(&p, topic, 0); err == nil && len(got) > 0 {
			t.Errorf("a flipped bit passed: %v", got)
		}
	}
}

// TestBehind: what lies before the offset asked for is not returned, though its batch is.
func TestBehind(t *testing.T) {
	p := kmsg.NewFetchResponseTopicPartition()
	p.RecordBatches = batch([]byte("1"), none, time.Now())
	if got, err := decode(&p, topic, 1); err != nil || len(got) != 0 {
		t.Errorf("got %v, %v", got, err)
	}
}
