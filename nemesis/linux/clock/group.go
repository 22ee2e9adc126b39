//go:build linux && (amd64 || arm64)

package clock

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/faultline-dev/faultline/nemesis/linux"
)

// Group is the clock of a container: that of all its processes, also of those that begin
// later. While a skew is in force it looks for new ones, and puts the skew into them. It
// may be used by several callers at once.
type Group struct {
	mu      sync.Mutex
	members *linux.Members // nil: the container does not run
	known   map[int]*Process
	waiting map[int]time.Time // processes that could not be stopped, and when to try again
	failed  map[int]error     // processes that cannot be patched
	told    bool              // what is wanted; until then clocks are left as they are
	want    Setting
	period  time.Duration // of a strobe; 0: none
	flipped bool          // the strobe shows true time
	stop    chan struct{} // nil: nobody looks for new processes
	done    chan struct{}
}

// How often new processes are looked for, how long one of them may take to stand still and
// how soon it is tried again: others wait meanwhile.
const (
	lookEvery  = 20 * time.Millisecond
	briefLimit = 200 * time.Millisecond
	tryAgain   = time.Second
)

// NewGroup is the clock of a container that does not run yet: Began says when it does.
func NewGroup() *Group {
	return &Group{known: map[int]*Process{}, waiting: map[int]time.Time{}, failed: map[int]error{}}
}

// Began tells of the container's first process, and the container's identity. A skew that
// is in force is put into it before Began returns.
func (g *Group) Began(pid int, id string) error {
	g.Ended()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.members = linux.MembersOf(pid, id)
	if !g.skewed() {
		return nil
	}
	err := g.look(stopLimit)
	g.watch(forEver)
	return err
}

// Ended tells that the container runs no more. What was set comes back when it Began.
func (g *Group) Ended() {
	g.unwatch()
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, p := range g.known {
		p.Close()
	}
	clear(g.known)
	clear(g.waiting)
	clear(g.failed)
	g.members = nil
}

// Skew makes the clock wrong by offset from now on and, beyond that, run at a rate; an
// offset of 0 and a rate of 1 set it right. It returns ErrStuck if no process could be
// reached because all are frozen (what was installed before can be set even so), and
// ErrGone if there is none any more.
func (g *Group) Skew(offset time.Duration, rate float64) error {
	return g.set(Setting{Offset: offset, Drift: rate - 1, Since: time.Now()}, 0)
}

// Strobe flips the clock between offset and true time every period, until Skew.
func (g *Group) Strobe(offset, period time.Duration) error {
	if period <= 0 {
		return fmt.Errorf("a strobe's period must be above zero, not %v", period)
	}
	return g.set(Setting{Offset: offset, Since: time.Now()}, period)
}

// farthestOffset keeps clocks where both the code and programs can count: some 50 years.
const farthestOffset = 50 * 365 * 24 * time.Hour

func (g *Group) set(s Setting, period time.Duration) error {
	if s.Offset.Abs() > farthestOffset || s.Drift <= -1 || s.Drift > 1000 {
		return fmt.Errorf("a clock cannot be off by %v and run at %g times its rate: at most %v, and 0 to 1001", s.Offset, 1+s.Drift, farthestOffset)
	}
	g.unwatch()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.told, g.want, g.period, g.flipped = true, s, period, false
	clear(g.waiting)
	clear(g.failed)
	if g.members == nil {
		return nil
	}
	for pid, p := range g.known {
		if err := g.apply(p); err != nil {
			g.forget(pid) // looked at once more below, if it lives
		}
	}
	if err := g.look(stopLimit); err != nil {
		return err
	}
	if !g.skewed() {
		// A process that was half-way through being forked has its parent's old offset.
		g.watch(looksAfter)
		return nil
	}
	g.watch(forEver)
	switch {
	case len(g.known) > 0:
		return nil
	case len(g.waiting) > 0:
		return fmt.Errorf("process %d: %w", slices.Min(slices.Collect(maps.Keys(g.waiting))), ErrStuck)
	}
	return fmt.Errorf("process %d: %w", g.members.First, ErrGone)
}

func (g *Group) skewed() bool { return g.want.Offset != 0 || g.want.Drift != 0 }

func (g *Group) apply(p *Process) error {
	if g.period == 0 {
		return p.Set(g.want)
	}
	if err := p.Arm(g.want, Setting{}); err != nil {
		return err
	}
	if g.flipped {
		return p.Flip(true)
	}
	return nil
}

func (g *Group) forget(pid int) {
	g.known[pid].Close()
	delete(g.known, pid)
}

// Looking again and again ends with the processes that are forked meanwhile.
const mostLooks = 16

