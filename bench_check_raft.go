package faultline

import (
	"context"
	"os"
	"time"
)

// raftRun is the name of the row of a real run: the embedded raft, simulated, under faults,
// until its registers have had about a million operations. Its check may take a tenth of what
// the simulation took.
const raftRun = "raft"

func (b *benchCheck) raft(ctx context.Context) error {
	root, err := os.MkdirTemp("", "faultline-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(root)
	n := 1_000_000
	if b.ops > 0 {
		n = b.ops
	}
	s := Settings{On: "sim", Target: "raft", Workload: "register", Nodes: 5, Concurrency: "10", Time: 10 * time.Hour, Ops: n, Seed: b.seed,
		Nemesis: []string{"partition", "kill", "clock"}, Store: root}
	m, err := b.simulateOnce(ctx, s)
	if err != nil {
		return err
	}
	b.printf("\nA run of the embedded raft in the simulation, its registers under partitions, kills and skewed clocks (CPU time):\n\n")
	b.printf("| operations | simulation | all checks | ratio |\n|---|---|---|---|\n| %d | %s | %s | %.3g |\n",
		m.completed, seconds(m.cpu.Seconds()), seconds(m.checking.Seconds()), m.cpu.Seconds()/m.checking.Seconds())
	return context.Cause(ctx)
}
