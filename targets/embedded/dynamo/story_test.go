package dynamo

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
)

// The stories in testdata show how the store behaves, step by step. A reader new to it
// should begin with testdata/quorum. Every message takes 1 ms, and so does every sync.
//
//	cluster [nodes=5] [mode=lww|siblings|abd] [grace=DURATION] [anti-entropy] [n=3] [r=2] [w=2] [strict] [bug=...]
//	homes KEY                        who keeps a key, and who stands in, in that order
//	write|read|add|remove|readall|cas NODE KEY [VALUE]   a client's request to a coordinator
//	   [seen]                        the client has seen what the last reply told of
//	   [begin]                       do not wait for the reply, which a later run shows
//	join|leave NODE MEMBER           an administrator's request to a node
//	members NODE                     who they are, as a node knows them
//	run DURATION                     let time pass
//	lose [get|put|held] FROM TO      lose messages (of one type); * is any node
//	cut SIDE SIDE                    lose all messages between two sides, as n1+n2
//	keep                             lose no more
//	crash NODE / restart NODE
//	clock NODE OFFSET                set a node's wall clock ahead
//	dump KEY                         what every node holds
//
// A key is r1 (a register) or s1 (a set). With "trace" after a command its messages show.
func TestStories(t *testing.T) {
	datadriven.Walk(t, "testdata/stories", func(t *testing.T, path string) {
		s := story{t: t}
		datadriven.RunTest(t, path, s.command)
	})
}

type story struct {
	t        *testing.T
	w        *world
	siblings bool
	out      strings.Builder
	rules    []rule
}

type rule struct{ kind, from, to string }

func (s *story) command(t *testing.T, d *datadriven.TestData) string {
	s.out.Reset()
	var words []string
	if s.w != nil {
		s.w.trace = nil
	}
	for _, a := range d.CmdArgs {
		if a.Key == "trace" {
			s.w.trace = &s.out
		} else if len(a.Vals) == 0 && a.Key != "seen" {
			words = append(words, a.Key)
		}
	}
	switch d.Cmd {
	case "cluster":
		s.cluster(d)
	case "homes":
		k := parseKey(t, words[0])
		list := s.w.hosts[0].server.ring.preference(k)
		n := min(s.w.hosts[0].server.cfg.N, len(list))
		fmt.Fprintf(&s.out, "homes %v, then %v\n", list[:n], list[n:])
	case "write", "read", "add", "remove", "readall", "cas":
		s.request(d, words)
	case "join", "leave":
		s.w.request(s.w.host(words[0]), &kv.Change{Join: d.Cmd == "join", Node: node.ID(words[1])}, func(r *kv.Reply) {
			fmt.Fprintf(&s.out, "%s\n", describeReply(kv.OpWrite, r))
		})
		s.w.pass(20 * time.Millisecond)
	case "members":
		fmt.Fprintln(&s.out, s.w.host(words[0]).server.members())
	case "run":
		length, err := time.ParseDuration(words[0])
		if err != nil {
			t.Fatal(err)
		}
		s.w.pass(length)
	case "lose":
		if len(words) == 2 {
			words = append([]string{"*"}, words...)
		}
		s.rules = append(s.rules, rule{words[0], words[1], words[2]})
	case "cut":
		for _, a := range strings.Split(words[0], "+") {
			for _, b := range strings.Split(words[1], "+") {
				s.rules = append(s.rules, rule{"*", a, b}, rule{"*", b, a})
			}
		}
	case "keep":
		s.rules = nil
	case "crash":
		s.w.host(words[0]).crash(false)
	case "restart":
		s.w.host(words[0]).start()
	case "clock":
		offset, err := time.ParseDuration(words[1])
		if err != nil {
			t.Fatal(err)
		}
		s.w.host(words[0]).skew = offset
	case "dump":
		s.dump(parseKey(t, words[0]))
	default:
		t.Fatalf("no command %q", d.Cmd)
	}
	if s.out.Len() == 0 {
		return "ok"
	}
	return s.out.String()
}