// look brings what is known up to what there is: it patches new processes while a skew is
// in force, and takes over those that are patched already in any case. It looks until it
// finds nothing new, for a process may fork while its own clock is being set.
func (g *Group) look(limit time.Duration) error {
	for range mostLooks {
		pids, err := g.members.List()
		if err != nil {
			return err
		}
		g.dismiss(pids)
		fresh := 0
		for _, pid := range pids {
			if g.meet(pid, limit) {
				fresh++
			}
		}
		if fresh == 0 {
			break
		}
	}
	var errs []error
	for _, pid := range slices.Sorted(maps.Keys(g.failed)) {
		errs = append(errs, g.failed[pid])
	}
	return errors.Join(errs...)
}

// dismiss forgets the processes that have ended, or become other programs.
func (g *Group) dismiss(pids []int) {
	gone := func(pid int) bool { _, here := slices.BinarySearch(pids, pid); return !here }
	for pid, p := range g.known {
		if _, err := p.header(); err != nil || gone(pid) {
			g.forget(pid)
		}
	}
	maps.DeleteFunc(g.failed, func(pid int, _ error) bool { return gone(pid) })
	maps.DeleteFunc(g.waiting, func(pid int, _ time.Time) bool { return gone(pid) })
}

// meet takes a process over that is not known yet; it reports whether it did.
func (g *Group) meet(pid int, limit time.Duration) bool {
	if g.known[pid] != nil || g.failed[pid] != nil || time.Now().Before(g.waiting[pid]) {
		return false
	}
	var p *Process
	var err error
	if g.skewed() {
		p, err = install(pid, tuning{limit: limit})
	} else {
		p, err = Adopt(pid)
	}
	if err == nil && p != nil && g.told {
		if err = g.apply(p); err != nil {
			p.Close()
		}
	}
	delete(g.waiting, pid)
	switch {
	case errors.Is(err, ErrGone):
	case errors.Is(err, ErrStuck):
		g.waiting[pid] = time.Now().Add(tryAgain)
	case err != nil && (p != nil || g.skewed()):
		g.failed[pid] = err
	case err == nil && p != nil:
		g.known[pid] = p
		return true
	}
	return false
}

// forEver and looksAfter are how often watch looks: while a skew is in force, and after it.
const (
	forEver    = math.MaxInt
	looksAfter = 3
)

// watch looks for new processes, and flips a strobe, until unwatch.
func (g *Group) watch(looks int) {
	g.stop, g.done = make(chan struct{}), make(chan struct{})
	go func(stop, done chan struct{}, period time.Duration) {
		defer close(done)
		look := time.NewTicker(lookEvery)
		defer look.Stop()
		var flip <-chan time.Time
		if period > 0 {
			t := time.NewTicker(period)
			defer t.Stop()
			flip = t.C
		}
		for looks > 0 {
			select {
			case <-stop:
				return
			case <-flip:
				g.mu.Lock()
				g.flipped = !g.flipped
				for _, p := range g.known {
					_ = p.Flip(g.flipped) // one that has gone is dismissed at the next look
				}
				g.mu.Unlock()
			case <-look.C:
				looks--
				g.mu.Lock()
				_ = g.look(briefLimit) // what cannot be patched is told by Read
				g.mu.Unlock()
			}
		}
	}(g.stop, g.done, g.period)
}

func (g *Group) unwatch() {
	g.mu.Lock()
	stop, done := g.stop, g.done
	g.stop, g.done = nil, nil
	g.mu.Unlock()
	if stop != nil {
		close(stop)
		<-done
	}
}

// Reached says whether any process has been patched, so that a frozen container's clock
// can be set.
func (g *Group) Reached() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.known) > 0
}

// Read is the time as the processes read it. While a strobe that is faster than one can
// look goes on, it is what they read when it is not true.
func (g *Group) Read() (Reading, error) {
	const fast = 20 * time.Millisecond
	g.mu.Lock()
	period := g.period
	g.mu.Unlock()
	for limit := time.Now().Add(2*period + fast); ; time.Sleep(max(period/4, 100*time.Microsecond)) {
		r, err := g.readOnce()
		if err != nil || period == 0 || period > fast || r.Offset != 0 || r.PID == 0 || time.Now().After(limit) {
			return r, err
		}
	}
}

func (g *Group) readOnce() (Reading, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.members == nil {
		return Reading{}, nil
	}
	if err := g.look(briefLimit); err != nil {
		return Reading{}, err
	}
	var r Reading
	for _, pid := range g.order() {
		offset, err := g.known[pid].Offset()
		switch {
		case errors.Is(err, ErrGone):
		case err != nil:
			return r, err
		case r.PID == 0:
			r.PID, r.Offset = pid, offset
		default:
			r.More++
			if (offset - r.Offset).Abs() > time.Second {
				r.Differ++
			}
		}
	}
	if r.PID == 0 && g.members.Alive() {
		r.PID = g.members.First // nothing is installed: it reads true time
	}
	return r, nil
}

// order is that of evidence: the first process, then the others by number.
func (g *Group) order() []int {
	pids := slices.Sorted(maps.Keys(g.known))
	if i := slices.Index(pids, g.members.First); i > 0 {
		pids = append([]int{g.members.First}, slices.Delete(pids, i, i+1)...)
	}
	return pids
}
