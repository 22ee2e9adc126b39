package workloads

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/generator"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/model"
)

// memory is a system that keeps every data model in memory, perfectly but for one planted
// weakness.
type memory struct {
	logs     map[int64][]int64
	counters map[int64]int64
	locks    map[int64]*memory // who holds them
	sets     map[int64]map[int64]bool
	values   map[int64][2]int64 // by register: the value, and the one before it
	token    int64
	id       int64
	weakness string
	calls    int
}

func newMemory(weakness string) *memory {
	return &memory{logs: map[int64][]int64{}, counters: map[int64]int64{}, locks: map[int64]*memory{}, values: map[int64][2]int64{}, sets: map[int64]map[int64]bool{}, weakness: weakness}
}

// strikes says, now and then, that the weakness shows.
func (m *memory) strikes(weakness string) bool {
	return m.weakness == weakness && m.calls%40 == 0
}

func (m *memory) Close() error { return nil }

func (m *memory) Read(_ context.Context, key int64) (value int64, found bool, err error) {
	m.calls++
	v := m.values[key]
	if m.strikes("stale") {
		return v[1], v[1] != 0, nil
	}
	return v[0], v[0] != 0, nil
}

func (m *memory) Write(_ context.Context, key, value int64) error {
	m.calls++
	if m.calls%17 == 0 && m.weakness == "" {
		return errors.New("who knows")
	}
	if m.weakness != "deaf" || m.values[key][0] == 0 { // else it keeps what was written first
		m.values[key] = [2]int64{value, m.values[key][0]}
	}
	return nil
}

func (m *memory) CompareAndSet(_ context.Context, key, expect, value int64) error {
	if v := m.values[key]; v[0] != expect {
		return &cluster.Mismatch{Observed: true, Found: v[0] != 0, Value: v[0]}
	}
	return m.Write(context.Background(), key, value)
}

func (m *memory) Add(_ context.Context, key, element int64) error {
	m.calls++
	if m.sets[key] == nil {
		m.sets[key] = map[int64]bool{}
	}
	if !m.strikes("forget") {
		m.sets[key][element] = true
	}
	if m.calls%17 == 0 && m.weakness == "" {
		return errors.New("who knows")
	}
	return nil
}

func (m *memory) Remove(_ context.Context, key, element int64) error {
	m.calls++
	if m.calls%17 == 0 && m.weakness == "" {
		return errors.New("who knows")
	}
	if !m.strikes("keep") {
		delete(m.sets[key], element)
	}
	return nil
}

func (m *memory) ReadAll(_ context.Context, key int64) (elements []int64, err error) {
	m.calls++
	for e := range m.sets[key] {
		elements = append(elements, e)
	}
	slices.Sort(elements)
	if m.strikes("stale") && len(elements) > 0 {
		elements = elements[1:]
	}
	return elements, nil
}

// siblings keeps all values that were written, or drops some.
type siblings struct{ *memory }

func (s siblings) Write(_ context.Context, key, value int64) error {
	s.calls++
	if !s.strikes("forget") {
		s.logs[key] = append(s.logs[key], value)
	}
	return nil
}

func (s siblings) Read(context.Context, int64) (int64, bool, error) { return 0, false, nil }

func (s siblings) CompareAndSet(context.Context, int64, int64, int64) error {
	return cluster.ErrUnsupported
}

func (s siblings) ReadSiblings(_ context.Context, key int64) ([]int64, error) {
	return s.logs[key], nil
}

func (m *memory) Send(_ context.Context, key, value int64) (int64, error) {
	m.calls++
	if m.strikes("forget") {
		return int64(len(m.logs[key])), nil
	}
	m.logs[key] = append(m.logs[key], value)
	if m.strikes("double") {
		m.logs[key] = append(m.logs[key], value)
	}
	if m.calls%17 == 0 && m.weakness == "" {
		return 0, errors.New("who knows")
	}
	return int64(len(m.logs[key]) - 1), nil
}

func (m *memory) Poll(_ context.Context, key, from int64, most int) ([]cluster.Entry, error) {
	var entries []cluster.Entry
	for at := from; at < int64(len(m.logs[key])) && len(entries) < most; at++ {
		entries = append(entries, cluster.Entry{Offset: at, Value: m.logs[key][at]})
	}
	return entries, nil
}

