package dynamo

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/dynamo"
)

// A promise is made for exactly the options that keep it.
func TestPromisesFollowOptions(t *testing.T) {
	for _, c := range []struct {
		set  map[string]string
		want map[string]model.Model
	}{
		{nil, map[string]model.Model{"register": model.Eventual, "set": model.Eventual}},
		{abd, map[string]model.Model{"register": model.Linearizable, "set": model.Linearizable}},
		{map[string]string{"mode": "abd", "r": "1", "w": "1"}, map[string]model.Model{"register": model.Linearizable, "set": model.Linearizable}},
		{map[string]string{"r": "1", "w": "3"}, map[string]model.Model{"register": model.Eventual, "set": model.Eventual}},
		{map[string]string{"w": "1"}, map[string]model.Model{"register": model.Eventual}},
	} {
		got := map[string]model.Model{}
		for _, p := range promises(resolve(t, Target.Options, c.set)) {
			if p.Quote == "" || p.Source == "" {
				t.Errorf("%v: the promise of %s is not founded", c.set, p.Data)
			}
			got[p.Data] = p.Model
		}
		for _, data := range Target.Data {
			if got[data] != c.want[data] {
				t.Errorf("%v: %s is promised to be %q, want %q", c.set, data, got[data], c.want[data])
			}
		}
	}
}

// Options that make no store are refused with a reason, those of the bugs are not.
func TestOptionsAreChecked(t *testing.T) {
	bug := cluster.Option{Name: "bug", Default: "none"}
	options := append(Target.Options[:len(Target.Options):len(Target.Options)], bug)
	for _, c := range []struct {
		set  map[string]string
		want string
	}{
		{map[string]string{"r": "4"}, "only n=3 replicas"},
		{map[string]string{"n": "1"}, "only n=1 replicas"},
		{map[string]string{"bug": "of another kind"}, "no such bug"},
		{map[string]string{"n": "5", "w": "5"}, ""},
		{map[string]string{"mode": "abd", "n": "1"}, ""},
	} {
		_, err := system(resolve(t, options, c.set))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%v: got error %v, want %q", c.set, err, c.want)
		}
	}
	for _, b := range bugs {
		if _, err := system(resolve(t, options, map[string]string{"bug": b.Name})); err != nil {
			t.Errorf("bug %s: %v", b.Name, err)
		}
	}
}

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
		{name: "done", answer: canned{reply: &dynamo.Reply{Value: 5, Found: true}}},
		{name: "refused", answer: canned{reply: &dynamo.Reply{Status: dynamo.Refused, Reason: "too few"}}, failed: true, definite: true},
		{name: "uncertain", answer: canned{reply: &dynamo.Reply{Status: dynamo.Uncertain, Reason: "late"}}, failed: true},
		{name: "status of a later version", answer: canned{reply: &dynamo.Reply{Status: 200}}, failed: true},
		{name: "unsupported", answer: canned{reply: &dynamo.Reply{Status: dynamo.Unsupported}}, failed: true, definite: true, passed: cluster.ErrUnsupported},
		{name: "not a reply", answer: canned{reply: dynamo.Probe{}}, failed: true},
		{name: "never sent", answer: canned{err: cluster.Definite(lost)}, failed: true, definite: true, passed: lost},
		{name: "cut short", answer: canned{err: lost}, failed: true, passed: lost},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := newClient(c.answer, nil)
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
