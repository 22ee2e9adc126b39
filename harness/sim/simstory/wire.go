package simstory

import (
	"fmt"
	"strings"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
)

// loss is a kind of messages that get lost on the way from a node to another.
type loss struct{ kind, from, to string }

func (l loss) meets(kind string, from, to node.ID) bool {
	return l.kind == kind && (l.from == "*" || l.from == string(from)) && (l.to == "*" || l.to == string(to))
}

// wired is a node whose messages the story sees on their way out.
type wired struct {
	node.Node
	story *story
}

// Start implements node.Node.
func (w *wired) Start(env node.Env) { w.Node.Start(&wire{env, w.story}) }

// wire is the world as a wired node sees it.
type wire struct {
	node.Env
	story *story
}

// Send implements node.Env.
func (w *wire) Send(to node.ID, m node.Message) {
	s := w.story
	if s.Describe != nil && to != w.ID() {
		text := s.Describe(m)
		kind, _, _ := strings.Cut(text, " ")
		note := ""
		for _, l := range s.lost {
			if l.meets(kind, w.ID(), to) {
				note = " (lost)"
			}
		}
		if s.trace && text != "" {
			fmt.Fprintf(&s.out, "  %s -> %s  %s%s\n", w.ID(), to, text, note)
		}
		if note != "" {
			return
		}
	}
	w.Env.Send(to, m)
}

// operations are the requests by their names in stories.
var operations = map[string]kv.Op{
	"write": kv.OpWrite, "read": kv.OpRead, "cas": kv.OpCompareAndSet,
	"add": kv.OpAdd, "remove": kv.OpRemove, "readall": kv.OpReadAll,
	"increment": kv.OpIncrement, "count": kv.OpReadCounter,
	"append": kv.OpAppend, "list": kv.OpReadList,
	"id": kv.OpNextID, "acquire": kv.OpAcquire, "release": kv.OpRelease,
}

// Answer puts a reply in words.
func Answer(op kv.Op, r *kv.Reply) string {
	switch {
	case r.Status == kv.Differs && r.Found:
		return fmt.Sprintf("differs: %d", r.Value)
	case r.Status == kv.Differs:
		return "differs: nothing there"
	case r.Status == kv.Refused:
		return "refused: " + r.Reason
	case r.Status == kv.Uncertain:
		return "uncertain: " + r.Reason
	case r.Status == kv.Unsupported:
		return "unsupported"
	}
	switch op {
	case kv.OpReadAll, kv.OpReadList:
		return fmt.Sprint(r.Elements)
	case kv.OpReadCounter, kv.OpNextID:
		return fmt.Sprint(r.Value)
	case kv.OpAcquire:
		return fmt.Sprintf("token %d", r.Value)
	case kv.OpRead:
		if !r.Found {
			return "nothing"
		}
		return fmt.Sprint(r.Value)
	}
	return "done"
}
