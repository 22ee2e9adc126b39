package net

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"sync"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// cuts is the table of what is cut off; shapes have tables of their own.
var cuts = table{nftables.TableFamilyINet, "faultline"}

// early places our chain before any filter that may be there.
var early = nftables.ChainPriorityRef(*nftables.ChainPriorityFilter - 10)

// Namespace is a network namespace whose incoming packets can be dropped. It is meant for
// one caller at a time.
type Namespace struct {
	handle netns.NsHandle
	// nft is kept open once it was needed: the kernel takes some ten milliseconds to close
	// such a connection after a change, and a tenth of one for the change itself.
	nft *nftables.Conn
}

// OfProcess opens the network namespace in which a process lives. The handle keeps the
// namespace, even when the process has gone.
func OfProcess(pid int) (*Namespace, error) {
	h, err := netns.GetFromPid(pid)
	if err != nil {
		return nil, fmt.Errorf("open the network namespace of process %d: %w", pid, err)
	}
	return &Namespace{handle: h}, nil
}

// Open opens a network namespace by its path, such as /run/netns/blue.
func Open(path string) (*Namespace, error) {
	h, err := netns.GetFromPath(path)
	if err != nil {
		return nil, fmt.Errorf("open the network namespace %s: %w", path, err)
	}
	return &Namespace{handle: h}, nil
}

// Close lets the namespace go; what was cut stays cut.
func (n *Namespace) Close() error {
	if !n.handle.IsOpen() {
		return nil
	}
	return errors.Join(n.hangUp(), n.handle.Close())
}

// ID identifies the namespace: two handles of one namespace have the same.
func (n *Namespace) ID() string { return n.handle.UniqueId() }

// Cut drops every packet that comes in from one of the sources, IPv4 or IPv6, and counts
// from zero. It replaces what was cut before, in one step; without sources it is Heal.
func (n *Namespace) Cut(sources []netip.Addr) error {
	if len(sources) == 0 {
		return n.Heal()
	}
	err := n.conn(func(c *nftables.Conn) error {
		return filter(c, cuts, early, sources, func(family) []expr.Any { return countAndDrop() })
	})
	if err != nil {
		return fmt.Errorf("cut off %v: %w", sources, err)
	}
	return nil
}

// Heal removes our table and with it all cuts. Without any it does nothing.
func (n *Namespace) Heal() error {
	if err := n.remove(cuts); err != nil {
		return fmt.Errorf("remove the cuts: %w", err)
	}
	return nil
}

// Dropped counts the packets that the cuts dropped since the last Cut.
func (n *Namespace) Dropped() (int64, error) {
	dropped, err := n.counted(cuts)
	if err != nil {
		return 0, fmt.Errorf("count dropped packets: %w", err)
	}
	return dropped, nil
}

// counted is how many packets the rules of our tables have counted.
func (n *Namespace) counted(ours ...table) (int64, error) {
	var packets uint64
	err := n.conn(func(c *nftables.Conn) error {
		tables, err := c.ListTables()
		if err != nil {
			return err
		}
		for _, t := range tables {
			if !slices.Contains(ours, table{t.Family, t.Name}) {
				continue
			}
			rules, err := c.GetRules(t, &nftables.Chain{Name: "input", Table: t})
			if err != nil {
				return err
			}
			for _, r := range rules {
				for _, e := range r.Exprs {
					if counter, ok := e.(*expr.Counter); ok {
						packets += counter.Packets
					}
				}
			}
		}
		return nil
	})
	return int64(packets), err
}

// family is where an IP version keeps the addresses, and what its set of them is called.
type family struct {
	protocol     byte
	set          string
	key          nftables.SetDatatype
	source, dest uint32
	length       uint32
}

var (
	ipv4 = family{unix.NFPROTO_IPV4, "from4", nftables.TypeIPAddr, 12, 16, 4}
	ipv6 = family{unix.NFPROTO_IPV6, "from6", nftables.TypeIP6Addr, 8, 24, 16}
)

// table is one of our tables.
type table struct {
	family nftables.TableFamily
	name   string
}

// holds reports whether the table's chains see packets of an IP version.
func (t table) holds(protocol byte) bool {
	return t.family == nftables.TableFamilyINet || t.family == nftables.TableFamily(protocol)
}

// clear deletes the table whether or not it is there: one can be added that exists, and
// then deleted, within one transaction.
func (t table) clear(c *nftables.Conn) {
	c.DelTable(c.AddTable(&nftables.Table{Family: t.family, Name: t.name}))
}

