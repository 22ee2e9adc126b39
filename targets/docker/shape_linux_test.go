package docker

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/faultline-dev/faultline/harness/cluster"
)

// TestShape shapes what passes between nodes, also when one of them starts again meanwhile,
// and leaves nothing.
func TestShape(t *testing.T) {
	needEngine(t)
	needNft(t)
	if err := tryShape(cluster.Shape{}); err != nil {
		t.Skip("the kernel cannot shape packets: ", err)
	}
	opened, err := Opener(sleeper)(t.Context(), specOf(runName("shape"), t.Output()))
	must(t, err)
	c := opened.(*containers)
	defer c.Close(t.Context())
	must(t, c.Start(t.Context()))

	talk := func() {
		t.Helper()
		for range 20 {
			line := fmt.Sprintf("exec 3<>/dev/udp/%s/9 && echo >&3", c.nodes[0].Addr)
			if err := exec.Command("nsenter", "-t", fmt.Sprint(c.nodes[1].pid), "-n", "bash", "-c", line).Run(); err != nil {
				t.Fatal("send a packet from n2 to n1: ", err)
			}
		}
	}
	touched := func() int64 {
		t.Helper()
		n, err := c.Shaped(t.Context())
		must(t, err)
		return n
	}
	must(t, c.Shape(t.Context(), []string{"n1"}, cluster.Shape{Loss: 1}))
	talk()
	first := touched()
	if first < 10 { // the very first may wait for their neighbour's address, and be given up
		t.Errorf("%d packets touched, of 20", first)
	}
	_, err = c.Kill(t.Context(), "n1")
	must(t, err)
	must(t, c.Restart(t.Context(), "n1"))
	talk()
	if again := touched(); again < first+10 {
		t.Errorf("%d packets touched when the node had started again, and %d before", again, first)
	}
	must(t, c.Unshape(t.Context()))
	tables, err := exec.Command("nsenter", "-t", fmt.Sprint(c.nodes[0].pid), "-n", "nft", "list", "tables").CombinedOutput()
	must(t, err)
	if strings.Contains(string(tables), "faultline") {
		t.Errorf("tables are left: %s", tables)
	}
	before := touched()
	talk()
	if after := touched(); after != before {
		t.Errorf("%d packets touched when nothing was shaped", after-before)
	}
}
