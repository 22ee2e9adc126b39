package net

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/google/nftables"
)

// echo answers packets in the right-hand namespace, and returns a socket on the left that
// is connected to it.
func echo(t *testing.T, p pair, at netip.Addr) *net.UDPConn {
	t.Helper()
	var server, client *net.UDPConn
	addr := net.UDPAddrFromAddrPort(netip.AddrPortFrom(at, 7000))
	eventually(t, func() (err error) { // an IPv6 address is not there at once
		return p.right.Do(func() error { server, err = net.ListenUDP("udp", addr); return err })
	})
	eventually(t, func() (err error) {
		return p.left.Do(func() error { client, err = net.DialUDP("udp", nil, addr); return err })
	})
	t.Cleanup(func() { server.Close(); client.Close() })
	go func() {
		b := make([]byte, 2048)
		for {
			n, from, err := server.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			_, _ = server.WriteToUDPAddrPort(b[:n], from)
		}
	}()
	return client
}

func eventually(t *testing.T, try func() error) {
	t.Helper()
	for limit := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(limit) {
			t.Fatal(err)
		}
	}
}

// volley sends so many numbered packets and returns the numbers that came back, in order,
// until none has come for a while.
func volley(t *testing.T, c *net.UDPConn, n, size int, pause time.Duration) (back []int) {
	t.Helper()
	go func() {
		b := make([]byte, size)
		for i := range n {
			binary.BigEndian.PutUint32(b, uint32(i))
			_, _ = c.Write(b)
			time.Sleep(pause)
		}
	}()
	b := make([]byte, 2048)
	for {
		_ = c.SetReadDeadline(time.Now().Add(700 * time.Millisecond))
		got, err := c.Read(b)
		if err != nil {
			return back
		}
		if got >= 4 {
			back = append(back, int(binary.BigEndian.Uint32(b)))
		}
	}
}