// filter replaces one of our tables by one in which what comes in from the sources meets
// fates, one after the other.
func filter(c *nftables.Conn, in table, priority *nftables.ChainPriority, sources []netip.Addr, fates ...func(family) []expr.Any) error {
	in.clear(c)
	t := c.AddTable(&nftables.Table{Family: in.family, Name: in.name})
	policy := nftables.ChainPolicyAccept
	ch := c.AddChain(&nftables.Chain{
		Name: "input", Table: t, Type: nftables.ChainTypeFilter, Policy: &policy,
		Hooknum: nftables.ChainHookInput, Priority: priority,
	})
	v4, v6 := elements(sources)
	for _, of := range []struct {
		family
		sources []nftables.SetElement
	}{{ipv4, v4}, {ipv6, v6}} {
		if len(of.sources) == 0 || !in.holds(of.protocol) {
			continue
		}
		set := &nftables.Set{Table: t, Name: of.set, KeyType: of.key}
		if err := c.AddSet(set, of.sources); err != nil {
			return err
		}
		for _, fate := range fates {
			c.AddRule(&nftables.Rule{Table: t, Chain: ch, Exprs: append([]expr.Any{
				&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
				&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{of.protocol}},
				&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: of.source, Len: of.length},
				&expr.Lookup{SourceRegister: 1, SetName: set.Name, SetID: set.ID},
			}, fate(of.family)...)})
		}
	}
	return nil
}

func countAndDrop() []expr.Any {
	return []expr.Any{&expr.Counter{}, &expr.Verdict{Kind: expr.VerdictDrop}}
}

func elements(sources []netip.Addr) (v4, v6 []nftables.SetElement) {
	seen := map[netip.Addr]bool{}
	for _, a := range sources {
		a = a.Unmap().WithZone("")
		if seen[a] {
			continue
		}
		seen[a] = true
		e := nftables.SetElement{Key: a.AsSlice()}
		if a.Is4() {
			v4 = append(v4, e)
		} else {
			v6 = append(v6, e)
		}
	}
	return v4, v6
}

// remove removes tables of ours; those that are not there are no error.
func (n *Namespace) remove(ours ...table) error {
	return n.conn(func(c *nftables.Conn) error {
		for _, t := range ours {
			t.clear(c)
		}
		return nil
	})
}

// building guards the number of the next set, which the nftables package keeps in a
// variable of its own.
var building sync.Mutex

// conn runs do on a netlink connection within the namespace, and sends what it asked for
// in one transaction.
func (n *Namespace) conn(do func(*nftables.Conn) error) error {
	if n.nft == nil {
		c, err := nftables.New(nftables.WithNetNSFd(int(n.handle)), nftables.AsLasting())
		if err != nil {
			return err
		}
		n.nft = c
	}
	building.Lock()
	err := do(n.nft)
	building.Unlock()
	if err == nil {
		err = n.nft.Flush()
	}
	if err != nil {
		// What was asked for and not sent must not go along with the next transaction.
		return errors.Join(err, n.hangUp())
	}
	return nil
}

// hangUp closes the connection; the next change opens another.
func (n *Namespace) hangUp() error {
	if n.nft == nil {
		return nil
	}
	err := n.nft.CloseLasting()
	n.nft = nil
	return err
}

// Do runs f within the namespace, on a thread of its own that is thrown away if it cannot
// be brought back. f must not start goroutines that need the namespace.
func (n *Namespace) Do(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		back, err := n.enter()
		if err != nil {
			runtime.UnlockOSThread()
			done <- err
			return
		}
		defer func() {
			// A goroutine that ends with its thread locked takes the thread along.
			if back() == nil {
				runtime.UnlockOSThread()
			}
		}()
		done <- f()
	}()
	return <-done
}

// enter moves the locked thread into the namespace.
func (n *Namespace) enter() (back func() error, err error) {
	home, err := netns.Get()
	if err != nil {
		return nil, fmt.Errorf("remember the thread's network namespace: %w", err)
	}
	if err := netns.Set(n.handle); err != nil {
		return nil, errors.Join(fmt.Errorf("enter the network namespace: %w", err), home.Close())
	}
	return func() error { return errors.Join(netns.Set(home), home.Close()) }, nil
}

// Try cuts and heals in a namespace made for that, to find out whether this process may.
func Try() error {
	n, err := fresh()
	if err != nil {
		return err
	}
	return errors.Join(n.Cut([]netip.Addr{netip.IPv4Unspecified()}), n.Heal(), n.Close())
}

// fresh makes a namespace that nobody lives in; it goes with the handle. The thread that
// makes it is in it for a moment and comes back: the process's first thread cannot be
// thrown away, and would hold the namespace for good.
func fresh() (n *Namespace, err error) {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		home, err := netns.Get()
		if err != nil {
			done <- fmt.Errorf("remember the thread's network namespace: %w", err)
			return
		}
		defer home.Close()
		h, err := netns.New()
		if err != nil {
			done <- fmt.Errorf("make a network namespace: %w", err)
			return
		}
		n = &Namespace{handle: h}
		if err = netns.Set(home); err == nil {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		if n != nil {
			err = errors.Join(err, n.Close())
		}
		return nil, err
	}
	return n, nil
}
