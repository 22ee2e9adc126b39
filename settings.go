package faultline

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness"
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/harness/store"
	"github.com/faultline-dev/faultline/targets/docker"
	"github.com/faultline-dev/faultline/workloads"
)

// Settings say what to run, in words and numbers as on the command line.
type Settings struct {
	Target      string            // name, or name@version
	On          string            // sim or docker; "": sim where the target can
	Workload    string            //
	Nemesis     []string          //
	Model       string            // "": the workload's own
	Nodes       int               // 0: 5
	Concurrency string            // a number, or a multiple of the nodes such as 2n; "": 2n
	Rate        float64           // operations a second, open loop; 0: closed loop
	Time        time.Duration     // 0 with Ops 0: a minute
	Ops         int               //
	Interval    time.Duration     // mean time between changes of faults; 0: the default
	OpTimeout   time.Duration     // 0: 5 s
	StartLimit  time.Duration     // for the cluster to come up; 0: 5 min
	Seed        uint64            //
	Set         map[string]string // options of the target, the workload and the nemeses
	Clients     string            // pinned or failover; "": pinned
	Image       string            // in containers, instead of the target's own
	Attach      string            // in containers: a cluster that is there already
	Memory      string            // in containers: what a node may use, such as 512m
	CPUs        float64           // in containers: processors that a node may use
	Pcap        bool              // in containers: keep the nodes' packets
	Leave       bool              // in containers: leave the cluster running
	Store       string            // the store's root; "": store
	CheckTime   time.Duration     // budget of each checker; 0: its default

	nodes []string // those of the attached cluster
}

// limits checks what a node may use, and whether the cluster stays.
func limits(t *harness.Test, s Settings) error {
	if s.Pcap && t.World != cluster.Docker {
		return errors.New("--pcap is for clusters in containers")
	}
	t.Pcap = s.Pcap
	if s.Memory == "" && s.CPUs == 0 && !s.Leave {
		return nil
	}
	if t.World != cluster.Docker || s.Attach != "" {
		return errors.New("--memory, --cpus and --leave-running are for clusters that are made in containers")
	}
	if s.Memory != "" {
		n, err := units.RAMInBytes(s.Memory)
		if err != nil || n < leastMemory {
			return fmt.Errorf("--memory %q is not a size such as 512m, of 6m at least", s.Memory)
		}
		t.Memory = n
	}
	if !(s.CPUs >= 0 && s.CPUs <= maxCPUs) {
		return fmt.Errorf("--cpus %g: a node may use up to %d processors", s.CPUs, maxCPUs)
	}
	if s.Leave && slices.Contains(s.Nemesis, "disk") {
		return errors.New("--leave-running and --nemesis disk exclude each other: the disks are the harness's, and end with it")
	}
	t.CPUs, t.Leave = s.CPUs, s.Leave
	return nil
}

// attach finds the nodes of the cluster that is to be attached.
func attach(s *Settings, world cluster.World) error {
	switch {
	case world != cluster.Docker:
		return fmt.Errorf("it is for --on docker, and this run is %s", world)
	case s.Image != "":
		return errors.New("the cluster is there already, so --image has no use")
	case s.Nodes != 0:
		return errors.New("the cluster is there already, so --nodes has no use")
	}
	name, _, _ := strings.Cut(s.Target, "@")
	names, err := docker.Attachable(context.Background(), s.Attach, name)
	s.nodes, s.Nodes = names, len(names)
	return err
}

// Bounds of what may be asked for: beyond them is a slip, not a test.
const (
	maxNodes       = 99
	maxConcurrency = 10000
	maxTime        = 7 * 24 * time.Hour
	maxRate        = 1e7
	maxCPUs        = 1024
	leastMemory    = 6 << 20 // the engine's own bound
)

// plan is what settings resolve to.
type plan struct {
	test  harness.Test
	store string
}

