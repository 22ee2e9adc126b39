package reference

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"github.com/faultline-dev/faultline/targets/embedded/route"
)

// canned answers every call alike.
type canned struct {
	reply node.Message
	err   error
}

func (c canned) Call(context.Context, node.Message) (node.Message, error) { return c.reply, c.err }
func (canned) Close() error                                               { return nil }

// A failure is definite exactly when the request had no effect for certain.
func TestHowRequestsEnd(t *testing.T) {
	lost := errors.New("the connection was lost")
	for _, c := range []struct {
		name             string
		answer           canned
		failed, definite bool
		passed           error
	}{
		{name: "done", answer: canned{reply: &kv.Reply{Value: 5, Found: true}}},
		{name: "refused", answer: canned{reply: kv.Refuse("too few")}, failed: true, definite: true},
		{name: "not the leader", answer: canned{reply: &kv.Reply{Status: kv.NotLeader}}, failed: true, definite: true},
		{name: "differs", answer: canned{reply: &kv.Reply{Status: kv.Differs}}, failed: true, definite: true},
		{name: "uncertain", answer: canned{reply: kv.Doubt("late")}, failed: true},
		{name: "status of a later version", answer: canned{reply: &kv.Reply{Status: 200}}, failed: true},
		{name: "unsupported", answer: canned{reply: &kv.Reply{Status: kv.Unsupported}}, failed: true, definite: true, passed: cluster.ErrUnsupported},
		{name: "not a reply", answer: canned{reply: &route.Answer{}}, failed: true},
		{name: "never sent", answer: canned{err: cluster.Definite(lost)}, failed: true, definite: true, passed: lost},
		{name: "cut short", answer: canned{err: lost}, failed: true, passed: lost},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := NewClient(c.answer, nil)
			err := conn.(cluster.Register).Write(t.Context(), 1, 2)
			if (err != nil) != c.failed || cluster.IsDefinite(err) != c.definite {
				t.Errorf("got error %v, definite: %t", err, cluster.IsDefinite(err))
			}
			if c.passed != nil && !errors.Is(err, c.passed) {
				t.Errorf("error %v does not wrap %v", err, c.passed)
			}
			value, found, err := conn.(cluster.Register).Read(t.Context(), 1)
			if c.failed == (err == nil) || found == c.failed || !c.failed && value != 5 {
				t.Errorf("read %d, found: %t, error %v", value, found, err)
			}
		})
	}
}

// Changes of the members end as requests do, and only members are taken for members.
func TestAdministration(t *testing.T) {
	ask := func(m node.Message) ([]string, error) {
		return NewAdministrator(canned{reply: m}, nil).(cluster.Members).Members(t.Context())
	}
	if names, err := ask(&kv.Members{Nodes: []node.ID{"n1", "n3"}}); err != nil || !slices.Equal(names, []string{"n1", "n3"}) {
		t.Errorf("%v, %v", names, err)
	}
	for _, m := range []node.Message{kv.Refuse("not yet"), &kv.Reply{}, &route.Answer{}} {
		if names, err := ask(m); err == nil {
			t.Errorf("%T: %v", m, names)
		}
	}
	for _, m := range []node.Message{kv.Refuse("too few"), kv.Doubt("late")} {
		admin := NewAdministrator(canned{reply: m}, nil).(cluster.Members)
		refused := m.(*kv.Reply).Status == kv.Refused
		if err := admin.Join(t.Context(), "n2"); err == nil || cluster.IsDefinite(err) != refused {
			t.Errorf("join: %v", err)
		}
		if err := admin.Leave(t.Context(), "n2"); err == nil || cluster.IsDefinite(err) != refused {
			t.Errorf("leave: %v", err)
		}
	}
}
