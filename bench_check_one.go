package faultline

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/spf13/cobra"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/engine/synth"
	"github.com/faultline-dev/faultline/checkers/object"
	"github.com/faultline-dev/faultline/harness/history"
)

// One measurement is one process: what it grew by at its peak is then the measurement's own.

// checkOne is the hidden command that makes one measurement: a job comes in on stdin and a
// measurement goes out on stdout, both as JSON.
const checkOne = "check-one"

// checkJob says what to measure.
type checkJob struct {
	Spec   synth.Spec    `json:"spec"`
	Source string        `json:"source,omitempty"` // "edn": the history comes from a file
	Engine string        `json:"engine"`           // faultline or porcupine
	Limit  time.Duration `json:"limit"`
	Memory int64         `json:"memory"` // bytes
}

// measurement is what came of it.
type measurement struct {
	Job     *checkJob         `json:"job,omitempty"`
	Verdict checkers.Validity `json:"verdict"`
	Seconds float64           `json:"seconds"`
	Read    float64           `json:"read,omitempty"`    // so many of them to read the file
	Stopped string            `json:"stopped,omitempty"` // why there is no verdict
	Events  int               `json:"events"`
	Before  int64             `json:"before"` // bytes that the process had, the history among them
	Grew    int64             `json:"grew"`   // by so many at its peak
}

const outOfMemory = "out of memory"

func (a *app) checkOneCommand() *cobra.Command {
	return &cobra.Command{
		Use:    checkOne,
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var job checkJob
			if err := json.NewDecoder(cmd.InOrStdin()).Decode(&job); err != nil {
				return badInput(err)
			}
			m, err := a.doJob(cmd.Context(), job)
			if err != nil {
				return crash(err)
			}
			return crash(json.NewEncoder(a.out).Encode(m))
		},
	}
}

// doJob makes the history and has it judged.
func (a *app) doJob(ctx context.Context, job checkJob) (measurement, error) {
	var m measurement
	h, err := job.Spec.Make()
	if err != nil {
		return m, err
	}
	checker, err := checkerOf(job.Spec.Object)
	if err != nil {
		return m, err
	}
	m.Events = h.Len()
	begin := func() {
		debug.FreeOSMemory()
		m.Before = resetPeak()
	}
	file := ""
	if job.Source == "edn" {
		dir, err := os.MkdirTemp("", "faultline-bench-")
		if err != nil {
			return m, err
		}
		defer os.RemoveAll(dir)
		file = filepath.Join(dir, "history.edn")
		if err := writeEDN(file, h); err != nil {
			return m, err
		}
	}
	read := func() error { return nil }
	if file != "" {
		h = nil
		read = func() (err error) {
			began := time.Now()
			h, _, err = loadHistory(file, importOptions{independent: "auto"})
			m.Read = time.Since(began).Seconds()
			return err
		}
	}
	if job.Engine == "porcupine" {
		if err := read(); err != nil {
			return m, err
		}
		m.Seconds = m.Read
		model := synth.ModelOf(job.Spec.Object)
		theirs, ops := model.Porcupine(model.Gather(h))
		begin()
		m.porcupine(theirs, ops, job)
		return m, nil
	}
	begin()
	began := time.Now()
	if err := read(); err != nil {
		return m, err
	}
	result := checker.Check(ctx, h, checkers.Budget{Time: job.Limit, Memory: job.Memory})
	m.Seconds = time.Since(began).Seconds()
	m.Verdict, m.Stopped = result.Valid, result.Reason
	m.Grew = peak() - m.Before
	runtime.KeepAlive(h)
	return m, nil
}

// checkerOf is the checker that a user would have of a kind of object.
func checkerOf(name string) (checkers.Checker, error) {
	t, ok := object.Find(synth.TypeOf(name))
	if !ok {
		return nil, fmt.Errorf("there is no checker of %q", name)
	}
	return objectChecker(t, history.Nil), nil
}

func writeEDN(name string, h *history.History) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	err = history.WriteEDN(f, h)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

// porcupine has porcupine judge. It cannot be told a memory, so it is watched; whoever waits
// for it stops waiting, and the process ends.
func (m *measurement) porcupine(model porcupine.Model, ops []porcupine.Operation, job checkJob) {
	// Near its limit it is to collect garbage harder before it is given up.
	debug.SetMemoryLimit(m.Before + job.Memory*9/10)
	answer := make(chan porcupine.CheckResult, 1)
	began := time.Now()
	go func() { answer <- porcupine.CheckOperationsTimeout(model, ops, job.Limit) }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	base := held()
	for {
		select {
		case r := <-answer:
			m.Seconds += time.Since(began).Seconds()
			switch r {
			case porcupine.Ok:
				m.Verdict = checkers.Valid
			case porcupine.Illegal:
				m.Verdict = checkers.Invalid
			default:
				m.Verdict, m.Stopped = checkers.Unknown, fmt.Sprintf("no answer in %s", job.Limit)
			}
			m.Grew = peak() - m.Before
			return
		case <-tick.C:
			if held()-base > job.Memory {
				m.Seconds += time.Since(began).Seconds()
				m.Verdict, m.Stopped, m.Grew = checkers.Unknown, outOfMemory, held()-base
				return
			}
		}
	}
}

// held is the memory that the runtime has from the system, in bytes.
func held() int64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	var n [2]uint64
	for i, s := range samples {
		if s.Value.Kind() == metrics.KindUint64 {
			n[i] = min(s.Value.Uint64(), math.MaxInt64)
		}
	}
	return int64(n[0]) - int64(n[1])
}
