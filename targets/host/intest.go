package host

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/faultline-dev/faultline/harness/cluster"
)

// A test binary has no node command: its main function is the go tool's. In a container
// it is started with the one test that asked for the node, which, when it comes to its
// call of ServeInTest, becomes the node.

// envNode holds the node's command line, one argument a line.
const envNode = "FAULTLINE_NODE_ARGS"

type testKey struct{}

// WithTest notes in a context that clusters are opened for a test of this name.
func WithTest(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, testKey{}, name)
}

// Invocation is how a build of this program is started as a node with these arguments
// (see Args): its arguments and its environment. ctx tells about a test.
func Invocation(ctx context.Context, node []string) (args []string, env map[string]string, err error) {
	if !testing.Testing() {
		return append([]string{"node"}, node...), nil, nil
	}
	test, _ := ctx.Value(testKey{}).(string)
	if test == "" {
		return nil, nil, fmt.Errorf("a test binary serves nodes only of a cluster that its test opens by faultline.Check or faultline.Try")
	}
	parts := strings.Split(test, "/")
	for i, p := range parts {
		parts[i] = "^" + regexp.QuoteMeta(p) + "$"
	}
	args = []string{"-test.run=" + strings.Join(parts, "/"), "-test.timeout=0"}
	return args, map[string]string{envNode: strings.Join(node, "\n")}, nil
}

// ServeInTest serves a node, and then ends the process, if it was started for that.
func ServeInTest(targets []cluster.Target) {
	list, asked := os.LookupEnv(envNode)
	if !asked {
		return
	}
	if err := Command(context.Background(), strings.Split(list, "\n"), targets); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitFailed)
	}
	os.Exit(0)
}

// exitFailed is the exit code of a node that died or could not be served.
const exitFailed = 2
