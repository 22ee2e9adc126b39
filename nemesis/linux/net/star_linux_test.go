package net

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

const points = 5

// star is some network namespaces joined by a bridge, as nodes of a cluster are.
type star [points]*Namespace

func star4(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 99, 8, byte(10 + i)}) }
func star6(i int) netip.Addr { return netip.MustParseAddr(fmt.Sprintf("fd99:8::%d", 10+i)) }

func newStar(t testing.TB) (s star) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("making network namespaces takes root")
	}
	hub := newNamespace(t)
	err := hub.Do(func() error {
		return netlink.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "hub"}})
	})
	if err != nil {
		t.Skipf("cannot make a bridge here: %v", err)
	}
	for i := range s {
		s[i] = newNamespace(t)
		must(t, hub.Do(func() error {
			bridge, err := netlink.LinkByName("hub")
			if err != nil {
				return err
			}
			if err := netlink.LinkSetUp(bridge); err != nil {
				return err
			}
			port := &netlink.Veth{
				LinkAttrs: netlink.LinkAttrs{Name: fmt.Sprint("port", i), MasterIndex: bridge.Attrs().Index},
				PeerName:  "cable", PeerNamespace: netlink.NsFd(s[i].handle),
			}
			if err := netlink.LinkAdd(port); err != nil {
				return err
			}
			return netlink.LinkSetUp(port)
		}))
		must(t, s[i].Do(func() error { return plug([]netip.Addr{star4(i), star6(i)}) }))
	}
	return s
}

// grudges say of each node whose packets it drops.
var grudges = []struct {
	name  string
	drops [points][]int
}{
	{"halves", [points][]int{{2, 3, 4}, {2, 3, 4}, {0, 1}, {0, 1}, {0, 1}}},
	{"one alone", [points][]int{{1, 2, 3, 4}, {0}, {0}, {0}, {0}}},
	{"one-way", [points][]int{nil, {0}, {0}, {0}, {0}}},
	{"bridge", [points][]int{{3, 4}, {3, 4}, nil, {0, 1}, {0, 1}}},
	{"ring", [points][]int{{2, 3}, {3, 4}, {4, 0}, {0, 1}, {1, 2}}},
}

func (s star) cut(t testing.TB, drops [points][]int) {
	t.Helper()
	for i, n := range s {
		var sources []netip.Addr
		for _, j := range drops[i] {
			sources = append(sources, star4(j), star6(j))
		}
		must(t, n.Cut(sources))
	}
}

// TestGrudges cuts a cluster in every way, and looks of each node whom it still hears.
func TestGrudges(t *testing.T) {
	s := newStar(t)
	for _, v := range []struct {
		name string
		addr func(int) netip.Addr
	}{{"IPv4", star4}, {"IPv6", star6}} {
		t.Run(v.name, func(t *testing.T) {
			var ends [points]*net.UDPConn
			for i := range s {
				ends[i] = listen(t, s[i], v.addr(i))
			}
			hears := func(when string, drops [points][]int) {
				t.Helper()
				for i, from := range ends {
					for j, to := range ends {
						if i == j {
							continue
						}
						if _, err := from.WriteTo([]byte{byte(i)}, to.LocalAddr()); err != nil {
							t.Fatalf("%s: the sender of a packet saw an error: %v", when, err)
						}
					}
				}
				for i, end := range ends {
					var want, got []int
					for j := range ends {
						if j != i && !slices.Contains(drops[i], j) {
							want = append(want, j)
						}
					}
					// All that shall come is waited for; then nothing more may.
					b := make([]byte, 8)
					for wait := 5 * time.Second; ; {
						if len(got) == len(want) {
							wait = 50 * time.Millisecond
						}
						_ = end.SetReadDeadline(time.Now().Add(wait))
						if _, err := end.Read(b); err != nil {
							break
						}
						got = append(got, int(b[0]))
					}
					slices.Sort(got)
					if !slices.Equal(got, want) {
						t.Errorf("%s: node %d hears %v, not %v", when, i, got, want)
					}
					if n, err := s[i].Dropped(); err != nil || n < int64(len(drops[i])) || len(drops[i]) == 0 && n != 0 {
						t.Errorf("%s: node %d dropped %d packets of %d peers: %v", when, i, n, len(drops[i]), err)
					}
				}
			}
			hears("before", [points][]int{})
			for _, g := range grudges {
				s.cut(t, g.drops)
				hears(g.name, g.drops)
				s.cut(t, [points][]int{})
				hears(g.name+" healed", [points][]int{})
			}
		})
	}
}

