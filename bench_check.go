package faultline

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/engine/synth"
)

// checkRow is one kind of history that checking is measured on.
type checkRow struct {
	Name string     // for --rows
	What string     // for the table
	Spec synth.Spec // without a seed
	// Source is where the history comes from when checking begins: memory, or a file.
	Source string
	Seeds  int    // this many seeds, of which the median counts; 0: one
	Goal   string // seconds and memory that it is meant to stay under
}

// checkRows are the histories of the first table.
var checkRows = []checkRow{
	{Name: "register-1m", What: "register, unique values", Spec: synth.Spec{Object: "register", Operations: 1e6, Clients: 50, Crashed: 100}, Goal: "0.15 s, 150 MB"},
	{Name: "register-10m", What: "register, unique values", Spec: synth.Spec{Object: "register", Operations: 1e7, Clients: 50, Crashed: 100}, Goal: "2 s, 1.5 GB"},
	{Name: "cas-5", What: "cas-register, 5 values", Spec: synth.Spec{Object: "cas-register", Operations: 1e5, Clients: 5, Values: 5}, Goal: "0.4 s, 50 MB"},
	{Name: "cas-5-crashed-20", What: "cas-register, 5 values", Spec: synth.Spec{Object: "cas-register", Operations: 1e5, Clients: 5, Values: 5, Crashed: 20}, Goal: "3 s, 500 MB"},
	{Name: "cas-5-crashed-100", What: "cas-register, 5 values", Spec: synth.Spec{Object: "cas-register", Operations: 1e5, Clients: 5, Values: 5, Crashed: 100}, Goal: "60 s, 500 MB"},
	{Name: "cas-20", What: "cas-register, 5 values", Spec: synth.Spec{Object: "cas-register", Operations: 1e4, Clients: 20, Values: 5}, Seeds: 10, Goal: "20 s, 1 GB"},
	{Name: "set", What: "set, unique elements", Spec: synth.Spec{Object: "set", Operations: 1e6, Clients: 50, Crashed: 100}, Goal: "1.5 s, 500 MB"},
	{Name: "queue", What: "queue, unique elements", Spec: synth.Spec{Object: "queue", Operations: 1e6, Clients: 50, Crashed: 100}, Goal: "1.5 s, 500 MB"},
	{Name: "stack", What: "stack, unique elements", Spec: synth.Spec{Object: "stack", Operations: 1e6, Clients: 50, Crashed: 100}, Goal: "1.5 s, 500 MB"},
	{Name: "priority-queue", What: "priority queue, unique elements", Spec: synth.Spec{Object: "priority-queue", Operations: 1e6, Clients: 50, Crashed: 100}},
	{Name: "counter", What: "counter", Spec: synth.Spec{Object: "counter", Operations: 1e6, Clients: 50, Crashed: 100}},
	{Name: "mutex", What: "mutex", Spec: synth.Spec{Object: "mutex", Operations: 1e6, Clients: 50, Crashed: 100}},
	{Name: "edn", What: "register, unique values, EDN file", Spec: synth.Spec{Object: "register", Operations: 1e6, Clients: 50, Crashed: 100, Keys: 1000}, Source: "edn", Goal: "4 s, 600 MB"},
	{Name: "edn-cas", What: "cas-register, 5 values, EDN file", Spec: synth.Spec{Object: "cas-register", Operations: 1e6, Clients: 50, Keys: 1000, Values: 5}, Source: "edn", Goal: "4 s, 600 MB"},
}

// sizeRows are the histories of the second table, each in growing sizes.
var sizeRows = []checkRow{
	{Name: "register", What: "register, unique values", Spec: synth.Spec{Object: "register", Clients: 50, Crashed: 100}},
	{Name: "cas-5", What: "cas-register, 5 values", Spec: synth.Spec{Object: "cas-register", Clients: 5, Values: 5}},
	{Name: "set", What: "set, unique elements", Spec: synth.Spec{Object: "set", Clients: 50, Crashed: 100}},
	{Name: "queue", What: "queue, unique elements", Spec: synth.Spec{Object: "queue", Clients: 50, Crashed: 100}},
	{Name: "stack", What: "stack, unique elements", Spec: synth.Spec{Object: "stack", Clients: 50, Crashed: 100}},
}

