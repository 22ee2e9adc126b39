package cluster

import "context"

// Members is a system whose members change while it runs: administration, and no data
// model. A connection offers it beside those. The processes of all nodes run on meanwhile;
// one that is no member passes its clients' requests on to members, or refuses them.
//
// All nodes are members at first. Errors are classified by errors.go, and both changes may
// be repeated: of a node that is a member already, or none any more, they change nothing.
type Members interface {
	// Join makes a node a member, and returns once it is: with its share of the data, or
	// its part in whatever decides.
	Join(ctx context.Context, node string) error
	// Leave ends that, and returns once the others do without the node.
	Leave(ctx context.Context, node string) error
	// Members names the members, as the node that is asked knows them.
	Members(ctx context.Context) ([]string, error)
}
