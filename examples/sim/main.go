// Command sim tests a system of one's own in the simulated world: a store whose first node
// keeps everything in a log, and whose other nodes pass on what they are asked. The node is a
// state machine on harness/node, so that a run takes no time, and a seed is the run again.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"github.com/faultline-dev/faultline"
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/simulated"
)

func main() { faultline.Main(target()) }

func target() cluster.Target {
	reference := &cluster.Reference{
		System: func(cluster.Options) (node.System, error) {
			return node.System{New: func() node.Node { return &server{} }, Codec: decode}, nil
		},
		Client: func(c cluster.Caller, _ cluster.Options) cluster.Conn { return client{c} },
	}
	return cluster.Target{
		Name: "ledger", Family: cluster.LeaderBased, Doc: "a store whose first node keeps a log", Data: []string{"register"},
		Promises: func(cluster.Options) []cluster.Promise {
			return []cluster.Promise{{
				Data: "register", Model: model.Linearizable, Quote: "What is acknowledged is never forgotten.",
				// A packet that comes twice would be a write that happens twice.
				Nemeses: []string{"partition", "kill", "pause", "restart", "crash-loop", "disk", "clock"},
			}}
		},
		Reference: reference,
		Open:      map[cluster.World]cluster.Opener{cluster.Sim: simulated.Opener(reference)},
	}
}

// message is what nodes and clients exchange, and a record of the log.
type message struct {
	ID         uint64 `json:",omitempty"` // of a request that was passed on
	Write      bool   `json:",omitempty"`
	Key, Value int64
	Found      bool `json:",omitempty"`
}

func (m message) AppendBinary(b []byte) ([]byte, error) {
	text, err := json.Marshal(m)
	return append(b, text...), err
}

func decode(b []byte) (m node.Message, err error) {
	var into message
	err = json.Unmarshal(b, &into)
	return into, err
}

// server is a node.
type server struct {
	env     node.Env
	ready   bool
	data    map[int64]int64
	waiting map[uint64]node.RequestID // at the first node
}

// Start reads the log back. What follows the last whole line was never acknowledged.
func (s *server) Start(env node.Env) {
	s.env, s.data, s.waiting = env, map[int64]int64{}, map[uint64]node.RequestID{}
	file, err := env.Disk().Read("log")
	if err != nil {
		env.Fatalf("read the log: %v", err)
	}
	whole := 0
	for line := range bytes.Lines(file) {
		var m message
		if !bytes.HasSuffix(line, []byte("\n")) || json.Unmarshal(line, &m) != nil {
			break
		}
		s.data[m.Key] = m.Value
		whole += len(line)
	}
	env.Disk().Replace("log", file[:whole], nil)
	env.Disk().Sync("log", func(error) {
		s.ready = true
		env.Leading(1, env.ID() == env.Peers()[0])
	})
	s.syncLater()
}

// Request implements node.Node.
func (s *server) Request(id node.RequestID, m node.Message) {
	first, request := s.env.Peers()[0], m.(message)
	if s.env.ID() == first {
		s.serve(request, func(answer message) { s.env.Reply(id, answer) })
		return
	}
	request.ID = s.env.Rand().Uint64()
	s.waiting[request.ID] = id
	s.env.Send(first, request)
}

// Receive implements node.Node.
func (s *server) Receive(from node.ID, m node.Message) {
	request := m.(message)
	if id, asked := s.waiting[request.ID]; asked {
		delete(s.waiting, request.ID)
		s.env.Reply(id, request)
		return
	}
	s.serve(request, func(answer message) { s.env.Send(from, answer) })
}

func (s *server) serve(m message, answer func(message)) {
	switch {
	case !s.ready || s.env.ID() != s.env.Peers()[0]: // an answer that nobody waits for any more
	case m.Write:
		s.write(m, func() {
			s.data[m.Key] = m.Value
			answer(m)
		})
	default:
		m.Value, m.Found = s.data[m.Key], s.data[m.Key] != 0
		answer(m)
	}
}

// syncFirst is whether a write is acknowledged when the disk has it, or as soon as the kernel
// has, whose memory is synced every second.
var syncFirst = false

func (s *server) syncLater() {
	s.env.After(time.Second, func() {
		s.env.Disk().Sync("log", nil)
		s.syncLater()
	})
}

// write puts a write into the log and calls done when it may be acknowledged.
func (s *server) write(m message, done func()) {
	line, err := m.AppendBinary(nil)
	if err != nil {
		s.env.Fatalf("encode: %v", err)
	}
	written := func(err error) {
		if err != nil {
			s.env.Fatalf("write the log: %v", err)
		}
		done()
	}
	if syncFirst {
		s.env.Disk().Append("log", append(line, '\n'), nil)
		s.env.Disk().Sync("log", written)
		return
	}
	s.env.Disk().Append("log", append(line, '\n'), written)
}

// client is a connection to one node.
type client struct{ caller cluster.Caller }

func (c client) Close() error { return c.caller.Close() }

func (c client) Read(ctx context.Context, key int64) (value int64, found bool, err error) {
	m, err := c.caller.Call(ctx, message{Key: key})
	if err != nil {
		return 0, false, err
	}
	return m.(message).Value, m.(message).Found, nil
}

func (c client) Write(ctx context.Context, key, value int64) error {
	_, err := c.caller.Call(ctx, message{Write: true, Key: key, Value: value})
	return err
}

func (c client) CompareAndSet(context.Context, int64, int64, int64) error {
	return cluster.ErrUnsupported
}