func (s *story) cluster(d *datadriven.TestData) {
	c := Config{Mode: LastWriteWins, N: 3, R: 2, W: 2, VirtualNodes: 4}
	nodes := 5
	mode, bug := string(c.Mode), ""
	d.MaybeScanArgs(s.t, "nodes", &nodes)
	d.MaybeScanArgs(s.t, "mode", &mode)
	d.MaybeScanArgs(s.t, "n", &c.N)
	d.MaybeScanArgs(s.t, "r", &c.R)
	d.MaybeScanArgs(s.t, "w", &c.W)
	d.MaybeScanArgs(s.t, "bug", &bug)
	d.MaybeScanArgs(s.t, "compact", &c.CompactAt)
	grace := "1h"
	d.MaybeScanArgs(s.t, "grace", &grace)
	var err error
	if c.Grace, err = time.ParseDuration(grace); err != nil {
		s.t.Fatal(err)
	}
	c.Mode, c.Bug, c.Strict = Mode(mode), Bug(bug), d.HasArg("strict")
	c.AntiEntropy = d.HasArg("anti-entropy")
	s.siblings = c.Mode == Siblings
	s.w, s.rules = newWorld(s.t, c, nodes, 1), nil
	s.w.lost = s.lost
	s.w.pass(10 * time.Millisecond)
	s.w.now = 0
	s.w.events = nil
	for _, h := range s.w.hosts {
		h.server.ticking = false
		if d.HasArg("anti-entropy") {
			h.server.reconcile()
		}
	}
}

func (s *story) lost(from, to node.ID, m node.Message) bool {
	kind, _, _ := strings.Cut(describe(m), " ")
	for _, r := range s.rules {
		if (r.kind == "*" || r.kind == kind) && (r.from == "*" || r.from == string(from)) && (r.to == "*" || r.to == string(to)) {
			return true
		}
	}
	return false
}

func (s *story) request(d *datadriven.TestData, words []string) {
	k := parseKey(s.t, words[1])
	r := &kv.Request{Key: k.ID}
	r.Op = map[string]kv.Op{"write": kv.OpWrite, "read": kv.OpRead, "add": kv.OpAdd, "remove": kv.OpRemove, "readall": kv.OpReadAll, "cas": kv.OpCompareAndSet}[d.Cmd]
	if len(words) > 2 {
		n, err := strconv.ParseInt(words[2], 10, 64)
		if err != nil && words[2] != "begin" {
			s.t.Fatal(err)
		}
		r.Value = n
	}
	began, done := s.w.now, false
	name := strings.TrimSuffix(strings.Join(append([]string{d.Cmd}, words...), " "), " begin")
	later := words[len(words)-1] == "begin"
	var m node.Message = r
	if s.siblings {
		ask := &Ask{Request: *r, InContext: true}
		if d.HasArg("seen") {
			ask.Seen = s.w.seen
		}
		m = ask
	}
	s.w.request(s.w.host(words[0]), m, func(reply *kv.Reply) {
		done = true
		took := s.w.now - began
		text := describeReply(r.Op, reply)
		if later {
			text = name + ": " + text
		}
		fmt.Fprintf(&s.out, "%s, after %s\n", text, took)
	})
	if !later {
		s.w.run(s.w.now+10*time.Second, func() bool { return done })
	}
}

func describeReply(op kv.Op, r *kv.Reply) string {
	switch {
	case r == nil:
		return "connection lost"
	case r.Status == kv.Unsupported:
		return "unsupported: " + r.Reason
	case r.Status == kv.Refused:
		return "refused: " + r.Reason
	case r.Status == kv.Uncertain:
		return "uncertain: " + r.Reason
	case op == kv.OpReadAll, op == kv.OpRead && len(r.Elements) > 0:
		return fmt.Sprint(r.Elements)
	case op != kv.OpRead:
		return "done"
	case !r.Found:
		return "nothing"
	}
	return fmt.Sprint(r.Value)
}

func (s *story) dump(k Key) {
	for _, h := range s.w.hosts {
		if h.server == nil {
			fmt.Fprintf(&s.out, "%s is down\n", h.id)
			continue
		}
		var parts []string
		if c := h.server.store.data[k]; c != nil {
			parts = append(parts, c.view().String())
		}
		for i := range h.server.store.homes {
			home := &h.server.store.homes[i]
			if c := home.hints[k]; c != nil {
				parts = append(parts, fmt.Sprintf("hint for %s: %s", home.id, c.view()))
			}
		}
		if len(parts) > 0 {
			fmt.Fprintf(&s.out, "%s  %s\n", h.id, strings.Join(parts, "; "))
		}
	}
}

func parseKey(t *testing.T, s string) Key {
	id, err := strconv.ParseInt(s[1:], 10, 64)
	if err != nil {
		t.Fatalf("%q is no key", s)
	}
	switch s[0] {
	case 'r':
		return Key{Register, id}
	case 's':
		return Key{Set, id}
	}
	t.Fatalf("%q is no key", s)
	return Key{}
}
