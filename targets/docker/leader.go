package docker

import (
	"context"
	"sort"
	"sync"
	"time"

	"github.com/faultline-dev/faultline/harness/cluster"
)

// led is a cluster whose system can tell who leads.
type led struct{ *containers }

var _ cluster.LeaderTeller = led{}

// askLimit is the deadline of one node's answer about who leads.
const askLimit = 700 * time.Millisecond

// Leaders implements cluster.LeaderTeller: those that believe that they lead, the latest
// term first. All nodes are asked at once, since some may be down or frozen.
func (c led) Leaders(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	type claim struct {
		name string
		term uint64
	}
	var claims []claim
	var mu sync.Mutex
	answered, lastErr := 0, error(nil)
	_ = c.each(func(m *member) error {
		leads, term, err := c.system.Leads(ctx, m.Node, c.spec.Options)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err != nil:
			lastErr = err
		default:
			answered++
			if leads {
				claims = append(claims, claim{m.Name, term})
			}
		}
		return nil
	})
	if answered == 0 {
		return nil, lastErr
	}
	sort.Slice(claims, func(i, j int) bool {
		if claims[i].term != claims[j].term {
			return claims[i].term > claims[j].term
		}
		return claims[i].name < claims[j].name
	})
	names := make([]string, len(claims))
	for i, cl := range claims {
		names[i] = cl.name
	}
	return names, nil
}