func (m *memory) Append(_ context.Context, key, element int64) error {
	m.calls++
	if !m.strikes("forget") {
		m.logs[key] = append(m.logs[key], element)
	}
	if m.calls%17 == 0 && m.weakness == "" {
		return errors.New("who knows")
	}
	return nil
}

func (m *memory) ReadList(_ context.Context, key int64) ([]int64, error) {
	m.calls++
	list := m.logs[key]
	if m.strikes("stale") && len(list) > 0 {
		return list[:len(list)-1], nil
	}
	return list, nil
}

func (m *memory) Increment(_ context.Context, key, delta int64) error {
	m.calls++
	if !m.strikes("forget") {
		m.counters[key] += delta
	}
	if m.strikes("double") {
		m.counters[key] += delta
	}
	if m.calls%17 == 0 && m.weakness == "" {
		return errors.New("who knows")
	}
	return nil
}

func (m *memory) ReadCounter(_ context.Context, key int64) (int64, error) {
	m.calls++
	if m.strikes("stale") {
		return m.counters[key] - 1, nil
	}
	return m.counters[key], nil
}

func (m *memory) NextID(context.Context) (int64, error) {
	m.calls++
	if m.id++; m.strikes("reset") {
		m.id -= 10
	}
	if m.calls%17 == 0 && m.weakness == "" {
		return 0, errors.New("who knows")
	}
	return m.id, nil
}

// Acquire grants a lock to whoever asks; the driver's connection is everybody's, so who
// holds it is known by the lock alone.
func (m *memory) Acquire(_ context.Context, key int64) (int64, error) {
	m.calls++
	if m.locks[key] != nil && !m.strikes("overlap") {
		return 0, cluster.Definite(errors.New("somebody else holds it"))
	}
	m.locks[key] = m
	if m.token++; m.strikes("regress") {
		m.token -= 2
	}
	return m.token, nil
}

func (m *memory) Release(_ context.Context, key int64) error {
	delete(m.locks, key)
	return nil
}

// drive runs a workload on a connection: so many operations and then the final ones, one
// after the other on four threads, and has its checkers judge them.
func drive(t *testing.T, w Workload, m model.Model, conn cluster.Conn, settings map[string]string) []checkers.Result {
	t.Helper()
	const threads, ops, most = 4, 1500, 5000
	options, err := cluster.Resolve(w.Options, settings)
	if err != nil {
		t.Fatal(err)
	}
	config := Config{Options: options, Seed: 1, Concurrency: threads, Model: m, Sample: conn}
	load := w.Build(config)
	if err := load.Calls.Supports(conn); err != nil {
		t.Fatal(err)
	}
	config.Omit = load.Calls.Probe(t.Context(), conn)
	load = w.Build(config)
	h := &history.History{}
	ctx := generator.NewContext(threads, false)
	run := func(g generator.Generator, limit int) {
		for n := 0; n < limit; {
			op, status, next := g.Op(ctx)
			if status == generator.Done {
				return
			}
			if g = next; op.Kind == generator.KindSleep {
				ctx.Time += op.Sleep
				continue
			}
			if status == generator.Pending || op.Time > ctx.Time {
				ctx.Time = max(ctx.Time+1e6, op.Time)
				if status == generator.Pending {
					continue
				}
			}
			n++
			e := history.Op{Time: ctx.Time, Process: ctx.Process(op.Thread), Type: history.Invoke, F: op.F, Key: op.Key, Keyed: op.Keyed, Value: op.Value}
			h.Append(e)
			ctx.Acquire(op.Thread)
			g = g.Update(ctx, &generator.Event{Thread: op.Thread, Op: &e})
			ctx.Time += 1e5
			value, err := load.Calls.Call(context.Background(), conn, &e)
			done := e
			done.Time, done.Type, done.Value = ctx.Time, history.OK, value
			switch {
			case err == nil:
			case cluster.IsDefinite(err) || !load.Calls.Mutates(op.F):
				done.Type, done.Error = history.Fail, err.Error()
			default:
				done.Type, done.Error = history.Info, err.Error()
			}
			h.Append(done)
			ctx.Release(op.Thread)
			g = g.Update(ctx, &generator.Event{Thread: op.Thread, Op: &done})
			if done.Type == history.Info {
				ctx.Replace(op.Thread, ctx.Process(op.Thread)+threads)
			}
			ctx.Time += 1e5
		}
		if limit == most {
			t.Fatal("the final phase does not end")
		}
	}
	run(generator.Clients(load.Main), ops)
	if load.FinalOf != nil {
		load.Final = load.FinalOf(h)
	}
	if load.Final != nil {
		h.Note(history.Event{Time: ctx.Time, Kind: history.EventPhase, Name: "final"})
		run(generator.Clients(load.Final), most)
	}
	for _, f := range load.Kinds {
		found := false
		for i := range h.Len() {
			found = found || h.At(i).F == f && h.At(i).Type == history.OK
		}
		if !found {
			t.Errorf("%s: no %s succeeded", w.Name, f)
		}
	}
	return checkers.All(context.Background(), h, checkers.Budget{}, load.Checkers...)
}

