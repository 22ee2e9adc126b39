package sharded

import (
	"github.com/faultline-dev/faultline/targets/embedded/wire"
)

// command is what the store puts into its groups' logs, besides clients' requests.
type command struct {
	kind    byte
	shard   int
	version uint64 // of the shard's assignment
	group   int    // to which the shard goes; of assign and freeze
	data    []byte // what the shard holds; of install
}

// The kinds of commands.
const (
	assign byte = iota // in the configuration group
	freeze
	install
	forget
	lastKind
)

func (c *command) encode() []byte {
	b := wire.AppendUints([]byte{c.kind}, uint64(c.shard), c.version, uint64(c.group))
	return wire.AppendBytes(b, c.data)
}

func takeCommand(data []byte) (c command, err error) {
	d := wire.NewDecoder(data)
	c = command{kind: d.UpTo(lastKind - 1), shard: takeShard(&d), version: d.Uint(), group: takeGroup(&d), data: d.Bytes()}
	return c, d.End()
}

func takeShard(d *wire.Decoder) int { return below(d, Shards) }

// takeGroup reads a group's number, of which 0 is the configuration group's.
func takeGroup(d *wire.Decoder) int { return below(d, MaxGroups+1) }

func below(d *wire.Decoder, limit uint64) int {
	n := d.Uint()
	if n >= limit {
		d.Fail()
		return 0
	}
	return int(n)
}
