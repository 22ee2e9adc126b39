package raft

import (
	"context"
	"errors"
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

// The stories in testdata show how the store behaves, step by step, in the simulated
// world. A reader new to it should begin with testdata/stories/election. Every message
// between nodes takes 1 ms, so does every sync; a client's takes 0.1 ms.
//
//	cluster [nodes=3] [reads=index|lease|local] [lease-clock=...] [bug=...] [compact=BYTES] [seed=N]
//	write|read|cas|add|readall NODE KEY [VALUE...]   a client's request
//	begin ...                        the same without waiting; a later run shows the answer
//	fill NODE COUNT                  so many writes, one after the other
//	run DURATION                     let time pass
//	elect                            let time pass until a leader is known
//	cut SIDE [SIDE...]               n1+n2 n3: only nodes of a side hear each other
//	mute FROM TO                     besides, TO does not hear FROM
//	heal                             all hear each other again
//	crash NODE... / power NODE... (fails) / start NODE... / pause NODE / resume NODE
//	clock NODE OFFSET                set a node's wall clock ahead
//	leaders / dump [KEY]             who believes to lead; what every node has applied
func TestStories(t *testing.T) {
	datadriven.Walk(t, "testdata/stories", func(t *testing.T, path string) {
		s := story{t: t}
		datadriven.RunTest(t, path, s.command)
	})
}

type story struct {
	t       *testing.T
	c       Config
	w       *sim.World
	nodes   []node.ID
	servers map[node.ID]*server
	making  node.ID
	dropped map[[2]node.ID]bool
	out     strings.Builder
}

// command runs one step. The world keeps running between the steps of a story: each step
// is a Run of its own.
func (s *story) command(t *testing.T, d *datadriven.TestData) string {
	s.out.Reset()
	if d.Cmd == "cluster" {
		s.cluster(d)
		return s.result()
	}
	s.w.Run(func() { s.step(t, d) })
	return s.result()
}

func (s *story) result() string {
	if s.out.Len() == 0 {
		return "ok"
	}
	return s.out.String()
}

func (s *story) cluster(d *datadriven.TestData) {
	nodes, seed := 3, uint64(1)
	reads, clock, bug := string(ByIndex), string(Monotonic), ""
	s.c = Config{}
	d.MaybeScanArgs(s.t, "nodes", &nodes)
	d.MaybeScanArgs(s.t, "seed", &seed)
	d.MaybeScanArgs(s.t, "reads", &reads)
	d.MaybeScanArgs(s.t, "lease-clock", &clock)
	d.MaybeScanArgs(s.t, "bug", &bug)
	d.MaybeScanArgs(s.t, "compact", &s.c.CompactAt)
	s.c.Reads, s.c.LeaseClock, s.c.Bug = Reads(reads), Clock(clock), Bug(bug)
	s.nodes = nil
	for i := range nodes {
		s.nodes = append(s.nodes, node.ID(fmt.Sprintf("n%d", i+1)))
	}
	system, err := New(s.c)
	if err != nil {
		s.t.Fatal(err)
	}
	s.servers, s.dropped = map[node.ID]*server{}, map[[2]node.ID]bool{}
	make := system.New
	system.New = func() node.Node {
		n := make().(*server)
		s.servers[s.making] = n
		return n
	}
	ms := sim.Latency{Min: time.Millisecond, Max: time.Millisecond}
	s.w = sim.New(sim.Config{
		Seed: seed, Nodes: s.nodes, System: system, Link: ms, Sync: ms,
		Client: sim.Latency{Min: 100 * time.Microsecond, Max: 100 * time.Microsecond},
		Note:   s.note, Log: func(id node.ID) io.Writer { return logWriter{s, id} },
	})
	s.w.Run(func() {
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
	if strings.HasPrefix(text, "cut a torn end") {
		fmt.Fprintf(&l.s.out, "%s: cut a torn end off the log\n", l.id)
	}
	return len(b), nil
}

func (s *story) start(id node.ID) {
	s.making = id
	if err := s.w.Start(id); err != nil {
		s.t.Fatal(err)
	}
}

func (s *story) sleep(d time.Duration) {
	if err := s.w.Sleep(context.Background(), d); err != nil {
		s.t.Fatal(err)
	}
}

func (s *story) step(t *testing.T, d *datadriven.TestData) {
	var words []string
	for _, a := range d.CmdArgs {
		words = append(words, a.Key)
	}
	switch d.Cmd {
	case "write", "read", "cas", "add", "readall":
		fmt.Fprintln(&s.out, s.request(d.Cmd, words))
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
		length, err := time.ParseDuration(words[0])
		if err != nil {
			t.Fatal(err)
		}
		s.sleep(length)
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
		for i, a := range words {
			for j, b := range words {
				for _, from := range strings.Split(a, "+") {
					for _, to := range strings.Split(b, "+") {
						s.dropped[[2]node.ID{node.ID(from), node.ID(to)}] = i != j
					}
				}
			}
		}
		s.cut()
	case "mute":
		s.dropped[[2]node.ID{node.ID(words[0]), node.ID(words[1])}] = true
		s.cut()
	case "heal":
		clear(s.dropped)
		s.cut()
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
		offset, err := time.ParseDuration(words[1])
		if err != nil {
			t.Fatal(err)
		}
		s.w.Skew(node.ID(words[0]), offset, 1)
	case "leaders":
		fmt.Fprintln(&s.out, s.w.Leaders())
	case "dump":
		s.dump(words)
	default:
		t.Fatalf("no command %q", d.Cmd)
	}
}

func (s *story) cut() {
	s.w.Cut(func(from, to node.ID) bool { return s.dropped[[2]node.ID{from, to}] })
}

func (s *story) number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

func (s *story) request(op string, words []string) string {
	r := &kv.Request{Key: s.number(words[1])}
	r.Op = map[string]kv.Op{"write": kv.OpWrite, "read": kv.OpRead, "cas": kv.OpCompareAndSet, "add": kv.OpAdd, "readall": kv.OpReadAll}[op]
	rest := words[2:]
	if op == "cas" {
		r.Expect, rest = s.number(rest[0]), rest[1:]
	}
	if len(rest) > 0 {
		r.Value = s.number(rest[0])
	}
	ctx := runtime.NewDeadline(context.Background(), time.Time{}, s.w.Now()+5*time.Second)
	conn, err := s.w.Dial(ctx, node.ID(words[0]))
	if err != nil {
		return err.Error()
	}
	defer conn.Close()
	m, err := conn.Call(ctx, r)
	if err != nil {
		return err.Error()
	}
	return describe(r.Op, m.(*kv.Reply))
}

func describe(op kv.Op, r *kv.Reply) string {
	switch {
	case r.Status == kv.Differs && r.Found:
		return fmt.Sprintf("differs: %d", r.Value)
	case r.Status == kv.Differs:
		return "differs: nothing there"
	case r.Status == kv.Refused:
		return "refused: " + r.Reason
	case r.Status == kv.Uncertain:
		return "uncertain: " + r.Reason
	case op == kv.OpReadAll:
		return fmt.Sprint(r.Elements)
	case op != kv.OpRead:
		return "done"
	case !r.Found:
		return "nothing"
	}
	return fmt.Sprint(r.Value)
}

// dump shows what nodes have applied; of a key if one is named.
func (s *story) dump(words []string) {
	for _, id := range s.nodes {
		if !s.w.Up(id) {
			fmt.Fprintf(&s.out, "%s is down\n", id)
			continue
		}
		n := s.servers[id]
		first, err := n.store.FirstIndex()
		last, err2 := n.store.LastIndex()
		if err := errors.Join(err, err2); err != nil {
			s.t.Fatal(err)
		}
		fmt.Fprintf(&s.out, "%s term %d, log %d to %d, applied %d", id, n.term, first, last, n.applied)
		if len(words) > 0 {
			reply := n.machine.Read(&kv.Request{Op: kv.OpRead, Key: s.number(words[0])})
			fmt.Fprintf(&s.out, ": %s", describe(kv.OpRead, &reply))
		}
		s.out.WriteByte('\n')
	}
}

// What nodes have applied at the end of a story must not depend on the run.
func TestSameSeedSameStory(t *testing.T) {
	tell := func() []byte {
		s := story{t: t}
		d := &datadriven.TestData{Cmd: "cluster"}
		s.cluster(d)
		s.w.Run(func() {
			s.sleep(time.Second)
			for i := range 50 {
				s.out.WriteString(s.request("write", []string{"n2", "1", strconv.Itoa(i)}))
			}
			s.w.Kill("n1")
			s.sleep(time.Second)
			fmt.Fprintln(&s.out, s.w.Now(), s.w.Leaders(), s.request("read", []string{"n3", "1"}))
		})
		return []byte(s.out.String())
	}
	first := tell()
	if second := tell(); !slices.Equal(first, second) {
		t.Errorf("twice the same seed:\n%s\n%s", first, second)
	}
}
