package nemesis_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/runtime"
	"github.com/faultline-dev/faultline/nemesis"
)

// club is a cluster of which every node that answers can change the members.
type club struct {
	cluster.Cluster
	members []string
	down    map[string]bool
	fail    error // what changes end as
	deaf    bool  // changes are acknowledged and not made
	now     time.Duration
}

// hurried is a runtime in which waiting takes no time.
type hurried struct {
	runtime.Runtime
	now *time.Duration
}

func (h hurried) Now() time.Duration { return *h.now }
func (hurried) Virtual() bool        { return true }
func (h hurried) Sleep(_ context.Context, d time.Duration) error {
	*h.now += d
	return nil
}

func (*club) Nodes() []string            { return []string{"n1", "n2", "n3", "n4", "n5"} }
func (c *club) Runtime() runtime.Runtime { return hurried{now: &c.now} }

func (c *club) Connect(_ context.Context, node string) (cluster.Conn, error) {
	if c.down[node] {
		return nil, errors.New("connection refused")
	}
	return clubConn{c}, nil
}

type clubConn struct{ *club }

func (clubConn) Close() error { return nil }

func (c clubConn) Join(_ context.Context, node string) error {
	if c.fail != nil || c.deaf {
		return c.fail
	}
	if !slices.Contains(c.members, node) {
		c.members = append(c.members, node)
		slices.Sort(c.members)
	}
	return nil
}

func (c clubConn) Leave(_ context.Context, node string) error {
	if c.fail != nil || c.deaf {
		return c.fail
	}
	c.members = slices.DeleteFunc(c.members, func(n string) bool { return n == node })
	return nil
}

func (c clubConn) Members(context.Context) ([]string, error) { return slices.Clone(c.members), nil }

// found makes a club with the nemesis.
func found(t *testing.T) (*club, *nemesis.Composite, func(f, kind string) string) {
	t.Helper()
	c := &club{down: map[string]bool{}}
	c.members = c.Nodes()
	nem, err := nemesis.Compose(nemesis.Plan{Names: []string{"membership"}, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := nem.Bind(c, cluster.Docker, func(history.Event) {}); err != nil {
		t.Fatal(err)
	}
	if err := nem.Supports(clubConn{c}, cluster.Docker); err != nil {
		t.Fatal(err)
	}
	return c, nem, func(f, kind string) string {
		t.Helper()
		done := nem.Invoke(context.Background(), history.Op{F: f, Value: history.Text(kind)})
		if done.Error != "" {
			t.Errorf("%s: %s", f, done.Error)
		}
		return done.Value.S
	}
}

// Members leave and join again by way of whatever node answers, and what the system tells
// is the evidence.
func TestMembersLeaveAndJoin(t *testing.T) {
	for kind, most := range map[string]int{"one": 1, "minority": 2, "leader": 1} {
		c, nem, do := found(t)
		c.down["n1"], c.down["n4"] = true, true
		said := do("shrink", kind)
		left := len(c.Nodes()) - len(c.members)
		if left < 1 || left > most || !strings.HasPrefix(said, kind+": ") || strings.Count(said, " left: n") != left || !strings.HasSuffix(said, strings.Join(c.members, ",")) {
			t.Errorf("%s: %d left, with the evidence %q", kind, left, said)
		}
		if said := do("grow", ""); len(c.members) != 5 || !strings.HasSuffix(said, "tells n1,n2,n3,n4,n5") {
			t.Errorf("%s: then %v are members, with the evidence %q", kind, c.members, said)
		}
		if sum := nem.Summaries()[0]; sum.Injected != 1 || sum.Bit != 1 {
			t.Errorf("%s: %+v", kind, sum)
		}
	}
}

// What is refused was no fault; what is in doubt, or acknowledged and not seen to be made,
// did not bite, and is undone even so.
func TestMembersThatDoNotLeave(t *testing.T) {
	c, nem, do := found(t)
	c.fail = cluster.Definite(errors.New("no majority"))
	if said := do("shrink", "one"); !strings.Contains(said, "skipped") {
		t.Errorf("refused: %q", said)
	}
	c.fail = errors.New("timed out")
	if said := do("shrink", "one"); !strings.Contains(said, "was asked to leave: n") || !strings.Contains(said, "timed out") {
		t.Errorf("in doubt: %q", said)
	}
	c.members = nil // that, and more, took effect after all
	if err := nem.Invoke(context.Background(), history.Op{F: "grow"}).Error; !strings.Contains(err, "timed out") {
		t.Errorf("undone while nothing can be: %q", err)
	}
	c.fail = nil
	if err := nem.Heal(context.Background()); err != nil {
		t.Error(err)
	}
	c.members = c.Nodes()
	c.deaf = true
	if said := do("shrink", "one"); !strings.Contains(said, "tells n1,n2,n3,n4,n5") {
		t.Errorf("not made: %q", said)
	}
	do("grow", "")
	if sum := nem.Summaries()[0]; sum.Injected != 2 || sum.Bit != 0 || sum.Skipped != 1 {
		t.Errorf("%+v", sum)
	}
}

// On a simulated cluster members leave and join again, and everybody can still be written to
// by way of every node.
func TestMembershipBites(t *testing.T) {
	performOn(t, nil, nil, []string{"membership"}, func(s *stage) {
		members := func() (told []string) {
			_ = s.cl.Runtime().Sleep(context.Background(), 5*time.Second) // all have heard by then
			conn, err := s.cl.Connect(context.Background(), "n2")
			if err == nil {
				told, err = conn.(cluster.Members).Members(context.Background())
				_ = conn.Close()
			}
			if err != nil {
				t.Error(err)
			}
			return told
		}
		for _, kind := range []string{"one", "minority", "leader"} {
			said := s.do("shrink", kind)
			if left := len(members()); left > 4 || left < 3 || !strings.Contains(said, " left: ") {
				t.Errorf("%s: %d members, with the evidence %q", kind, left, said)
			}
			if who, _ := s.writes(); who != "+++++" {
				t.Errorf("%s: %s could write", kind, who)
			}
			if said := s.do("grow", ""); len(members()) != 5 {
				t.Errorf("%s: %v are members again, with the evidence %q", kind, members(), said)
			}
		}
	})
}
