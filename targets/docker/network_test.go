package docker

import (
	"net/netip"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"
)

func TestSubnetsAvoidWhatIsTaken(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		run := rapid.String().Draw(t, "run")
		var taken []netip.Prefix
		for range rapid.IntRange(0, 4).Draw(t, "taken") {
			addr := netip.AddrFrom4([4]byte{198, byte(rapid.IntRange(17, 20).Draw(t, "b")), byte(rapid.Byte().Draw(t, "c")), 0})
			p, _ := addr.Prefix(rapid.IntRange(13, 24).Draw(t, "bits"))
			taken = append(taken, p)
		}
		all := subnets(run, taken)
		if len(all) < 8000 { // the second range is never taken here
			t.Fatalf("only %d subnets", len(all))
		}
		seen := map[netip.Prefix]bool{}
		for _, p := range all {
			if seen[p] || p != p.Masked() || !ranges[0].Overlaps(p) && !ranges[1].Overlaps(p) {
				t.Fatalf("subnet %s: twice, crooked or beyond the ranges", p)
			}
			seen[p] = true
			for _, x := range taken {
				if x.Overlaps(p) {
					t.Fatalf("subnet %s overlaps %s", p, x)
				}
			}
		}
	})
}

func TestHosts(t *testing.T) {
	names := make([]string, 99)
	nodes := hosts(netip.MustParsePrefix("198.18.3.0/24"), names)
	if nodes[0].Addr.String() != "198.18.3.10" || nodes[98].Addr.String() != "198.18.3.108" {
		t.Errorf("the nodes are at %s to %s", nodes[0].Addr, nodes[98].Addr)
	}
}

// TestFingerprint holds that an image is built again if and only if it would differ.
func TestFingerprint(t *testing.T) {
	of := func(content string, args map[string]string) string {
		b, err := pack(fstest.MapFS{"Dockerfile": {Data: []byte(content)}, "sub/file": {Data: []byte("x"), Mode: 0o755}})
		if err != nil {
			t.Fatal(err)
		}
		return fingerprint(b, args)
	}
	a := of("FROM scratch", map[string]string{"A": "1", "B": "2"})
	if b := of("FROM scratch", map[string]string{"B": "2", "A": "1"}); a != b {
		t.Errorf("one content, two fingerprints: %s %s", a, b)
	}
	for _, other := range []string{of("FROM debian", map[string]string{"A": "1", "B": "2"}), of("FROM scratch", map[string]string{"A": "1", "B": "3"}), of("FROM scratch", nil)} {
		if a == other {
			t.Errorf("two contents, one fingerprint: %s", a)
		}
	}
}

func TestEnds(t *testing.T) {
	var e ends
	if e.meet() {
		t.Error("an end that nobody awaited was met")
	}
	e.expect()
	e.expect()
	e.cancel()
	if !e.meet() || e.meet() {
		t.Error("one awaited end is met once")
	}
}
