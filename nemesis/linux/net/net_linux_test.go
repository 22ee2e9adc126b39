package net

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// pair is two network namespaces, left and right, joined by a cable.
type pair struct{ left, right *Namespace }

var (
	left4, right4 = netip.MustParseAddr("10.99.7.1"), netip.MustParseAddr("10.99.7.2")
	left6, right6 = netip.MustParseAddr("fd99:7::1"), netip.MustParseAddr("fd99:7::2")
)

func newPair(t *testing.T) pair {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("making network namespaces takes root")
	}
	a, b := newNamespace(t), newNamespace(t)
	err := a.Do(func() error {
		cable := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "cable"}, PeerName: "cable", PeerNamespace: netlink.NsFd(b.handle)}
		return netlink.LinkAdd(cable)
	})
	if err != nil {
		t.Skipf("cannot join namespaces by a cable here: %v", err)
	}
	for _, end := range []struct {
		n     *Namespace
		addrs []netip.Addr
	}{{a, []netip.Addr{left4, left6}}, {b, []netip.Addr{right4, right6}}} {
		if err := end.n.Do(func() error { return plug(end.addrs) }); err != nil {
			t.Fatal(err)
		}
	}
	return pair{a, b}
}

func newNamespace(t testing.TB) *Namespace {
	t.Helper()
	n, err := fresh()
	if err != nil {
		t.Skipf("cannot make a network namespace here: %v", err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

func plug(addrs []netip.Addr) error {
	for _, name := range []string{"lo", "cable"} {
		l, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		if err := netlink.LinkSetUp(l); err != nil {
			return err
		}
		if name == "lo" {
			continue
		}
		for _, a := range addrs {
			ip := &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(a.BitLen()-8, a.BitLen())}
			// Without duplicate detection, which would keep an IPv6 address waiting.
			if err := netlink.AddrAdd(l, &netlink.Addr{IPNet: ip, Flags: unix.IFA_F_NODAD}); err != nil {
				return fmt.Errorf("add %s: %w", ip, err)
			}
		}
	}
	return nil
}

// listen opens a UDP socket in a namespace.
func listen(t *testing.T, n *Namespace, at netip.Addr) *net.UDPConn {
	t.Helper()
	var c *net.UDPConn
	err := n.Do(func() (err error) {
		c, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(at, 0)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// arrives sends packets from one socket to the other and reports whether the sender was
// content and one of them arrived.
//
// What shall arrive is waited for, since a busy machine may take its time; what shall not is
// given a moment.
func arrives(t *testing.T, from, to *net.UDPConn, shall bool) bool {
	t.Helper()
	patience := 300 * time.Millisecond
	if shall {
		patience = 5 * time.Second
	}
	for range 3 {
		if _, err := from.WriteTo([]byte("hello"), to.LocalAddr()); err != nil {
			t.Fatalf("the sender of a packet saw an error, as no network would cause: %v", err)
		}
	}
	_ = to.SetReadDeadline(time.Now().Add(patience))
	_, err := to.Read(make([]byte, 16))
	for err == nil { // drain
		_ = to.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if _, more := to.Read(make([]byte, 16)); more != nil {
			return true
		}
	}
	return false
}

func TestCut(t *testing.T) {
	p := newPair(t)
	for _, v := range []struct {
		name        string
		left, right netip.Addr
	}{{"IPv4", left4, right4}, {"IPv6", left6, right6}} {
		t.Run(v.name, func(t *testing.T) {
			l, r := listen(t, p.left, v.left), listen(t, p.right, v.right)
			expect := func(when string, toRight, toLeft bool) {
				t.Helper()
				if got := arrives(t, l, r, toRight); got != toRight {
					t.Errorf("%s: left to right arrives: %v", when, got)
				}
				if got := arrives(t, r, l, toLeft); got != toLeft {
					t.Errorf("%s: right to left arrives: %v", when, got)
				}
			}
			expect("before", true, true)

			// A stranger's address beside the other's must not matter, nor a cut made twice.
			for range 2 {
				must(t, p.right.Cut([]netip.Addr{v.left, v.left, netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("fd01::1")}))
			}
			expect("right is deaf to left", false, true)
			if n, err := p.right.Dropped(); err != nil || n != 3 {
				t.Errorf("dropped %d packets of 3 sent: %v", n, err)
			}
			must(t, p.right.Cut([]netip.Addr{netip.MustParseAddr("10.1.2.3")}))
			expect("right is deaf to somebody else", true, true)
			if n, err := p.right.Dropped(); err != nil || n != 0 {
				t.Errorf("a new cut counts from zero: %d, %v", n, err)
			}
			must(t, p.right.Cut([]netip.Addr{v.left}))
			must(t, p.left.Cut([]netip.Addr{v.right}))
			expect("both are deaf", false, false)
			for range 2 {
				must(t, p.right.Heal())
				must(t, p.left.Heal())
			}
			expect("healed", true, true)
			if n, err := p.right.Dropped(); err != nil || n != 0 {
				t.Errorf("nothing is cut, but %d packets were dropped: %v", n, err)
			}
		})
	}
}

// TestLeavesTheRestAlone cuts and heals beside a table of somebody else's, and looks that
// the test's own namespace stays as it was.
func TestLeavesTheRestAlone(t *testing.T) {
	p := newPair(t)
	home, err := netns.Get()
	must(t, err)
	defer home.Close()
	must(t, p.left.conn(func(c *nftables.Conn) error {
		c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "theirs"})
		return nil
	}))
	here := tables(t, &Namespace{handle: home})
	must(t, p.left.Cut([]netip.Addr{right4}))
	if got := tables(t, p.left); got != "[faultline theirs]" && got != "[theirs faultline]" {
		t.Errorf("cut: the namespace has tables %s", got)
	}
	must(t, p.left.Cut(nil))
	if got := tables(t, p.left); got != "[theirs]" {
		t.Errorf("healed: the namespace has tables %s", got)
	}
	if got := tables(t, &Namespace{handle: home}); got != here {
		t.Errorf("the tests' own namespace had tables %s, now %s", here, got)
	}
	// Every thread must have come back to where it was, or ended, which takes it a moment.
	astray := func() (found []string) {
		threads, err := filepath.Glob("/proc/self/task/*/ns/net")
		must(t, err)
		for _, thread := range threads {
			if h, err := netns.GetFromPath(thread); err == nil {
				if h.Equal(p.left.handle) || h.Equal(p.right.handle) {
					found = append(found, thread)
				}
				h.Close()
			}
		}
		return found
	}
	for end := time.Now().Add(5 * time.Second); len(astray()) > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("threads have stayed behind: %v", astray())
		}
	}
}

func TestOfProcess(t *testing.T) {
	n, err := OfProcess(os.Getpid())
	if err != nil {
		t.Skipf("this process's own namespace cannot be opened: %v", err)
	}
	defer n.Close()
	again, err := Open(fmt.Sprintf("/proc/%d/ns/net", os.Getpid()))
	must(t, err)
	defer again.Close()
	if n.ID() != again.ID() {
		t.Errorf("one namespace, two identities: %s and %s", n.ID(), again.ID())
	}
	if _, err := OfProcess(1 << 30); err == nil {
		t.Error("a process that does not exist has a namespace")
	}
}

func BenchmarkCutAndHeal(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("making network namespaces takes root")
	}
	n := newNamespace(b)
	for b.Loop() {
		if err := n.Cut([]netip.Addr{left4, right4}); err != nil {
			b.Fatal(err)
		}
		if err := n.Heal(); err != nil {
			b.Fatal(err)
		}
	}
}

func tables(t *testing.T, n *Namespace) string {
	t.Helper()
	var names []string
	must(t, n.conn(func(c *nftables.Conn) error {
		all, err := c.ListTablesOfFamily(nftables.TableFamilyINet)
		for _, table := range all {
			names = append(names, table.Name)
		}
		return err
	}))
	return fmt.Sprint(names)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
