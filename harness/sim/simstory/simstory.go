// Package simstory tells stories of reference systems in the simulated world: scripts that a
// newcomer can follow, with what the system did as their expected output.
//
// The one idea: a story is a cluster, clients' requests and troubles in words, the same for
// every system, so that each system's tests say only what is its own: its options, what a
// node holds, how its messages read. Every message between nodes takes 1 ms, so does every
// sync; a client's takes 0.1 ms.
//
//	cluster [nodes=3] [seed=N] [...]  begin anew; further arguments are the system's own
//	write|read|cas|add|remove|readall|increment|count|append|list|id|acquire|release NODE KEY [VALUE...]
//	begin ...                        the same without waiting; a later run shows the answer
//	fill NODE COUNT                  so many writes, one after the other
//	run DURATION                     let time pass
//	elect                            let time pass until a leader is known
//	cut SIDE [SIDE...]               n1+n2 n3: only nodes of a side hear each other
//	mute FROM TO                     besides, TO does not hear FROM
//	heal                             all hear each other again
//	lose KIND FROM TO                besides, messages of a kind are lost; * is any node
//	keep                             no longer
//	crash NODE... / power NODE... (fails) / start NODE... / pause NODE / resume NODE
//	clock NODE OFFSET                set a node's wall clock ahead
//	join|leave NODE MEMBER / members NODE   an administrator's request to a node
//	leaders / dump [ARGUMENT...]     who believes to lead; what every node holds
//
// With "trace" as an argument a command shows the messages that nodes send meanwhile.
//
// It is imported by tests alone. Start with Teller; wire.go stands between a node and the
// world's network.
package simstory

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/harness/runtime"
	"github.com/faultline-dev/faultline/harness/sim"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
)

// Teller is what stories need to know of a system.
type Teller struct {
	// System makes it from the arguments of a cluster command.
	System func(t *testing.T, d *datadriven.TestData) (node.System, error)
	// Dump writes what a node holds, on one line without its end.
	Dump func(w io.Writer, n node.Node, arguments []string)
	// Describe puts a message between nodes in words, the first of which is its kind; ""
	// if it is not worth showing. It may be nil.
	Describe func(m node.Message) string
	// Logs are beginnings of the log lines that belong to a story.
	Logs []string
}

// Run tells all stories in a directory, or rewrites them by the flag -rewrite.
func (teller Teller) Run(t *testing.T, dir string) {
	datadriven.Walk(t, dir, func(t *testing.T, path string) {
		s := story{Teller: teller, t: t}
		defer s.end()
		datadriven.RunTest(t, path, s.command)
	})
}

// story is one under way.
type story struct {
	Teller
	t       *testing.T
	w       *sim.World
	nodes   []node.ID
	servers map[node.ID]node.Node
	making  node.ID
	dropped map[[2]node.ID]bool
	lost    []loss
	trace   bool
	out     strings.Builder
	steps   chan func() // for the world's main task; nil: there is no world
	done    chan error  // of each step
}

// command runs one step.
func (s *story) command(t *testing.T, d *datadriven.TestData) string {
	s.out.Reset()
	s.trace = d.HasArg("trace")
	if d.Cmd == "cluster" {
		s.cluster(d)
	} else {
		s.do(func() { s.step(d) })
	}
	if s.out.Len() == 0 {
		return "ok"
	}
	return s.out.String()
}

// raise begins a world, which stands still between steps. What clients have begun goes on
// from step to step, as all belong to one Run.
func (s *story) raise(c sim.Config) {
	s.end()
	s.w = sim.New(c)
	s.steps, s.done = make(chan func()), make(chan error)
	go func() {
		s.w.Run(func() {
			for step := range s.steps {
				s.done <- attempt(step)
			}
		})
		close(s.done)
	}()
}

// do carries out a step in the world.
func (s *story) do(step func()) {
	s.steps <- step
	if err := <-s.done; err != nil {
		s.t.Fatal(err)
	}
}

