package faultline_test

import (
	"context"
	"os"
	"sync"
	"testing"

	"github.com/faultline-dev/faultline"
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/harness/runtime"
	"github.com/faultline-dev/faultline/targets/all"
)

// asProgram, in the environment, makes the test binary the program itself, so that tests
// can run it as a process of its own.
const asProgram = "FAULTLINE_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		_ = os.Unsetenv(asProgram)
		faultline.Main(all.Targets, memory)
	}
	os.Exit(m.Run())
}

// memory is a target in real time: one node, a map in this process, as fast as can be.
var memory = cluster.Target{
	Name: "memory", Family: cluster.LeaderBased, Doc: "a map in this process", Data: []string{"register"},
	Promises: func(cluster.Options) []cluster.Promise {
		return []cluster.Promise{{Data: "register", Model: model.Linearizable, Quote: "it is one map"}}
	},
	Open: map[cluster.World]cluster.Opener{cluster.Sim: func(_ context.Context, spec cluster.Spec) (cluster.Cluster, error) {
		return &inMemory{Wall: runtime.NewWall(), nodes: spec.Nodes, data: map[int64]int64{}}, nil
	}},
}

type inMemory struct {
	*runtime.Wall
	nodes []string
	mu    sync.Mutex
	data  map[int64]int64
}

func (m *inMemory) Runtime() runtime.Runtime                              { return m.Wall }
func (m *inMemory) Nodes() []string                                       { return m.nodes }
func (m *inMemory) Start(context.Context) error                           { return nil }
func (m *inMemory) Connect(context.Context, string) (cluster.Conn, error) { return memoryConn{m}, nil }
func (m *inMemory) Close(context.Context) error                           { return nil }

type memoryConn struct{ *inMemory }

func (c memoryConn) Close() error { return nil }

func (c memoryConn) Read(_ context.Context, key int64) (int64, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.data[key]
	return v, ok, nil
}

func (c memoryConn) Write(_ context.Context, key, value int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.data[key] = value
	return nil
}

func (c memoryConn) CompareAndSet(_ context.Context, key, old, value int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v, ok := c.data[key]; !ok || v != old {
		return &cluster.Mismatch{Observed: true, Found: ok, Value: v}
	}
	c.data[key] = value
	return nil
}