// trip is the median time of a packet there and back.
func trip(t *testing.T, c *net.UDPConn) time.Duration {
	t.Helper()
	var took []time.Duration
	b := make([]byte, 64)
	for range 15 {
		began := time.Now()
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(began.Add(3 * time.Second))
		if _, err := c.Read(b); err != nil {
			t.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took[len(took)/2]
}

// shaped shapes what the right-hand namespace hears of the left-hand one.
func shaped(t *testing.T, p pair, s Shape) *Shaper {
	t.Helper()
	if err := TryShape(s); err != nil {
		t.Skipf("this kernel cannot shape so: %v", err)
	}
	sh, err := p.right.Shape([]netip.Addr{left4, left6}, s)
	if err != nil {
		t.Fatal(err)
	}
	return sh
}

func TestDelay(t *testing.T) {
	for _, at := range []netip.Addr{right4, right6} {
		p := newPair(t)
		c := echo(t, p, at)
		before := trip(t, c)
		const delay = 40 * time.Millisecond
		sh := shaped(t, p, Shape{Delay: delay})
		during := trip(t, c)
		if during < delay || during > before+10*delay {
			t.Errorf("%s: a trip takes %s, and %s without the delay of %s", at, during, before, delay)
		}
		if sh.Touched() < 15 {
			t.Errorf("%s: %d packets touched", at, sh.Touched())
		}
		if err := sh.Close(); err != nil {
			t.Fatal(err)
		}
		if after := trip(t, c); after >= delay {
			t.Errorf("%s: after the delay has gone a trip takes %s", at, after)
		}
	}
}

// TestOthersUntouched: packets of others pass a shape at once.
func TestOthersUntouched(t *testing.T) {
	p := newPair(t)
	c := echo(t, p, right4)
	if err := TryShape(Shape{}); err != nil {
		t.Skip(err)
	}
	sh, err := p.right.Shape([]netip.Addr{netip.MustParseAddr("10.99.7.99")}, Shape{Loss: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer sh.Close()
	trip(t, c)
	if sh.Touched() != 0 {
		t.Errorf("%d packets touched", sh.Touched())
	}
}

func TestLoss(t *testing.T) {
	p := newPair(t)
	c := echo(t, p, right4)
	defer shaped(t, p, Shape{Loss: 0.3}).Close()
	const sent = 2000
	if lost := sent - len(volley(t, c, sent, 64, 50*time.Microsecond)); lost < sent*24/100 || lost > sent*36/100 {
		t.Errorf("%d of %d packets lost at 30%%", lost, sent)
	}
}

// TestCorrupt: what was changed fails its checksum, and never reaches the program.
func TestCorrupt(t *testing.T) {
	p := newPair(t)
	c := echo(t, p, right4)
	sh := shaped(t, p, Shape{Corrupt: 0.5})
	defer sh.Close()
	const sent = 1000
	back := volley(t, c, sent, 256, 50*time.Microsecond)
	if lost := sent - len(back); lost < sent*40/100 || lost > sent*60/100 {
		t.Errorf("%d of %d packets failed their checksums at 50%%", lost, sent)
	}
	if !slices.IsSorted(back) {
		t.Error("a number came back that was not sent")
	}
}

func TestReorder(t *testing.T) {
	for _, s := range []Shape{{Delay: 20 * time.Millisecond, Reorder: 0.2}, {Reorder: 0.2}} {
		p := newPair(t)
		c := echo(t, p, right4)
		sh := shaped(t, p, s)
		const sent = 300
		back := volley(t, c, sent, 64, time.Millisecond)
		overtaken := 0
		for i := 1; i < len(back); i++ {
			if back[i] < back[i-1] {
				overtaken++
			}
		}
		if len(back) != sent || overtaken < sent/20 {
			t.Errorf("%+v: %d of %d packets came, %d overtaken", s, len(back), sent, overtaken)
		}
		if err := sh.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestRate: a megabit a second takes its time, and drops what would have to wait too long.
func TestRate(t *testing.T) {
	p := newPair(t)
	c := echo(t, p, right4)
	defer shaped(t, p, Shape{Rate: 1_000_000}).Close()
	began := time.Now()
	back := volley(t, c, 40, 1000, 0)
	took := time.Since(began) - 700*time.Millisecond // the wait for nothing more to come
	if len(back) != 40 || took < 250*time.Millisecond {
		t.Errorf("%d of 40 kB came in %s", len(back), took)
	}
	if back := volley(t, c, 400, 1000, 0); len(back) < 30 || len(back) > 200 {
		t.Errorf("of 400 kB at once %d came", len(back))
	}
}

// TestStreamSurvives: TCP gets through loss, reordering and corruption, whole and in order.
func TestStreamSurvives(t *testing.T) {
	p := newPair(t)
	var l net.Listener
	err := p.right.Do(func() (err error) { l, err = net.Listen("tcp", right4.String()+":7001"); return err })
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	sh := shaped(t, p, Shape{Loss: 0.02, Corrupt: 0.02, Reorder: 0.1, Delay: time.Millisecond})
	defer sh.Close()
	done := make(chan error, 1)
	const size = 200_000
	go func() {
		c, err := l.Accept()
		if err != nil {
			done <- err
			return
		}
		defer c.Close()
		r := bufio.NewReader(c)
		for i := range size {
			b, err := r.ReadByte()
			if err != nil || b != byte(i*7) {
				done <- fmt.Errorf("byte %d is %d: %w", i, b, err)
				return
			}
		}
		done <- nil
	}()
	err = p.left.Do(func() error {
		c, err := net.Dial("tcp", right4.String()+":7001")
		if err != nil {
			return err
		}
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(i * 7)
		}
		_, err = c.Write(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("the stream never came through")
	}
	if sh.Touched() == 0 {
		t.Error("no packet was touched")
	}
}

const shapeFor = "FAULTLINE_TEST_SHAPE_PID"

// TestMain lets a test start this program again as the one that shapes, to be killed.
func TestMain(m *testing.M) {
	if pid := os.Getenv(shapeFor); pid != "" {
		var n int
		_, _ = fmt.Sscan(pid, &n)
		ns, err := OfProcess(n)
		if err == nil {
			_, err = ns.Shape([]netip.Addr{left4}, Shape{Loss: 1})
		}
		fmt.Println("shaping", err)
		select {}
	}
	os.Exit(m.Run())
}

// TestKilledShaper: when the process that shapes is killed packets pass, and what it leaves
// can be removed.
func TestKilledShaper(t *testing.T) {
	p := newPair(t)
	c := echo(t, p, right4)
	if err := TryShape(Shape{}); err != nil {
		t.Skip(err)
	}
	var resident *exec.Cmd // a process that lives in the namespace, by which it is found
	err := p.right.Do(func() error {
		resident = exec.Command("sleep", "60")
		return resident.Start()
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resident.Process.Kill(); _ = resident.Wait() }()
	shaper := exec.Command(os.Args[0])
	shaper.Env = append(os.Environ(), fmt.Sprintf("%s=%d", shapeFor, resident.Process.Pid))
	out, err := shaper.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := shaper.Start(); err != nil {
		t.Fatal(err)
	}
	said, _ := bufio.NewReader(out).ReadString('\n')
	lost := volley(t, c, 20, 64, time.Millisecond)
	_ = shaper.Process.Kill()
	_ = shaper.Wait()
	if said != "shaping <nil>\n" || len(lost) != 0 {
		t.Fatalf("the shaper says %q, and %d packets passed it", said, len(lost))
	}
	if back := volley(t, c, 20, 64, time.Millisecond); len(back) != 20 {
		t.Errorf("with the shaper killed %d of 20 packets pass", len(back))
	}
	if err := p.right.Unshape(); err != nil {
		t.Fatal(err)
	}
	err = p.right.conn(func(c *nftables.Conn) error {
		tables, err := c.ListTables()
		if err == nil && len(tables) > 0 {
			err = fmt.Errorf("%d tables are left", len(tables))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestDuplicate: some packets come twice and none three times, of both IP versions; with a
// delay the copies are late as well.
func TestDuplicate(t *testing.T) {
	for _, at := range []netip.Addr{right4, right6} {
		p := newPair(t)
		c := echo(t, p, at)
		sh := shaped(t, p, Shape{Duplicate: 0.3, Delay: 5 * time.Millisecond})
		const sent = 1000
		times := map[int]int{}
		for _, n := range volley(t, c, sent, 64, 100*time.Microsecond) {
			times[n]++
		}
		twice := 0
		for n, k := range times {
			if k == 2 {
				twice++
			}
			if k > 2 {
				t.Errorf("%s: packet %d came %d times", at, n, k)
			}
		}
		if len(times) != sent || twice < sent*24/100 || twice > sent*36/100 {
			t.Errorf("%s: of %d packets %d came, %d of them twice at 30%%", at, sent, len(times), twice)
		}
		if sh.Touched() < int64(sent+twice) { // all were late, the copies too
			t.Errorf("%s: %d packets touched", at, sh.Touched())
		}
		must(t, sh.Close())
		if back := volley(t, c, 100, 64, 100*time.Microsecond); len(back) != 100 {
			t.Errorf("%s: of 100 packets %d came when the shape had gone", at, len(back))
		}
	}
}