// resolve checks the settings and makes them a test that lacks only its run directory.
func (r *registry) resolve(s Settings) (*plan, error) {
	if s.Target == "" {
		return nil, fmt.Errorf("no target: say --target NAME (faultline list targets names them)")
	}
	target, version, err := r.target(s.Target)
	if err != nil {
		return nil, err
	}
	if s.Workload == "" {
		return nil, fmt.Errorf("no workload: say --workload NAME (faultline list workloads names them)")
	}
	load, err := r.workload(s.Workload)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(target.Data, load.Data) {
		return nil, fmt.Errorf("workload %s needs a %s, and target %s offers only: %s", load.Name, load.Data, target.Name, strings.Join(target.Data, ", "))
	}
	if s.Attach != "" && s.On == "" {
		s.On = string(cluster.Docker)
	}
	world, err := chooseWorld(target, s.On)
	if err != nil {
		return nil, err
	}
	if s.Attach != "" {
		if err := attach(&s, world); err != nil {
			return nil, fmt.Errorf("--attach: %w", err)
		}
	}
	m := load.Models[0]
	if s.Model != "" {
		if m, err = parseModel(s.Model); err != nil {
			return nil, err
		}
		if !slices.Contains(load.Models, m) {
			return nil, fmt.Errorf("workload %s cannot check model %s; it checks: %s", load.Name, m, joinModels(load.Models))
		}
	}
	t := harness.Test{
		Target: target, World: world, Workload: load, Model: m, Nemeses: s.Nemesis,
		Rate: s.Rate, Time: s.Time, Ops: s.Ops, Interval: s.Interval, OpTimeout: s.OpTimeout, StartLimit: s.StartLimit,
		Seed: s.Seed, Image: s.Image, Attach: s.Attach, RunID: runID(), Extra: r.checkers,
		Budget: checkers.Budget{Time: s.CheckTime},
	}
	for i, name := range s.Nemesis {
		if slices.Contains(s.Nemesis[:i], name) {
			return nil, fmt.Errorf("--nemesis names %s twice", name)
		}
	}
	if err := numbers(&t, s); err != nil {
		return nil, err
	}
	if err := options(&t, s.Set, version); err != nil {
		return nil, err
	}
	for _, n := range target.Needs {
		if n.Data == load.Data && t.TargetOptions[n.Option] != n.Value {
			return nil, fmt.Errorf("workload %s needs a %s, which target %s offers only with --set %s=%s", load.Name, load.Data, target.Name, n.Option, n.Value)
		}
	}
	switch s.Clients {
	case "", "pinned":
	case "failover":
		t.Failover = true
	default:
		return nil, fmt.Errorf("--clients: %w", cluster.Unknown("value", s.Clients, []string{"pinned", "failover"}))
	}
	if s.Image != "" && world != cluster.Docker {
		return nil, fmt.Errorf("--image is for --on docker, and this run is %s", world)
	}
	if err := limits(&t, s); err != nil {
		return nil, err
	}
	root := s.Store
	if root == "" {
		root = "store"
	}
	t.Config = config(t, s)
	if world == cluster.Sim {
		tuneCollector()
	}
	return &plan{test: t, store: root}, nil
}

// tuneCollector lets the heap grow to many times what lives in it before it is
// collected, up to a limit: a simulated run makes much garbage beside a small history, and
// would spend a quarter of its time collecting. GOGC and GOMEMLIMIT have the last word.
func tuneCollector() {
	const percent, limit = 1600, 2 << 30
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limit)
	}
}

// parseModel finds a consistency model by its name.
func parseModel(name string) (model.Model, error) {
	m, err := model.Parse(name)
	if err == nil {
		return m, nil
	}
	known := make([]string, len(model.All))
	for i, k := range model.All {
		known[i] = string(k)
	}
	return "", cluster.Unknown("model", name, known)
}

func chooseWorld(t cluster.Target, on string) (cluster.World, error) {
	var can []string
	for _, w := range []cluster.World{cluster.Sim, cluster.Docker} {
		if t.Open[w] != nil {
			can = append(can, string(w))
		}
	}
	if len(can) == 0 {
		return "", fmt.Errorf("target %s runs nowhere: its Open is empty", t.Name)
	}
	if on == "" {
		return cluster.World(can[0]), nil
	}
	if slices.Contains(can, on) {
		return cluster.World(on), nil
	}
	if on == string(cluster.Sim) || on == string(cluster.Docker) {
		return "", fmt.Errorf("target %s does not run on %s; it runs on: %s", t.Name, on, strings.Join(can, ", "))
	}
	return "", fmt.Errorf("--on: %w", cluster.Unknown("world", on, can))
}