// TestMemory drives each workload against a perfect system, and against ones with a
// weakness that it has to find.
func TestMemory(t *testing.T) {
	for _, c := range []struct {
		load     Workload
		model    model.Model
		weakness string
		anomaly  string // "": valid
	}{
		{register, model.Linearizable, "", ""},
		{register, model.NoLostWrite, "", ""},
		{register, model.Eventual, "", ""},
		{register, model.Eventual, "deaf", ""},
		{register, model.NoLostWrite, "deaf", "lost-write"},
		{register, model.Eventual, "stale", "divergence"},
		{set, model.Linearizable, "", ""},
		{set, model.Eventual, "forget", "lost-element"},
		{bag, model.Linearizable, "", ""},
		{bag, model.Linearizable, "forget", "nonlinearizable"},
		{bag, model.Linearizable, "keep", "nonlinearizable"},
		{bag, model.Eventual, "", ""},
		{bag, model.Eventual, "forget", "lost-element"},
		{bag, model.Eventual, "keep", "resurrected"},
		{lists, model.Linearizable, "", ""},
		{lists, model.Linearizable, "forget", "nonlinearizable"},
		{lists, model.Linearizable, "stale", "nonlinearizable"},
		{counter, model.Linearizable, "", ""},
		{counter, model.Linearizable, "stale", "nonlinearizable"},
		{counter, model.Eventual, "stale", ""},
		{counter, model.Eventual, "forget", "lost-increment"},
		{counter, model.Eventual, "double", "phantom-increment"},
		{ids, model.Unique, "", ""},
		{ids, model.Unique, "reset", "duplicate-id"},
		{locks, model.Linearizable, "", ""},
		{locks, model.Linearizable, "overlap", "double-grant"},
		{locks, model.Fenced, "overlap", ""},
		{locks, model.Fenced, "regress", "token-regression"},
		{logs, model.Linearizable, "", ""},
		{logs, model.ExactlyOnce, "forget", "lost-write"},
		{logs, model.ExactlyOnce, "double", "duplicate"},
		{logs, model.AtLeastOnce, "double", ""},
	} {
		t.Run(c.load.Name+" "+c.weakness, func(t *testing.T) {
			results := drive(t, c.load, c.model, newMemory(c.weakness), nil)
			want := checkers.Valid
			if c.anomaly != "" {
				want = checkers.Invalid
			}
			found := c.anomaly == ""
			for _, r := range results {
				for _, a := range r.Anomalies {
					found = found || a.Name == c.anomaly
				}
			}
			if v := checkers.Verdict(results); v != want || !found {
				t.Errorf("%v, want %v with %q: %+v", v, want, c.anomaly, results)
			}
		})
	}
}

// TestSiblings: of a store that keeps siblings the register workload reads them at the end.
func TestSiblings(t *testing.T) {
	for _, c := range []struct {
		weakness string
		want     checkers.Validity
	}{{"", checkers.Valid}, {"forget", checkers.Invalid}} {
		results := drive(t, register, model.NoLostWrite, siblings{newMemory(c.weakness)}, map[string]string{"ops-per-key": "12"})
		if v := checkers.Verdict(results); v != c.want {
			t.Errorf("%q: %v, want %v: %+v", c.weakness, v, c.want, results)
		}
	}
}
