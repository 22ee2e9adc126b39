package faultline

import (
	"bufio"
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/faultline-dev/faultline/checkers/engine/search"
)

// Porcupine comes with histories that its own benchmarks judge: logs of Jepsen's tests of etcd,
// and of a key-value store whose values are appended to. They are read from where the go tool
// keeps that module, or from a directory that is told, and judged by both with one step function.

// peerHistories is the row's name.
const peerHistories = "porcupine"

// ask is what an operation of such a history did.
type ask struct {
	f        byte // r: read; w: write; c: compare-and-set; f: one that failed; a: append
	from, to string
}

var etcdModel = search.Model[string, ask]{
	Init:  "nil",
	Step:  step,
	Pure:  func(o ask) bool { return o.f == 'r' || o.f == 'f' },
	Blind: func(o ask) bool { return o.f == 'w' },
}

var storeModel = search.Model[string, ask]{
	Step: step, Pure: etcdModel.Pure, Blind: etcdModel.Blind,
	Size: func(s string) int { return len(s) },
}

func step(held string, o ask) (string, bool) {
	switch o.f {
	case 'r':
		return held, held == o.from
	case 'f':
		return held, held != o.from
	case 'c':
		return o.to, held == o.from
	case 'a':
		return held + o.to, true
	}
	return o.to, true
}

// peer is a history by its keys.
type peer struct {
	name  string
	model search.Model[string, ask]
	keys  []string
	ops   map[string][]search.Op[ask]
	n     int
}

func (p *peer) add(key string, o search.Op[ask]) {
	if _, found := p.ops[key]; !found {
		p.keys = append(p.keys, key)
	}
	p.ops[key] = append(p.ops[key], o)
	p.n++
}

var (
	etcdLine  = regexp.MustCompile(`^INFO\s+jepsen\.util\s+-\s+(\d+)\s+:(invoke|ok|fail|info)\s+:(read|write|cas)\s+(.*)$`)
	storeLine = regexp.MustCompile(`^\{:process (\d+), :type :(invoke|ok), :f :(get|put|append), :key "(.*)", :value (?:nil|"(.*)")\}$`)
)

// readPeer reads a history. An operation that never ended may have taken effect at any time; a
// read that did not says nothing.
func readPeer(name string) (*peer, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p := &peer{name: filepath.Base(name), model: storeModel, ops: map[string][]search.Op[ask]{}}
	etcd := strings.HasPrefix(p.name, "etcd")
	if etcd {
		p.model = etcdModel
	}
	type call struct {
		key string
		op  search.Op[ask]
	}
	open := map[string]call{}
	var calls []call
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for n := int32(0); lines.Scan(); n++ {
		var process, typ, f, key, value string
		if m := storeLine.FindStringSubmatch(lines.Text()); m != nil && !etcd {
			process, typ, f, key, value = m[1], m[2], m[3], m[4], m[5]
		} else if m := etcdLine.FindStringSubmatch(lines.Text()); m != nil && etcd {
			process, typ, f, value = m[1], m[2], m[3], m[4]
		} else {
			continue
		}
		c, found := open[process]
		delete(open, process)
		switch {
		case typ == "invoke":
			open[process] = call{key, search.Op[ask]{Call: n, Ret: search.Pending, Do: asked(f, value)}}
		case !found || typ == "info":
			if found {
				calls = append(calls, c)
			}
		default:
			c.op.Ret = n
			switch o := &c.op.Do; {
			case o.f == 'r' && typ == "ok":
				o.from = value
			case o.f == 'c' && typ == "fail":
				o.f, o.to = 'f', ""
			case typ == "fail":
				continue
			}
			calls = append(calls, c)
		}
	}
	for _, c := range open {
		if c.op.Do.f != 'r' {
			calls = append(calls, c)
		}
	}
	slices.SortFunc(calls, func(a, b call) int { return int(a.op.Call) - int(b.op.Call) })
	for _, c := range calls {
		p.add(c.key, c.op)
	}
	return p, lines.Err()
}

func asked(f, value string) ask {
	switch f {
	case "read", "get":
		return ask{f: 'r'}
	case "cas":
		from, to, _ := strings.Cut(strings.Trim(value, "[]"), " ")
		return ask{f: 'c', from: from, to: to}
	case "append":
		return ask{f: 'a', to: value}
	}
	return ask{f: 'w', to: value}
}

// ours judges the history by the search, all keys side by side, until one is illegal: as
// porcupine does.
func (p *peer) ours(ctx context.Context) porcupine.CheckResult {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	verdicts := make(chan search.Verdict, len(p.keys))
	for _, key := range p.keys {
		go func() { verdicts <- search.Decide(ctx, p.model, p.ops[key], search.Options{}).Verdict }()
	}
	answer := porcupine.Ok
	for range p.keys {
		switch <-verdicts {
		case search.Illegal:
			return porcupine.Illegal
		case search.Stopped:
			answer = porcupine.Unknown
		}
	}
	return answer
}