// numbers checks and fills in what is counted or timed.
func numbers(t *harness.Test, s Settings) error {
	n := s.Nodes
	if n == 0 {
		n = 5
	}
	if n < 1 || n > maxNodes {
		return fmt.Errorf("--nodes %d: a cluster has 1 to %d nodes", n, maxNodes)
	}
	if t.Nodes = s.nodes; t.Nodes == nil {
		for i := range n {
			t.Nodes = append(t.Nodes, fmt.Sprintf("n%d", i+1))
		}
	}
	var err error
	if t.Concurrency, err = concurrency(s.Concurrency, n); err != nil {
		return err
	}
	if t.Time == 0 && t.Ops == 0 {
		t.Time = time.Minute
	}
	switch {
	case t.Time < 0 || t.Time > maxTime:
		return fmt.Errorf("--time %s: a run takes up to %s", t.Time, maxTime)
	case t.Ops < 0:
		return fmt.Errorf("--ops %d: the number of operations cannot be negative", t.Ops)
	case !(t.Rate >= 0 && t.Rate <= maxRate):
		return fmt.Errorf("--rate %g: operations a second, up to %g", t.Rate, maxRate)
	case t.Interval < 0 || t.Interval > maxTime:
		return fmt.Errorf("--interval %s: the time between faults is from 0 to %s", t.Interval, maxTime)
	case t.StartLimit < 0:
		return fmt.Errorf("--start-limit %s: a limit is more than nothing", t.StartLimit)
	case t.OpTimeout < 0 || t.OpTimeout > time.Hour:
		return fmt.Errorf("--op-timeout %s: an operation's deadline is at most an hour", t.OpTimeout)
	}
	if t.OpTimeout == 0 {
		t.OpTimeout = harness.DefaultOpTimeout
	}
	return nil
}

// concurrency reads a number of threads: 10, or 2n for twice the nodes.
func concurrency(s string, nodes int) (int, error) {
	if s == "" {
		s = "2n"
	}
	digits, perNode := strings.CutSuffix(s, "n")
	n, err := strconv.Atoi(digits)
	if perNode && digits == "" {
		n, err = 1, nil
	}
	if err != nil {
		return 0, fmt.Errorf("--concurrency %q is neither a number nor a multiple of the nodes such as 2n", s)
	}
	if perNode {
		n *= nodes
	}
	if n < 1 || n > maxConcurrency {
		return 0, fmt.Errorf("--concurrency %s: a run has 1 to %d client threads", s, maxConcurrency)
	}
	return n, nil
}

// options shares the settings out among the target, the workload and the nemeses.
func options(t *harness.Test, set map[string]string, version string) error {
	nemeses, err := nemesisOptions(t.Nemeses)
	if err != nil {
		return err
	}
	if b, planted := bug(t.Target, set["bug"]); planted {
		merged := map[string]string{}
		for k, v := range b.Set {
			merged[k] = v
		}
		for k, v := range set {
			merged[k] = v
		}
		set = merged
	}
	groups := [][]cluster.Option{t.Target.Options, t.Workload.Options, nemeses}
	given := []map[string]string{{}, {}, {}}
	var known []string
	for g := range groups {
		for _, o := range groups[g] {
			known = append(known, o.Name)
		}
	}
	names := make([]string, 0, len(set))
	for name := range set {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		g := slices.IndexFunc(groups, func(os []cluster.Option) bool {
			return slices.ContainsFunc(os, func(o cluster.Option) bool { return o.Name == name })
		})
		if g < 0 {
			return fmt.Errorf("--set: %w", cluster.Unknown("option", name, known))
		}
		given[g][name] = set[name]
	}
	if version != "" {
		given[0]["version"] = version
	}
	into := []*cluster.Options{&t.TargetOptions, &t.WorkloadOptions, &t.NemesisOptions}
	for g := range groups {
		if *into[g], err = cluster.Resolve(groups[g], given[g]); err != nil {
			return fmt.Errorf("--set: %w", err)
		}
	}
	if ref := t.Target.Reference; ref != nil {
		if _, err := ref.System(t.TargetOptions); err != nil { // each may be fine, and not together
			return fmt.Errorf("--set: %w", err)
		}
	}
	return nil
}

