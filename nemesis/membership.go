package nemesis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/runtime"
)

// membership has members leave and join. Its evidence is the members that the system names.
type membership struct {
	*env
	away []string // who has left, or may have
	left int      // who has for certain
}

func offersMembers(conn cluster.Conn) bool {
	_, ok := conn.(cluster.Members)
	return ok
}

func bindMembership(e *env, _ cluster.Options) fault { return &membership{env: e} }

const (
	changeLimit = 3 * time.Second // for a change of one member, however often it is asked for
	askLimit    = time.Second     // of one question to one node
)

func (m *membership) inject(ctx context.Context, kind string) (injury, error) {
	m.away, m.left = nil, 0
	var proof []string
	for _, node := range m.aim(ctx, kind) {
		if m.held[node] != "" {
			continue
		}
		told, refused, err := m.change(ctx, node, false)
		if err != nil && refused {
			continue
		}
		m.away = append(m.away, node)
		if err != nil {
			proof = append(proof, fmt.Sprintf("%s was asked to leave: %v", node, err))
			continue
		}
		m.left++
		proof = append(proof, fmt.Sprintf("%s left: %s", node, told))
	}
	if len(m.away) == 0 {
		return injury{}, cluster.ErrSkipped
	}
	return injury{victims: m.away, evidence: kind + ": " + strings.Join(proof, "; ")}, nil
}

func (m *membership) recover(ctx context.Context) (recovery, error) {
	told := ""
	for _, node := range m.away {
		var err error
		if told, _, err = m.change(ctx, node, true); err != nil {
			return recovery{}, fmt.Errorf("have %s join: %w", node, err)
		}
	}
	return recovery{bit: int64(m.left), evidence: fmt.Sprintf("%s joined: %s", strings.Join(m.away, ","), told)}, nil
}

// change has a node join or leave, asking one node after another until one of them names
// members to match. refused tells of a failure that certainly
// changed nothing.
func (m *membership) change(ctx context.Context, victim string, join bool) (told string, refused bool, err error) {
	limit := m.runtime.Now() + changeLimit
	nodes := m.cluster.Nodes()
	refused = true
	for turn := m.rand.IntN(len(nodes)); ; turn++ {
		node := nodes[turn%len(nodes)]
		var sure bool
		if told, sure, err = m.ask(ctx, node, victim, join); err == nil {
			return told, false, nil
		}
		refused = refused && sure
		if m.runtime.Now() >= limit {
			return "", refused, fmt.Errorf("%s: %w", node, err)
		}
		if err := m.runtime.Sleep(ctx, probeEvery); err != nil {
			return "", refused, err
		}
	}
}

// ask asks one node for the change and then for the members. sure tells of a failure that
// certainly changed nothing.
func (m *membership) ask(ctx context.Context, node, victim string, join bool) (told string, sure bool, err error) {
	ctx, cancel := m.within(ctx, askLimit)
	defer cancel()
	conn, err := m.cluster.Connect(ctx, node)
	if err != nil {
		return "", true, err
	}
	defer conn.Close()
	admin := conn.(cluster.Members)
	request := admin.Leave
	if join {
		request = admin.Join
	}
	requestErr := request(ctx, victim)
	if cluster.IsDefinite(requestErr) || errors.Is(requestErr, cluster.ErrDisconnected) {
		return "", cluster.IsDefinite(requestErr), requestErr
	}
	if join && requestErr != nil {
		// The node may name the victim because it has not heard yet that it left.
		return "", false, requestErr
	}
	// Whatever became of a request to leave: what counts is who the members are.
	members, err := admin.Members(ctx)
	if err != nil {
		return "", false, fmt.Errorf("tell the members: %w", err)
	}
	told = fmt.Sprintf("%s tells %s", node, strings.Join(members, ","))
	switch {
	case slices.Contains(members, victim) == join:
	case requestErr != nil:
		return "", false, fmt.Errorf("%w; %s", requestErr, told)
	default:
		return "", false, errors.New(told)
	}
	return told, false, nil
}

// within is a context for one call, by the time of the cluster's world.
func (e *env) within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if e.runtime.Virtual() {
		return runtime.NewDeadline(ctx, time.Time{}, e.runtime.Now()+d), func() {}
	}
	return context.WithTimeout(ctx, d)
}
