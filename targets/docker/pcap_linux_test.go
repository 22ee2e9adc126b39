package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gopacket/gopacket/pcapgo"
)

// TestPcap finds in a node's capture what it was sent, before it started again and after.
func TestPcap(t *testing.T) {
	needEngine(t)
	needNft(t)
	spec := specOf(runName("pcap"), io.Discard)
	spec.Dir, spec.Pcap = t.TempDir(), true
	opened, err := Opener(sleeper)(t.Context(), spec)
	must(t, err)
	c := opened.(*containers)
	must(t, c.Start(t.Context()))
	say := func(word string) {
		t.Helper()
		line := fmt.Sprintf("exec 3<>/dev/udp/%s/9 && echo %s >&3", c.nodes[0].Addr, word)
		if err := exec.Command("nsenter", "-t", fmt.Sprint(c.nodes[1].pid), "-n", "bash", "-c", line).Run(); err != nil {
			t.Fatal("send a packet from n2 to n1: ", err)
		}
	}
	say("remember-me")
	_, err = c.Kill(t.Context(), "n1")
	must(t, err)
	must(t, c.Restart(t.Context(), "n1"))
	say("me-too")
	must(t, c.Close(context.WithoutCancel(t.Context())))

	f, err := os.Open(filepath.Join(spec.Dir, "nodes", "n1", "packets.pcap"))
	must(t, err)
	defer f.Close()
	r, err := pcapgo.NewReader(f)
	must(t, err)
	found := map[string]bool{}
	for {
		packet, info, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		if info.CaptureLength > snap {
			t.Errorf("%d bytes of a packet are kept", info.CaptureLength)
		}
		for _, word := range []string{"remember-me", "me-too"} {
			found[word] = found[word] || bytes.Contains(packet, []byte(word+"\n"))
		}
	}
	if len(found) != 2 || !found["remember-me"] || !found["me-too"] {
		t.Errorf("found in the capture: %v", found)
	}
}