// benchCheck is what bench check was asked for.
type benchCheck struct {
	*app
	rows      []string
	limit     time.Duration
	memory    int64 // megabytes
	seed      uint64
	ops       int
	sizes     bool
	alone     bool
	porcupine string // where its test_data is
	asJSON    bool
	wrong     int // verdicts that cannot be
}

// benchCheck measures what a verdict costs, side by side with porcupine.
func (a *app) benchCheck() *cobra.Command {
	b := &benchCheck{app: a}
	differential := 0
	cmd := &cobra.Command{
		Use:   "check",
		Short: "What a verdict costs, side by side with porcupine",
		Long: `Check makes histories from a seed, each with a violation and without, and has them judged by
the checker that their operations call for and by porcupine, each in a process of its own. Time
is from the history in memory (or from the file, where it says so) to the verdict; memory is what
the process grew by at its peak meanwhile, which leaves the history itself out. Nothing is
gathered for porcupine on the clock: its operations are made before. A file is read by our reader
for both, and the ratio is of the rest. What takes less than 0.1 s is measured five times, and
the one in the middle counts.

With --differential nothing is measured: small random histories of every kind, half of them
spoilt, some with crashes, go to each engine and to an oracle that tries all orders; some of
middle size to porcupine; and some with a planted violation, which must be caught. --rows then
names engines.

It exits 1 if a verdict is wrong.`,
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	f.StringSliceVar(&b.rows, "rows", nil, "only rows whose names begin like this: "+strings.Join(b.names(checkRows), ", "))
	f.DurationVar(&b.limit, "limit", time.Minute, "time that each may take for a verdict")
	f.Int64Var(&b.memory, "memory", 4096, "megabytes that each may take for a verdict")
	f.Uint64Var(&b.seed, "seed", 1, "the first history's seed")
	f.IntVar(&b.ops, "operations", 0, "operations of a history, instead of each row's own number")
	f.BoolVar(&b.sizes, "sizes", false, "the table of growing sizes instead: 10k, 100k, 1M and 10M operations")
	f.BoolVar(&b.alone, "alone", false, "without porcupine")
	f.StringVar(&b.porcupine, "porcupine", "", "porcupine's test_data, for the row of its own histories; else looked for in Go's module cache")
	f.BoolVar(&b.asJSON, "json", false, "a line of JSON for each measurement instead of a table")
	f.IntVar(&differential, "differential", 0, "instead of measuring, compare so many random histories of each kind with oracles")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		switch {
		case differential < 0 || differential > 1e9:
			return badInput(fmt.Errorf("--differential %d: there are 1 to 1000000000", differential))
		case b.limit <= 0 || b.limit > maxTime || b.memory < 16 || b.memory > 1<<20:
			return badInput(errors.New("--limit is positive, --memory 16 to 1048576 megabytes"))
		case b.ops < 0 || b.ops > 1e9:
			return badInput(fmt.Errorf("--operations %d: there are 1 to 1000000000", b.ops))
		}
		if differential > 0 {
			return a.differential(cmd.Context(), differential, b.seed, b.rows)
		}
		return b.run(cmd.Context())
	}
	return cmd
}

// otherTable is a row that is a table of its own.
type otherTable struct {
	name   string
	beside bool // it has no meaning without porcupine
	print  func(context.Context) error
}

func (b *benchCheck) others() []otherTable {
	return []otherTable{
		{peerHistories, true, b.peers},
		{corpus, true, b.corpus},
		{raftRun, false, b.raft},
	}
}

// names are those of all rows.
func (b *benchCheck) names(rows []checkRow) []string {
	names := rowNames(rows)
	for _, t := range b.others() {
		if !b.sizes {
			names = append(names, t.name)
		}
	}
	return names
}

func rowNames(rows []checkRow) []string {
	names := make([]string, len(rows))
	for i, r := range rows {
		names[i] = r.Name
	}
	return names
}

