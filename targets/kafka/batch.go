package kafka

import (
	"encoding/binary"
	"hash/crc32"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// stamp is how an idempotent producer numbers a record: none is its zero value.
type stamp struct {
	producer int64
	epoch    int16
	sequence int32
}

// none is the stamp of a producer that does not number its records.
var none = stamp{producer: -1, epoch: -1, sequence: -1}

// Where fields of a record batch (version 2 of the format) stand.
const (
	batchLengthAt = 8  // the length of what follows it
	batchCRCAt    = 17 // a CRC-32C of what follows it
)

// batch packs one value as a record batch.
func batch(value []byte, s stamp, now time.Time) []byte {
	record := kmsg.Record{Value: value}
	record.Length = int32(len(record.AppendTo(nil))) - 1 // a length of 0 took one byte
	ms := now.UnixMilli()
	b := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1, Magic: 2, FirstTimestamp: ms, MaxTimestamp: ms,
		ProducerID: s.producer, ProducerEpoch: s.epoch, FirstSequence: s.sequence,
		NumRecords: 1, Records: record.AppendTo(nil),
	}
	packed := b.AppendTo(nil)
	binary.BigEndian.PutUint32(packed[batchLengthAt:], uint32(len(packed)-batchLengthAt-4))
	sum := crc32.Checksum(packed[batchCRCAt+4:], crc32.MakeTable(crc32.Castagnoli))
	binary.BigEndian.PutUint32(packed[batchCRCAt:], sum)
	return packed
}