// config is what test.yaml says, the command that runs it again included.
func config(t harness.Test, s Settings) store.Config {
	all := map[string]string{}
	for _, group := range []cluster.Options{t.TargetOptions, t.WorkloadOptions, t.NemesisOptions} {
		for k, v := range group {
			all[k] = v
		}
	}
	c := store.Config{
		Version: Version(), Target: s.Target, World: string(t.World), Workload: t.Workload.Name,
		Nemeses: t.Nemeses, Model: string(t.Model), Nodes: t.Nodes, Concurrency: t.Concurrency,
		Rate: t.Rate, Ops: t.Ops, OpTimeout: t.OpTimeout.String(), Seed: t.Seed,
		Clients: "pinned", Settings: s.Set, Options: all,
	}
	if t.Failover {
		c.Clients = "failover"
	}
	if t.Time > 0 {
		c.Time = t.Time.String()
	}
	if t.Interval > 0 {
		c.Interval = t.Interval.String()
	}
	c.Reproduce = reproduce(c, s)
	return c
}

// reproduce is the command line of a configuration.
func reproduce(c store.Config, s Settings) string {
	var b strings.Builder
	fmt.Fprintf(&b, "faultline run --target %s --on %s --workload %s", quote(c.Target), c.World, quote(c.Workload))
	if len(c.Nemeses) > 0 {
		fmt.Fprintf(&b, " --nemesis %s", strings.Join(c.Nemeses, ","))
	}
	fmt.Fprintf(&b, " --model %s", c.Model)
	if s.Attach != "" {
		fmt.Fprintf(&b, " --attach %s", quote(s.Attach))
	} else {
		fmt.Fprintf(&b, " --nodes %d", len(c.Nodes))
	}
	fmt.Fprintf(&b, " --concurrency %d", c.Concurrency)
	if c.Time != "" {
		fmt.Fprintf(&b, " --time %s", c.Time)
	}
	if c.Ops > 0 {
		fmt.Fprintf(&b, " --ops %d", c.Ops)
	}
	if c.Rate > 0 {
		fmt.Fprintf(&b, " --rate %g", c.Rate)
	}
	if c.Interval != "" {
		fmt.Fprintf(&b, " --interval %s", c.Interval)
	}
	if c.OpTimeout != harness.DefaultOpTimeout.String() {
		fmt.Fprintf(&b, " --op-timeout %s", c.OpTimeout)
	}
	if c.Clients != "pinned" {
		fmt.Fprintf(&b, " --clients %s", c.Clients)
	}
	if s.Image != "" {
		fmt.Fprintf(&b, " --image %s", quote(s.Image))
	}
	if s.Memory != "" {
		fmt.Fprintf(&b, " --memory %s", quote(s.Memory))
	}
	if s.CPUs > 0 {
		fmt.Fprintf(&b, " --cpus %g", s.CPUs)
	}
	names := make([]string, 0, len(c.Settings))
	for name := range c.Settings {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Fprintf(&b, " --set %s", quote(name+"="+c.Settings[name]))
	}
	fmt.Fprintf(&b, " --seed %d", c.Seed)
	return b.String()
}

// quote makes a word safe to paste into a shell.
func quote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_=.,:/@+", r)
	}
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// runID names a run uniquely, for labels; it is no part of what the seed decides.
func runID() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails, by its contract
	return hex.EncodeToString(b[:])
}

func joinModels(ms []model.Model) string {
	names := make([]string, len(ms))
	for i, m := range ms {
		names[i] = string(m)
	}
	return strings.Join(names, ", ")
}

// workloadOptions resolves a stored run's options for its workload.
func workloadOptions(w workloads.Workload, stored map[string]string) (cluster.Options, error) {
	mine := map[string]string{}
	for _, o := range w.Options {
		if v, ok := stored[o.Name]; ok {
			mine[o.Name] = v
		}
	}
	return cluster.Resolve(w.Options, mine)
}
