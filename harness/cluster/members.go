package cluster

import "context"

// Members is a system whose members change while it runs: administration, and no data
// model. A connection offers it beside those. The processes of all nodes run on meanwhile;
// one that is no member passes its clients' requests on to members, or refuses them.
//
// All nodes are members at first. Errors are classified by errors.go, and both changes may
// be repeated: of a node that is a member already, or none any more, they change nothing.
type Members interface {
	// Join makes a node a member, and returns once the system counts it as one. Data may
	// still be on its way to it.
	Join(ctx context.Context, node string) error
	// Leave ends that, and returns once the system does not count on the node any more. It
	// may go on handing over what it has.
	Leave(ctx context.Context, node string) error
	// Members names the members, as the node that is asked knows them.
	Members(ctx context.Context) ([]string, error)
}
