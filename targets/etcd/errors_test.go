package etcd

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/faultline-dev/faultline/harness/cluster"
)

// member is a stand-in for etcd that answers every write alike, and counts them.
type member struct {
	pb.UnimplementedKVServer
	puts   chan struct{}
	answer func(context.Context) error
}

func (m *member) Put(ctx context.Context, _ *pb.PutRequest) (*pb.PutResponse, error) {
	m.puts <- struct{}{}
	if err := m.answer(ctx); err != nil {
		return nil, err
	}
	return &pb.PutResponse{}, nil
}

func serve(t *testing.T, answer func(context.Context) error) (*member, *grpc.Server, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	m := &member{puts: make(chan struct{}, 100), answer: answer}
	s := grpc.NewServer()
	pb.RegisterKVServer(s, m)
	go s.Serve(l)
	t.Cleanup(s.Stop)
	return m, s, l.Addr().String()
}

func defaults(t *testing.T) cluster.Options {
	t.Helper()
	o, err := cluster.Resolve(Target.Options, nil)
	must(t, err)
	return o
}

func TestErrors(t *testing.T) {
	answer := func(err error) func(context.Context) error { return func(context.Context) error { return err } }
	for _, c := range []struct {
		name     string
		answer   func(context.Context) error
		definite bool
	}{
		{"timeout", answer(rpctypes.ErrGRPCTimeout), false},
		{"timeout as the leader failed", answer(rpctypes.ErrGRPCTimeoutDueToLeaderFail), false},
		{"timeout as the connection was lost", answer(rpctypes.ErrGRPCTimeoutDueToConnectionLost), false},
		{"stopped", answer(rpctypes.ErrGRPCStopped), false},
		{"leader changed", answer(rpctypes.ErrGRPCLeaderChanged), false},
		{"unavailable", answer(status.Error(codes.Unavailable, "who knows")), false},
		{"unknown", answer(status.Error(codes.Unknown, "who knows")), false},
		{"cancelled by the member", answer(status.Error(codes.Canceled, "context canceled")), false},
		{"deadline", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, false},
		{"too many requests", answer(rpctypes.ErrGRPCRequestTooManyRequests), true},
		{"no space", answer(rpctypes.ErrGRPCNoSpace), true},
		{"too large", answer(rpctypes.ErrGRPCRequestTooLarge), true},
		{"no leader", answer(rpctypes.ErrGRPCNoLeader), true},
		{"lease not found", answer(rpctypes.ErrGRPCLeaseNotFound), true},
		{"dropped proposal", answer(status.Error(codes.Unknown, "raft proposal dropped")), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m, _, addr := serve(t, c.answer)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			client, err := connect(ctx, addr, defaults(t))
			must(t, err)
			defer client.Close()
			err = client.Write(ctx, 1, 1)
			if err == nil || cluster.IsDefinite(err) != c.definite {
				t.Errorf("definite is to be %v: %v", c.definite, err)
			}
			if n := len(m.puts); n != 1 {
				t.Errorf("the write was sent %d times", n)
			}
		})
	}
}

// TestLostMember ends the member at different moments of a connection's life.
func TestLostMember(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	entered, leave := make(chan struct{}), make(chan struct{})
	hang := false
	m, s, addr := serve(t, func(ctx context.Context) error {
		if hang {
			close(entered)
			<-leave
		}
		return nil
	})
	client, err := connect(ctx, addr, defaults(t))
	must(t, err)
	defer client.Close()
	must(t, client.Write(ctx, 1, 1))
	<-m.puts

	hang = true
	result := make(chan error)
	go func() { result <- client.Write(ctx, 1, 2) }()
	<-entered
	stopped := make(chan struct{})
	go func() { s.Stop(); close(stopped) }()
	if err := <-result; err == nil || cluster.IsDefinite(err) {
		t.Errorf("a member that ended while it worked on a write: %v", err)
	}
	close(leave)
	<-stopped
	<-m.puts

	if err := client.Write(ctx, 1, 3); !cluster.IsDefinite(err) {
		t.Errorf("a write to a member that is gone: %v", err)
	}
	if len(m.puts) > 0 {
		t.Error("a write was sent again")
	}
	if _, err := connect(ctx, addr, defaults(t)); !cluster.IsDefinite(err) {
		t.Errorf("connecting to a member that is gone: %v", err)
	}
}

func TestVersions(t *testing.T) {
	for version, ok := range map[string]bool{
		"3.5.0": true, "3.6.16": true, "3.7.3": true, "3.10.1": true, "3.6.0-rc.4": true,
		"3.4.13": true, "3.4.20": false, "2.3.8": false, "3.6": false, "latest": false, "": false, "3.6.0; rm -rf /": false,
	} {
		if err := checkVersion(version); (err == nil) != ok {
			t.Errorf("version %q: %v", version, err)
		}
	}
}

func TestSources(t *testing.T) {
	for version, want := range map[string][2]string{
		"3.6.16": {"go.etcd.io/etcd/server/v3@v3.6.16", "go.etcd.io/etcd/server/v3"},
		"3.4.13": {"go.etcd.io/etcd@v0.5.0-alpha.5.0.20200824191128-ae9734ed278b", "go.etcd.io/etcd"},
	} {
		if module, main := source(version); module != want[0] || main != want[1] {
			t.Errorf("version %s comes from %s, %s", version, module, main)
		}
	}
	if got := old(); got[0] != "3.4.3" || got[len(got)-1] != "3.4.14" {
		t.Errorf("the old versions, oldest first, are %v", got)
	}
}

func TestPromises(t *testing.T) {
	for _, reads := range []string{linearizable, serializable} {
		options, err := cluster.Resolve(Target.Options, map[string]string{"reads": reads})
		must(t, err)
		for _, p := range Target.Promises(options) {
			if p.Quote == "" || !strings.HasPrefix(p.Source, "https://etcd.io/") ||
				p.Data != "lock" && (p.Model == "linearizable") != (reads == linearizable) || p.Data == "lock" && p.Model != "fenced" {
				t.Errorf("with %s reads: %+v", reads, p)
			}
		}
	}
}
