package nemesis

import (
	"errors"
	"strings"
	"testing"

	"github.com/faultline-dev/faultline/harness/cluster"
)

// limited is a cluster that cannot double packets.
type limited struct{ cluster.Cluster }

func (limited) CannotShape() map[string]string {
	return map[string]string{"duplicate": "there is no second one"}
}

// TestPossible: what cannot be done is left out by default, and refused if it was asked for.
func TestPossible(t *testing.T) {
	packet, err := Find("packet")
	if err != nil {
		t.Fatal(err)
	}
	possible := func(asked string) (string, error) {
		can, err := packet.possible(limited{}, cluster.Docker, strings.Split(asked, ","))
		return strings.Join(can, ","), err
	}
	standard := "delay,loss,duplicate,reorder"
	if can, err := possible(standard); err != nil || can != "delay,loss,reorder" {
		t.Errorf("by default %q, %v", can, err)
	}
	if can, err := possible("loss,corrupt"); err != nil || can != "loss,corrupt" {
		t.Errorf("asked for what it can: %q, %v", can, err)
	}
	var refusal *cluster.Refusal
	if _, err := possible("loss,duplicate"); !errors.As(err, &refusal) || refusal.Reason != "there is no second one" {
		t.Errorf("asked for what it cannot: %v", err)
	}
}