// theirs is the history as porcupine takes it, with its operations by key.
func (p *peer) theirs() (porcupine.Model, []porcupine.Operation) {
	type of struct {
		key int
		op  search.Op[ask]
	}
	var ops []porcupine.Operation
	for k, key := range p.keys {
		for _, o := range p.ops[key] {
			ret := int64(o.Ret)
			if o.Ret == search.Pending {
				ret = math.MaxInt64
			}
			ops = append(ops, porcupine.Operation{Input: of{k, o}, Call: int64(o.Call), Return: ret})
		}
	}
	return porcupine.Model{
		Partition: func(all []porcupine.Operation) [][]porcupine.Operation {
			parts := make([][]porcupine.Operation, len(p.keys))
			for _, o := range all {
				k := o.Input.(of).key
				parts[k] = append(parts[k], o)
			}
			return parts
		},
		Init: func() any { return p.model.Init },
		Step: func(state, input, _ any) (bool, any) {
			o := input.(of).op
			next, ok := p.model.Step(state.(string), o.Do)
			if !ok {
				return o.Ret == search.Pending, state
			}
			return true, next
		},
	}, ops
}

// peerFiles are the histories, and where they are from; none if there are none.
func peerFiles(ctx context.Context, dir string) (files []string, from string) {
	if dir == "" {
		out, err := exec.CommandContext(ctx, "go", "env", "GOMODCACHE").Output()
		info, ok := debug.ReadBuildInfo()
		if err != nil || !ok {
			return nil, ""
		}
		for _, m := range info.Deps {
			if m.Path == "github.com/anishathalye/porcupine" {
				dir = filepath.Join(strings.TrimSpace(string(out)), m.Path+"@"+m.Version, "test_data")
			}
		}
	}
	for _, pattern := range []string{"jepsen/*.log", "kv/*.txt"} {
		found, _ := filepath.Glob(filepath.Join(dir, pattern))
		files = append(files, found...)
	}
	return files, dir
}

// sizeable is from how many operations on a history is not mostly the cost to begin.
const sizeable = 100

// comparison is one history judged by both, the fastest of some tries of each.
type comparison struct {
	name         string
	operations   int
	ours, theirs time.Duration // to the verdict
	told         time.Duration // ours, with what is told of a failure
}

func (c comparison) ratio() float64 { return c.theirs.Seconds() / c.ours.Seconds() }

// fastest is the least time that f takes to its verdict, and in all; f says how much of it came
// after the verdict. What is quick is tried again and again, because the machine's moods count
// for more there.
func fastest(f func() (after time.Duration)) (verdict, all time.Duration) {
	verdict, all = math.MaxInt64, math.MaxInt64
	spent := time.Duration(0)
	for try := 0; try < 200 && (try < 3 || spent < 50*time.Millisecond) && spent < 5*time.Second; try++ {
		began := time.Now()
		after := f()
		took := time.Since(began)
		verdict, all, spent = min(verdict, took-after), min(all, took), spent+took
	}
	return verdict, all
}

// peers prints the row of porcupine's own histories.
func (b *benchCheck) peers(ctx context.Context) error {
	files, dir := peerFiles(ctx, b.porcupine)
	if len(files) == 0 {
		b.printf("\nPorcupine's own histories were not found (`--porcupine DIR` says where its test_data is).\n")
		return nil
	}
	groups := map[string][]comparison{}
	for _, name := range files {
		p, err := readPeer(name)
		if err != nil {
			return err
		}
		if p.n == 0 { // a log without operations is among them
			continue
		}
		c := comparison{name: p.name, operations: p.n}
		group := "etcd, by Jepsen"
		if filepath.Base(filepath.Dir(name)) == "kv" {
			group = "key-value store"
			if p.n < sizeable {
				group = fmt.Sprintf("key-value store, below %d operations", sizeable)
			}
		}
		limited, cancel := context.WithTimeout(ctx, b.limit)
		var got, want porcupine.CheckResult
		c.ours, c.told = fastest(func() time.Duration { got = p.ours(limited); return 0 })
		cancel()
		model, ops := p.theirs()
		c.theirs, _ = fastest(func() time.Duration {
			want = porcupine.CheckOperationsTimeout(model, ops, b.limit)
			return 0
		})
		if got != want && want != porcupine.Unknown {
			b.wrong++
			fmt.Fprintf(b.err, "faultline: %s: the search says %s, porcupine %s\n", p.name, got, want)
		}
		groups[group] = append(groups[group], c)
	}
	b.printf("\nPorcupine's own histories (%s), the fastest of some tries:\n\n", filepath.Base(filepath.Dir(dir)))
	b.compare(groups)
	return context.Cause(ctx)
}

// compare prints comparisons by group.
func (b *benchCheck) compare(groups map[string][]comparison) {
	b.printf("| histories | number | operations | seconds | porcupine's | ratio | with what is told | the worst |\n|---|---|---|---|---|---|---|---|\n")
	names := make([]string, 0, len(groups))
	for name := range groups {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		var n int
		var ours, theirs, told time.Duration
		var worst *comparison
		for _, c := range groups[name] {
			n, ours, theirs, told = n+c.operations, ours+c.ours, theirs+c.theirs, told+c.told
			if worst == nil || c.ratio() < worst.ratio() {
				worst = &c
			}
		}
		of := "-"
		if worst != nil {
			of = fmt.Sprintf("%.3g: %s, %d operations, %s ours, %s theirs", worst.ratio(), worst.name, worst.operations, seconds(worst.ours.Seconds()), seconds(worst.theirs.Seconds()))
		}
		b.printf("| %s | %d | %d | %s | %s | %.3g | %s | %s |\n", name, len(groups[name]), n, seconds(ours.Seconds()), seconds(theirs.Seconds()),
			theirs.Seconds()/ours.Seconds(), seconds(told.Seconds()), of)
	}
}
