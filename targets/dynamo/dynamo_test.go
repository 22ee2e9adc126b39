package dynamo

import (
	"strings"
	"testing"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/model"
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

func resolve(t *testing.T, options []cluster.Option, set map[string]string) cluster.Options {
	t.Helper()
	o, err := cluster.Resolve(options, set)
	if err != nil {
		t.Fatal(err)
	}
	return o
}
