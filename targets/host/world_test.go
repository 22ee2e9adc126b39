package host

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/node"
)

// scripted is a node that does what its test says.
type scripted struct {
	env     node.Env
	start   func(node.Env)
	receive func(env node.Env, from node.ID, m node.Message)
	request func(env node.Env, id node.RequestID, m node.Message)
}

func (s *scripted) Start(env node.Env) {
	s.env = env
	if s.start != nil {
		s.start(env)
	}
}

func (s *scripted) Receive(from node.ID, m node.Message) {
	if s.receive != nil {
		s.receive(s.env, from, m)
	}
}

func (s *scripted) Request(id node.RequestID, m node.Message) {
	if s.request != nil {
		s.request(s.env, id, m)
	}
}

// serve runs a node on a free port until the test ends or stop is called.
func serve(t *testing.T, s scripted, others ...Peer) (addr string, stop func() error) {
	t.Helper()
	l := listen(t)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	c := Config{
		System: node.System{New: func() node.Node { return &s }, Codec: textCodec},
		ID:     "n1", Peers: append([]Peer{{"n1", l.Addr().String()}}, others...), Dir: t.TempDir(),
	}
	go func() { ended <- Serve(ctx, l, c) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { _ = stop() })
	return l.Addr().String(), stop
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func dial(t *testing.T, addr string) *Client {
	t.Helper()
	c, err := Dial(t.Context(), addr, textCodec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func echo(env node.Env, id node.RequestID, m node.Message) { env.Reply(id, m) }

func ask(t *testing.T, c *Client, m text) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if got, err := c.Call(ctx, m); err != nil || got != m {
		t.Fatalf("%q was answered with %v, %v", m, got, err)
	}
}

// A peer that accepts connections and then never reads costs the node what it sends
// there, and nothing else; nor does one at which nobody listens.
func TestHungPeers(t *testing.T) {
	hung := listen(t)
	defer hung.Close()
	gone := listen(t)
	_ = gone.Close()
	chunk := text(strings.Repeat("x", 1<<20))
	addr, _ := serve(t, scripted{
		request: func(env node.Env, id node.RequestID, m node.Message) {
			for range 16 {
				env.Send("n2", chunk)
				env.Send("n3", chunk)
			}
			env.Reply(id, m)
		},
	}, Peer{"n2", hung.Addr().String()}, Peer{"n3", gone.Addr().String()})
	c := dial(t, addr)
	for range 20 { // 320 MB a peer, were they kept
		ask(t, c, "go on")
	}
}

func TestOutboxIsBounded(t *testing.T) {
	o := newOutbox(100)
	frame := func(b []byte) ([]byte, error) { return append(b, make([]byte, 30)...), nil }
	for i := range 5 {
		if fit, err := o.put(frame); err != nil || fit != (i < 3) {
			t.Errorf("frame %d: fit %t, %v", i, fit, err)
		}
	}
	if got := len(o.take()); got != 90 {
		t.Errorf("%d bytes were kept", got)
	}
	if fit, err := o.put(func(b []byte) ([]byte, error) { return append(b, make([]byte, 200)...), nil }); err != nil || !fit {
		t.Errorf("a large frame does not fit into an empty box: %t, %v", fit, err)
	}
	if _, err := o.put(func([]byte) ([]byte, error) { return nil, io.ErrShortBuffer }); err == nil || len(o.take()) != 200 {
		t.Errorf("a message that cannot be encoded: %v", err)
	}
}

// A message is lost while a peer is away, and messages go through once it is there.
func TestLinkComesBack(t *testing.T) {
	l := listen(t)
	there := l.Addr().String()
	_ = l.Close()
	serve(t, scripted{start: func(env node.Env) {
		var again func()
		again = func() {
			env.Send("n2", text("hello"))
			env.After(10*time.Millisecond, again)
		}
		again()
	}}, Peer{"n2", there})
	for range 2 {
		l, err := net.Listen("tcp", there)
		if err != nil {
			t.Fatal(err)
		}
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		fr := newFrameReader(c)
		for got := kind(0); got != message; {
			f, err := fr.next()
			if err != nil {
				t.Fatal(err)
			}
			if f.kind == message && string(f.body) != "hello" {
				t.Fatalf("%q came", f.body)
			}
			got = f.kind
		}
		_ = c.Close()
		_ = l.Close()
	}
}

// Whether an error is definite decides whether a history is read rightly.
func TestErrorsOfClients(t *testing.T) {
	var mu sync.Mutex
	seen := 0
	addr, stop := serve(t, scripted{request: func(env node.Env, id node.RequestID, m node.Message) {
		mu.Lock()
		defer mu.Unlock()
		if seen++; m == text("answer") {
			env.Reply(id, m)
		}
	}})
	c := dial(t, addr)
	ask(t, c, "answer")

	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Call(over, text("late")); !cluster.IsDefinite(err) || !errors.Is(err, context.Canceled) {
		t.Errorf("a call of a context that is over: %v", err)
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Call(short, text("ignore me")); cluster.IsDefinite(err) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a call without an answer: %v", err)
	}
	ask(t, c, "answer") // on a fresh connection

	ended := make(chan error, 1)
	go func() {
		_, err := c.Call(context.Background(), text("ignore me"))
		ended <- err
	}()
	for {
		mu.Lock()
		n := seen
		mu.Unlock()
		if n == 4 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err == nil || cluster.IsDefinite(err) {
		t.Errorf("the node ended amid a call: %v", err)
	}
	if _, err := c.Call(t.Context(), text("answer")); !cluster.IsDefinite(err) {
		t.Errorf("nobody listens: %v", err)
	}
	if _, err := Dial(t.Context(), addr, textCodec); !cluster.IsDefinite(err) {
		t.Errorf("nobody listens: %v", err)
	}
	mu.Lock()
	defer mu.Unlock()
	if seen != 4 {
		t.Errorf("%d requests were seen", seen)
	}
}

// A node that got only the beginning of a request cannot have acted on it.
func TestRequestCutShort(t *testing.T) {
	hung := listen(t)
	defer hung.Close()
	c := dial(t, hung.Addr().String())
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := c.Call(ctx, text(make([]byte, 32<<20))); !cluster.IsDefinite(err) {
		t.Errorf("%v", err)
	}
}

// What is not a client or peer of this cluster is turned away, and harms nobody else.
func TestStrangers(t *testing.T) {
	addr, _ := serve(t, scripted{request: echo, receive: func(node.Env, node.ID, node.Message) {
		t.Error("a stranger's message was received")
	}})
	m, err := appendMessage(nil, text("from nobody"))
	if err != nil {
		t.Fatal(err)
	}
	for _, bytes := range [][]byte{
		[]byte("GET / HTTP/1.1\r\nHost: example\r\n\r\n"),
		m,
		append(hello{peer: true, from: "n9", to: "n1"}.append(nil), m...),
		append(hello{peer: true, from: "n1", to: "n9"}.append(nil), m...),
		append(hello{}.append(nil), m...),
	} {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write(bytes); err != nil {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		if n, err := c.Read(make([]byte, 1)); n > 0 || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%q was not turned away: %d bytes, %v", bytes, n, err)
		}
		_ = c.Close()
	}
	ask(t, dial(t, addr), "still there")
}

func TestStatus(t *testing.T) {
	addr, _ := serve(t, scripted{start: func(env node.Env) { env.Leading(7, true) }})
	got, err := Status(t.Context(), addr)
	if want := (State{ID: "n1", Leads: true, Term: 7}); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestFatal(t *testing.T) {
	addr, stop := serve(t, scripted{request: func(env node.Env, _ node.RequestID, m node.Message) {
		env.Fatalf("cannot bear %v", m)
	}})
	if _, err := dial(t, addr).Call(t.Context(), text("this")); err == nil || cluster.IsDefinite(err) {
		t.Errorf("the node died of a request: %v", err)
	}
	var fatal *Fatal
	if err := stop(); !errors.As(err, &fatal) || fatal.Message != "cannot bear this" {
		t.Errorf("the node died of %v", err)
	}
}

// A node may send to itself, and its timers come in order, none before its time.
func TestTimersAndOneself(t *testing.T) {
	got := make(chan string, 10)
	serve(t, scripted{
		start: func(env node.Env) {
			began := env.Now()
			for _, d := range []time.Duration{30, 10, 20, 10} {
				d *= time.Millisecond
				env.After(d, func() {
					if env.Now()-began < d {
						got <- "too early: "
					}
					got <- d.String()
				})
			}
			env.After(15*time.Millisecond, func() { got <- "stopped" }).Stop()
			env.Send(env.ID(), text("to myself"))
			got <- "started"
		},
		receive: func(_ node.Env, from node.ID, m node.Message) { got <- string(from) + " " + string(m.(text)) },
	})
	for _, want := range []string{"started", "n1 to myself", "10ms", "10ms", "20ms", "30ms"} {
		if g := <-got; g != want {
			t.Fatalf("%q came instead of %q", g, want)
		}
	}
}

func BenchmarkCalls(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- Serve(ctx, l, Config{
			System: node.System{New: func() node.Node { return &scripted{request: echo} }, Codec: textCodec},
			ID:     "n1", Peers: []Peer{{"n1", l.Addr().String()}}, Dir: b.TempDir(),
		})
	}()
	c, err := Dial(ctx, l.Addr().String(), textCodec)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := c.Call(ctx, text("hello")); err != nil {
			b.Fatal(err)
		}
	}
	_ = c.Close()
	cancel()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
}
