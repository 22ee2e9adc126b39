package faultline_test

import (
	"testing"
	"time"

	"github.com/faultline-dev/faultline"
	"github.com/faultline-dev/faultline/targets/all"
	"github.com/faultline-dev/faultline/targets/docker"
	"github.com/faultline-dev/faultline/targets/host"
)

// The test binary itself goes into the containers and serves the nodes.
func TestReferenceInContainers(t *testing.T) {
	if testing.Short() {
		t.Skip("containers take their time")
	}
	host.ServeInTest(all.Targets) // as a node there is no engine to look for
	for _, c := range docker.Doctor(t.Context())[:2] {
		if !c.OK {
			t.Skipf("%s: %s", c.Name, c.Detail)
		}
	}
	t.Run("of a subtest", func(t *testing.T) {
		faultline.Check(t, faultline.Settings{
			Target: "raft", On: "docker", Workload: "register", Nodes: 3,
			Nemesis: []string{"kill"}, Interval: 2 * time.Second, Time: 8 * time.Second,
		}, all.Targets)
	})
}