// TestStall: a cut stalls a TCP stream without a reset, and healed it goes on where it was.
func TestStall(t *testing.T) {
	for _, v := range []struct {
		name        string
		left, right netip.Addr
	}{{"IPv4", left4, right4}, {"IPv6", left6, right6}} {
		t.Run(v.name, func(t *testing.T) {
			p := newPair(t)
			var l net.Listener
			var near net.Conn
			must(t, p.right.Do(func() (err error) {
				l, err = net.Listen("tcp", netip.AddrPortFrom(v.right, 7002).String())
				return err
			}))
			defer l.Close()
			must(t, p.left.Do(func() (err error) { near, err = net.Dial("tcp", l.Addr().String()); return err }))
			defer near.Close()
			far, err := l.Accept()
			must(t, err)
			defer far.Close()
			say := func(words string, wait time.Duration) error {
				if _, err := near.Write([]byte(words)); err != nil {
					t.Fatalf("the writer of %q saw an error: %v", words, err)
				}
				_ = far.SetReadDeadline(time.Now().Add(wait))
				b := make([]byte, len(words))
				n, err := far.Read(b)
				if n > 0 && !bytes.Equal(b[:n], []byte(words)) {
					t.Errorf("%q came as %q", words, b[:n])
				}
				return err
			}
			must(t, say("before", 5*time.Second))
			must(t, p.right.Cut([]netip.Addr{v.left}))
			if err := say("during", 500*time.Millisecond); err == nil || !os.IsTimeout(err) {
				t.Errorf("across a cut: %v; it should stall", err)
			}
			if n, err := p.right.Dropped(); err != nil || n == 0 {
				t.Errorf("the cut dropped %d packets: %v", n, err)
			}
			must(t, p.right.Heal())
			_ = far.SetReadDeadline(time.Now().Add(30 * time.Second))
			b := make([]byte, 16)
			if n, err := far.Read(b); err != nil || string(b[:n]) != "during" {
				t.Errorf("healed, the stream goes on with %q: %v", b[:n], err)
			}
			must(t, say("after", 5*time.Second))
		})
	}
}

// TestJitter: some packets take longer than others by far.
func TestJitter(t *testing.T) {
	p := newPair(t)
	c := echo(t, p, right4)
	sh := shaped(t, p, Shape{Delay: 20 * time.Millisecond, Jitter: 20 * time.Millisecond})
	defer sh.Close()
	var took []time.Duration
	b := make([]byte, 64)
	for range 60 {
		began := time.Now()
		_, err := c.Write(b)
		must(t, err)
		_ = c.SetReadDeadline(began.Add(3 * time.Second))
		_, err = c.Read(b)
		must(t, err)
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	if early, late := took[6], took[54]; late-early < 10*time.Millisecond {
		t.Errorf("with 20ms of jitter a tenth of the trips take less than %s, a tenth more than %s", early, late)
	}
}

// TestCloseReleases: the packets that a shape holds are not lost with it.
func TestCloseReleases(t *testing.T) {
	p := newPair(t)
	c := echo(t, p, right4)
	sh := shaped(t, p, Shape{Delay: time.Minute})
	const sent = 20
	for range sent {
		_, err := c.Write(make([]byte, 64))
		must(t, err)
	}
	eventually(t, func() error {
		if n := sh.Touched(); n != sent {
			return fmt.Errorf("%d of %d packets are held", n, sent)
		}
		return nil
	})
	must(t, sh.Close())
	b := make([]byte, 64)
	for i := range sent {
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := c.Read(b); err != nil {
			t.Fatalf("%d of %d packets that were held came when the shape was gone: %v", i, sent, err)
		}
	}
}

// TestNoGoroutineStays: what shapes have started ends with them.
func TestNoGoroutineStays(t *testing.T) {
	p := newPair(t)
	shaped(t, p, Shape{}).Close() // whatever is started once
	before := runtime.NumGoroutine()
	for range 10 {
		must(t, shaped(t, p, Shape{Delay: time.Minute}).Close())
	}
	eventually(t, func() error {
		if n := runtime.NumGoroutine(); n > before {
			return fmt.Errorf("%d goroutines, and %d before", n, before)
		}
		return nil
	})
}

// BenchmarkPartition splits five nodes, one after another, and heals them.
func BenchmarkPartition(b *testing.B) {
	s := newStar(b)
	var inject, heal time.Duration
	for b.Loop() {
		began := time.Now()
		s.cut(b, grudges[0].drops)
		cut := time.Now()
		s.cut(b, [points][]int{})
		inject, heal = inject+cut.Sub(began), heal+time.Since(cut)
	}
	b.ReportMetric(float64(inject.Microseconds())/float64(b.N), "µs/inject")
	b.ReportMetric(float64(heal.Microseconds())/float64(b.N), "µs/heal")
}