func (b *benchCheck) run(ctx context.Context) error {
	all := checkRows
	if b.sizes {
		all = sizeRows
	}
	wanted := func(name string) bool {
		return len(b.rows) == 0 || slices.ContainsFunc(b.rows, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
	}
	rows := slices.DeleteFunc(slices.Clone(all), func(r checkRow) bool { return !wanted(r.Name) })
	tables := []func() error{func() error { return b.table(ctx, rows) }}
	switch {
	case b.sizes:
		tables = []func() error{func() error { return b.growth(ctx, rows) }}
	case len(rows) == 0:
		tables = nil
	}
	for _, t := range b.others() {
		if !b.sizes && wanted(t.name) && !(b.alone && t.beside) {
			tables = append(tables, func() error { return t.print(ctx) })
		}
	}
	if len(tables) == 0 || b.sizes && len(rows) == 0 {
		return badInput(fmt.Errorf("no row begins with %s; there are: %s", strings.Join(b.rows, " or "), strings.Join(b.names(all), ", ")))
	}
	for _, print := range tables {
		if err := print(); err != nil {
			return crash(err)
		}
	}
	if b.wrong > 0 {
		return exit(exitInvalid)
	}
	return nil
}

// table prints the first table.
func (b *benchCheck) table(ctx context.Context, rows []checkRow) error {
	b.printf("%d cores, %s/%s; %s and %d MB each\n\n", runtime.GOMAXPROCS(0), runtime.GOOS, runtime.GOARCH, b.limit, b.memory)
	b.printf("| history | operations | clients | crashed | violation | verdict | seconds | memory | goal | porcupine | ratio |\n")
	b.printf("|---|---|---|---|---|---|---|---|---|---|---|\n")
	var made []string
	for _, r := range rows {
		made = append(made, fmt.Sprintf("- %s: %s", r.Name, b.spec(r)))
		for _, violation := range append([]string{""}, synth.Violations(r.Spec.Object)...) {
			s := b.spec(r)
			s.Violation = violation
			ours, answers, err := b.median(ctx, r, s)
			if err != nil {
				return err
			}
			theirs, ratio := "-", "-"
			if !b.alone {
				m, err := b.often(ctx, checkJob{Spec: s, Source: r.Source, Engine: "porcupine"})
				if err != nil {
					return err
				}
				theirs, ratio = m.words(b), m.ratio(ours)
			}
			b.printf("| %s | %s | %d | %d | %s | %s | %s | %s | %s | %s | %s |\n", r.What, count(s.Operations), s.Clients, s.Crashed,
				orDash(violation), ours.Verdict, answers, megabytes(ours.Grew), orDash(r.Goal), theirs, ratio)
		}
	}
	b.printf("\nThe histories, but for their violations:\n\n%s\n", strings.Join(slices.Compact(made), "\n"))
	return context.Cause(ctx)
}

// spec is what a row's histories are made from.
func (b *benchCheck) spec(r checkRow) synth.Spec {
	s := r.Spec
	if s.Seed = b.seed; b.ops > 0 {
		s.Operations, s.Crashed = b.ops, min(s.Crashed, b.ops)
	}
	return s
}

// median measures a row with each of its seeds and returns the one in the middle, and what
// to say of its time.
func (b *benchCheck) median(ctx context.Context, r checkRow, s synth.Spec) (measurement, string, error) {
	var all []measurement
	answered := 0
	for n := range max(1, r.Seeds) {
		one := s
		one.Seed += uint64(n)
		m, err := b.often(ctx, checkJob{Spec: one, Source: r.Source, Engine: "faultline"})
		if err != nil {
			return m, "", err
		}
		if m.Verdict != checkers.Unknown {
			answered++
		}
		all = append(all, m)
	}
	m := middle(all)
	words := m.words(b)
	if len(all) > 1 {
		words += fmt.Sprintf(" (%d of %d seeds answered, slowest %s)", answered, len(all), all[len(all)-1].words(b))
	}
	return m, words, nil
}

// What takes less than brief is measured so many times, for what else the machine does weighs as
// much then.
const (
	brief = 0.1 // seconds
	times = 5
)

// often is measure, of what is brief the one in the middle of some.
func (b *benchCheck) often(ctx context.Context, job checkJob) (measurement, error) {
	m, err := b.measure(ctx, job)
	if err != nil || m.Verdict == checkers.Unknown || m.Seconds >= brief {
		return m, err
	}
	all := []measurement{m}
	for range times - 1 {
		if m, err = b.measure(ctx, job); err != nil {
			return m, err
		}
		all = append(all, m)
	}
	return middle(all), nil
}

// middle sorts measurements and returns the one in the middle.
func middle(all []measurement) measurement {
	slices.SortFunc(all, func(x, y measurement) int { return cmp.Compare(x.rank(), y.rank()) })
	return all[len(all)/2]
}

// growth prints the second table: how time and memory grow with a history.
func (b *benchCheck) growth(ctx context.Context, rows []checkRow) error {
	sizes := []int{1e4, 1e5, 1e6, 1e7}
	if b.ops > 0 {
		sizes = slices.DeleteFunc(sizes, func(n int) bool { return n > b.ops })
	}
	b.printf("| history | operations | seconds | ns/operation | memory | bytes/operation | verdict |\n|---|---|---|---|---|---|---|\n")
	for _, r := range rows {
		for _, n := range sizes {
			s := r.Spec
			s.Operations, s.Seed = n, b.seed
			m, err := b.often(ctx, checkJob{Spec: s, Source: r.Source, Engine: "faultline"})
			if err != nil {
				return err
			}
			b.printf("| %s | %s | %s | %.0f | %s | %.0f | %s |\n", r.What, count(n), m.words(b), m.Seconds*1e9/float64(n),
				megabytes(m.Grew), float64(m.Grew)/float64(n), m.Verdict)
			if m.Stopped != "" {
				break // larger ones would be, too
			}
		}
	}
	return context.Cause(ctx)
}

// printf writes a part of the table, which JSON takes the place of.
func (b *benchCheck) printf(format string, args ...any) {
	if !b.asJSON {
		fmt.Fprintf(b.out, format, args...)
	}
}

// measure has a child process do the job.
func (b *benchCheck) measure(ctx context.Context, job checkJob) (measurement, error) {
	job.Limit, job.Memory = b.limit, b.memory<<20
	var m measurement
	self, err := os.Executable()
	if err != nil {
		return m, err
	}
	in, err := json.Marshal(job)
	if err != nil {
		return m, err
	}
	// Making ten million operations takes seconds; nothing takes minutes besides the limit.
	ctx, cancel := context.WithTimeout(ctx, 2*b.limit+5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, "bench", checkOne)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), b.err
	out, err := cmd.Output()
	if err != nil {
		return m, fmt.Errorf("%s by %s: %w", job.Spec, job.Engine, err)
	}
	if err := json.Unmarshal(out, &m); err != nil {
		return m, fmt.Errorf("%s by %s: %w", job.Spec, job.Engine, err)
	}
	want := checkers.Valid
	if job.Spec.Violation != "" {
		want = checkers.Invalid
	}
	if m.Verdict != want && m.Verdict != checkers.Unknown {
		b.wrong++
		fmt.Fprintf(b.err, "faultline: %s: %s says %s, but it is %s\n", job.Spec, job.Engine, m.Verdict, want)
	}
	if b.asJSON {
		m.Job = &job
		return m, json.NewEncoder(b.out).Encode(m)
	}
	return m, nil
}