// end ends the world, and with it the tasks that still wait.
func (s *story) end() {
	if s.steps == nil {
		return
	}
	close(s.steps)
	<-s.done
	s.steps = nil
}

// misspelt is what a step that makes no sense panics with.
type misspelt struct{ error }

func fail(format string, arguments ...any) { panic(misspelt{fmt.Errorf(format, arguments...)}) }

func must(err error) {
	if err != nil {
		panic(misspelt{err})
	}
}

func attempt(step func()) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case misspelt:
			err = r.error
		default:
			panic(r)
		}
	}()
	step()
	return nil
}

func (s *story) cluster(d *datadriven.TestData) {
	nodes, seed := 3, uint64(1)
	d.MaybeScanArgs(s.t, "nodes", &nodes)
	d.MaybeScanArgs(s.t, "seed", &seed)
	system, err := s.System(s.t, d)
	if err != nil {
		s.t.Fatal(err)
	}
	s.nodes, s.lost = nil, nil
	for i := range nodes {
		s.nodes = append(s.nodes, node.ID(fmt.Sprintf("n%d", i+1)))
	}
	s.servers, s.dropped = map[node.ID]node.Node{}, map[[2]node.ID]bool{}
	create := system.New
	system.New = func() node.Node {
		n := create()
		s.servers[s.making] = n
		return &wired{Node: n, story: s}
	}
	ms := sim.Latency{Min: time.Millisecond, Max: time.Millisecond}
	s.raise(sim.Config{
		Seed: seed, Nodes: s.nodes, System: system, Link: ms, Sync: ms,
		Client: sim.Latency{Min: 100 * time.Microsecond, Max: 100 * time.Microsecond},
		Note:   s.note, Log: func(id node.ID) io.Writer { return logWriter{s, id} },
	})
	s.do(func() {
		for _, id := range s.nodes {
			s.start(id)
		}
	})
}

// note shows who comes to lead, and who dies by itself.
func (s *story) note(e history.Event) {
	switch {
	case e.Kind == history.EventLeader && e.Text == "":
		fmt.Fprintf(&s.out, "%s leads in term %d\n", e.Node, e.N)
	case e.Kind == history.EventLeader:
		fmt.Fprintf(&s.out, "%s %s\n", e.Node, e.Text)
	case e.Kind == history.EventNodeDown && e.Text != "killed" && e.Text != "power failure":
		fmt.Fprintf(&s.out, "%s %s\n", e.Node, e.Text)
	}
}

// logWriter shows what nodes log, without the time.
type logWriter struct {
	s  *story
	id node.ID
}

func (l logWriter) Write(b []byte) (int, error) {
	text := strings.TrimSpace(string(b))
	if _, after, ok := strings.Cut(text, "  "); ok {
		text = after
	}
	if slices.ContainsFunc(l.s.Logs, func(prefix string) bool { return strings.HasPrefix(text, prefix) }) {
		fmt.Fprintf(&l.s.out, "%s: %s\n", l.id, text)
	}
	return len(b), nil
}

func (s *story) start(id node.ID) {
	s.making = id
	must(s.w.Start(id))
}

func (s *story) sleep(d time.Duration) {
	must(s.w.Sleep(context.Background(), d))
}

