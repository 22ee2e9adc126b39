package harness

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/runtime"
	"github.com/faultline-dev/faultline/harness/store"
)

// tape takes down a run: into memory for the checkers and, unless the run is not kept,
// into its history file as it happens. Operations come from the scheduler alone, telemetry
// from anywhere.
type tape struct {
	mu     sync.Mutex
	w      *history.Writer
	file   *os.File
	rt     runtime.Runtime
	closed bool

	// What Progress shows, readable from any goroutine.
	at, ok, fail, info, faults atomic.Int64
	began                      atomic.Int64 // the main phase
	phaseName                  atomic.Value
}

func newTape(run *store.Run, meta map[string]string) (*tape, error) {
	t := &tape{}
	t.phaseName.Store("setup")
	if run == nil {
		t.w = history.NewMemory()
		return t, nil
	}
	f, err := os.Create(run.Path(store.HistoryFile))
	if err != nil {
		return nil, err
	}
	t.file = f
	if t.w, err = history.NewWriter(f, meta); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return t, nil
}

// clock gives telemetry its time.
func (t *tape) clock(rt runtime.Runtime) { t.rt = rt }

// Append implements recorder.
func (t *tape) Append(op *history.Op) error {
	t.at.Store(op.Time)
	if op.Process != history.Nemesis {
		switch op.Type {
		case history.OK:
			t.ok.Add(1)
		case history.Fail:
			t.fail.Add(1)
		case history.Info:
			t.info.Add(1)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.w.Append(op)
}

// Note implements recorder; it stamps the time.
func (t *tape) Note(e history.Event) error {
	switch e.Kind {
	case history.EventFaultStart:
		t.faults.Add(1)
	case history.EventFaultEnd:
		t.faults.Add(-1)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil // teardown's own events are not the run's
	}
	if e.Time == 0 && t.rt != nil {
		e.Time = int64(t.rt.Now())
	}
	return t.w.Note(e)
}

// Flush implements recorder.
func (t *tape) Flush() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.w.Flush()
}

// phase says for Progress where the run is.
func (t *tape) phase(name string) {
	if name == "main" {
		t.began.Store(int64(t.rt.Now()))
	}
	t.phaseName.Store(name)
}

// progress is a glance at the tape.
func (t *tape) progress(of time.Duration) Progress {
	return Progress{
		Phase: t.phaseName.Load().(string), At: max(0, time.Duration(t.at.Load()-t.began.Load())), Of: of,
		OK: int(t.ok.Load()), Fail: int(t.fail.Load()), Info: int(t.info.Load()), Faults: int(t.faults.Load()),
	}
}

// close ends the file; the history stays in memory.
func (t *tape) close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil
	}
	t.closed = true
	err := t.w.Close()
	if t.file != nil {
		err = errors.Join(err, t.file.Close())
	}
	return err
}

// history is what was taken down.
func (t *tape) history() *history.History { return t.w.History() }
