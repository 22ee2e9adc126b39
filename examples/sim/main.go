// Command sim tests a system of one's own in the simulated world: a store whose first node
// keeps everything in a file, and whose other nodes pass on what they are asked. The node is a
// state machine on harness/node, so that a run takes no time, and a seed is the run again.
package main

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/faultline-dev/faultline"
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/harness/node"
)

func main() { faultline.Main(target) }

var target = cluster.Target{
	Name: "ledger", Family: cluster.LeaderBased, Doc: "a store whose first node keeps a file", Data: []string{"register"},
	Promises: func(cluster.Options) []cluster.Promise {
		return []cluster.Promise{{
			Data: "register", Model: model.Linearizable, Quote: "What is acknowledged is never forgotten.",
			// A packet that comes twice would be a write that happens twice.
			Nemeses: []string{"partition", "kill", "pause", "restart", "crash-loop", "disk", "clock"},
		}}
	},
	Reference: &cluster.Reference{
		System: func(cluster.Options) (node.System, error) {
			return node.System{New: func() node.Node { return &server{} }, Codec: node.DecodeJSON[message]}, nil
		},
		Client: func(c cluster.Caller, _ cluster.Options) cluster.Conn { return client{Caller: c} },
	},
}

// message is what nodes and clients exchange: a request, and then its answer.
type message struct {
	Write, Found, Answer bool
	Key, Value           int64
	Life                 uint64 // of the node that the client asked
	ID                   node.RequestID
}

func (m message) AppendBinary(b []byte) ([]byte, error) { return node.AppendJSON(b, m) }

// server is a node.
type server struct {
	env  node.Env
	life uint64
	data map[int64]int64 // at the first node
}

// Start reads the file back.
func (s *server) Start(env node.Env) {
	s.env, s.life, s.data = env, env.Rand().Uint64(), map[int64]int64{}
	file, err := env.Disk().Read("data")
	if err == nil && file != nil {
		err = json.Unmarshal(file, &s.data)
	}
	if err != nil {
		env.Fatalf("read the data: %v", err)
	}
	env.Leading(1, env.ID() == env.Peers()[0])
}

// Request passes on what a client asks.
func (s *server) Request(id node.RequestID, m node.Message) {
	r := m.(message)
	r.ID, r.Life = id, s.life
	s.env.Send(s.env.Peers()[0], r)
}

// Receive does what is asked, or passes on the answer, unless an earlier life had asked.
func (s *server) Receive(from node.ID, m node.Message) {
	switch r := m.(message); {
	case !r.Answer:
		s.serve(from, r)
	case r.Life == s.life:
		s.env.Reply(r.ID, r)
	}
}

// syncFirst is whether answers wait until the disk has what they rest on, or only until the
// kernel's memory has it.
var syncFirst = false

// serve writes down what an answer rests on, a read's too, before it goes out.
func (s *server) serve(from node.ID, r message) {
	if r.Answer = true; r.Write {
		s.data[r.Key] = r.Value
	} else {
		r.Value, r.Found = s.data[r.Key]
	}
	answer := func(err error) {
		if err != nil {
			s.env.Fatalf("write the data: %v", err)
		}
		s.env.Send(from, r)
	}
	text, err := json.Marshal(s.data)
	s.env.Disk().Replace("data", text, func(failed error) {
		if err = errors.Join(err, failed); err == nil && syncFirst {
			s.env.Disk().Sync("data", answer)
		} else {
			answer(err)
		}
	})
}

// client is a connection to one node.
type client struct {
	cluster.Caller
	cluster.NoCompareAndSet
}

func (c client) Read(ctx context.Context, key int64) (value int64, found bool, err error) {
	m, err := cluster.Call(ctx, c, message{Key: key})
	return m.Value, m.Found, err
}

func (c client) Write(ctx context.Context, key, value int64) error {
	_, err := cluster.Call(ctx, c, message{Write: true, Key: key, Value: value})
	return err
}