func (s *story) step(d *datadriven.TestData) {
	var words []string
	for _, a := range d.CmdArgs {
		if a.Key != "trace" {
			words = append(words, a.Key)
		}
	}
	if _, known := operations[d.Cmd]; known {
		fmt.Fprintln(&s.out, s.request(d.Cmd, words))
		return
	}
	switch d.Cmd {
	case "begin":
		s.w.Go("client", func() {
			fmt.Fprintf(&s.out, "%s: %s\n", strings.Join(words, " "), s.request(words[0], words[1:]))
		})
		s.sleep(time.Microsecond)
	case "fill":
		for i := range s.number(words[1]) {
			s.request("write", []string{words[0], strconv.FormatInt(i%10, 10), strconv.FormatInt(i, 10)})
		}
	case "run":
		s.sleep(s.duration(words[0]))
	case "elect":
		for range 1000 {
			if len(s.w.Leaders()) > 0 {
				break
			}
			s.sleep(10 * time.Millisecond)
		}
		s.sleep(100 * time.Millisecond)
	case "cut":
		clear(s.dropped)
		s.separate(words)
	case "mute":
		s.dropped[[2]node.ID{node.ID(words[0]), node.ID(words[1])}] = true
		s.cut()
	case "heal":
		clear(s.dropped)
		s.cut()
	case "lose":
		s.lost = append(s.lost, loss{words[0], words[1], words[2]})
	case "keep":
		s.lost = nil
	case "power":
		for _, id := range words {
			s.w.PowerFail(node.ID(id), true, 1)
		}
	case "crash":
		for _, id := range words {
			s.w.Kill(node.ID(id))
		}
	case "start":
		for _, id := range words {
			s.start(node.ID(id))
		}
	case "pause":
		s.w.Pause(node.ID(words[0]))
	case "resume":
		s.w.Resume(node.ID(words[0]))
	case "clock":
		s.w.Skew(node.ID(words[0]), s.duration(words[1]), 1)
	case "join", "leave":
		fmt.Fprintln(&s.out, s.administer(words[0], &kv.Change{Join: d.Cmd == "join", Node: node.ID(words[1])}))
	case "members":
		fmt.Fprintln(&s.out, s.administer(words[0], kv.AskMembers{}))
	case "leaders":
		fmt.Fprintln(&s.out, s.w.Leaders())
	case "dump":
		s.dump(words)
	default:
		fail("no command %q", d.Cmd)
	}
}

// separate drops what nodes of different sides send each other.
func (s *story) separate(sides []string) {
	for i, a := range sides {
		for j, b := range sides {
			for _, from := range strings.Split(a, "+") {
				for _, to := range strings.Split(b, "+") {
					s.dropped[[2]node.ID{node.ID(from), node.ID(to)}] = i != j
				}
			}
		}
	}
	s.cut()
}

func (s *story) cut() {
	s.w.Cut(func(from, to node.ID) bool { return s.dropped[[2]node.ID{from, to}] })
}

func (s *story) dump(words []string) {
	for _, id := range s.nodes {
		fmt.Fprintf(&s.out, "%s ", id)
		if s.w.Up(id) {
			s.Dump(&s.out, s.servers[id], words)
		} else {
			s.out.WriteString("is down")
		}
		s.out.WriteByte('\n')
	}
}

func (s *story) number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	must(err)
	return n
}

func (s *story) duration(text string) time.Duration {
	d, err := time.ParseDuration(text)
	must(err)
	return d
}

// request is a client's: it connects to a node, asks, and waits for the answer.
func (s *story) request(op string, words []string) string {
	kind, known := operations[op]
	if !known || len(words) < 2 {
		fail("no request %s %v", op, words)
	}
	r := &kv.Request{Op: kind, Key: s.number(words[1])}
	rest := words[2:]
	if kind == kv.OpCompareAndSet {
		r.Expect, rest = s.number(rest[0]), rest[1:]
	}
	if len(rest) > 0 {
		r.Value = s.number(rest[0])
	}
	m, err := s.call(words[0], r)
	if err != nil {
		return err.Error()
	}
	return Answer(kind, m.(*kv.Reply))
}

// administer asks a node as an administrator does.
func (s *story) administer(id string, request node.Message) string {
	switch m, err := s.call(id, request); m := m.(type) {
	case *kv.Members:
		return fmt.Sprint(m.Nodes)
	case *kv.Reply:
		return Answer(kv.OpWrite, m)
	default:
		return fmt.Sprint(err)
	}
}

// call sends one request on a connection of its own.
func (s *story) call(id string, request node.Message) (node.Message, error) {
	ctx := runtime.NewDeadline(context.Background(), time.Time{}, s.w.Now()+5*time.Second)
	conn, err := s.w.Dial(ctx, node.ID(id))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.Call(ctx, request)
}