// rank orders measurements by time, those without an answer last.
func (m measurement) rank() float64 {
	if m.Verdict == checkers.Unknown {
		return math.Inf(1)
	}
	return m.Seconds
}

func (m measurement) words(b *benchCheck) string {
	switch {
	case m.Stopped == outOfMemory:
		return fmt.Sprintf("out of memory after %s", seconds(m.Seconds))
	case m.Verdict == checkers.Unknown && m.Seconds >= b.limit.Seconds()/2:
		return fmt.Sprintf("no answer in %s", seconds(m.Seconds))
	case m.Verdict == checkers.Unknown:
		return fmt.Sprintf("no answer (%s)", m.Stopped)
	}
	if m.Read > 0 {
		return fmt.Sprintf("%s, %s to read it", seconds(m.Seconds), seconds(m.Read))
	}
	return seconds(m.Seconds)
}

// ratio is how many times faster ours decided: porcupine has no reader of its own.
func (m measurement) ratio(ours measurement) string {
	faster := (m.Seconds - m.Read) / (ours.Seconds - ours.Read)
	switch {
	case ours.Verdict == checkers.Unknown:
		return "-"
	case m.Verdict == checkers.Unknown:
		return fmt.Sprintf("> %.0f", faster)
	}
	return fmt.Sprintf("%.3g", faster)
}

func seconds(s float64) string { return fmt.Sprintf("%.3g s", s) }

func megabytes(n int64) string { return fmt.Sprintf("%d MB", (n+1<<19)>>20) }

// count writes round numbers as people say them.
func count(n int) string {
	switch {
	case n >= 1e6 && n%1e6 == 0:
		return fmt.Sprintf("%dM", n/1e6)
	case n >= 1e3 && n%1e3 == 0:
		return fmt.Sprintf("%dk", n/1e3)
	}
	return fmt.Sprint(n)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
