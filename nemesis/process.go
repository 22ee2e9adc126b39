package nemesis

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/faultline-dev/faultline/harness/cluster"
)

// process kills or pauses node processes. Its evidence is that each is gone or stopped.
type process struct {
	*env
	name    string // of the nemesis, as who holds a victim
	verb    string // what it does, in an error
	take    func(ctx context.Context, node string) (evidence string, err error)
	give    func(ctx context.Context, node string) error
	done    string // what it did, in evidence
	victims []string
}

func bindKill(e *env, o cluster.Options) fault {
	p := &process{env: e, name: "kill", verb: "kill", done: "restarted"}
	if pattern := o["kill-process"]; pattern != "" {
		h, ok := e.cluster.(cluster.ProcessHurter)
		if !ok {
			return nil
		}
		p.take = func(ctx context.Context, node string) (string, error) { return h.KillProcess(ctx, node, pattern) }
		p.give = func(ctx context.Context, node string) error { return h.Revive(ctx, node, pattern) }
		p.done = "whole again"
		return p
	}
	k, ok := e.cluster.(cluster.Killer)
	if !ok {
		return nil
	}
	p.take, p.give = k.Kill, k.Restart
	return p
}

func bindRestart(e *env, _ cluster.Options) fault {
	s, can := e.cluster.(cluster.Stopper)
	k, ok := e.cluster.(cluster.Killer)
	if !can || !ok {
		return nil
	}
	return &process{env: e, name: "restart", verb: "stop", take: s.Stop, give: k.Restart, done: "started again"}
}

// How a pause is made.
const (
	pauseFreeze = "freeze"
	pauseStop   = "stop"
)

func bindPause(e *env, o cluster.Options) fault {
	p := &process{env: e, name: "pause", verb: "pause", done: "resumed"}
	if pattern := o["pause-process"]; pattern != "" || o["pause-how"] == pauseStop {
		h, ok := e.cluster.(cluster.ProcessHurter)
		if !ok {
			return nil
		}
		p.take = func(ctx context.Context, node string) (string, error) { return h.StopProcess(ctx, node, pattern) }
		p.give = h.ContinueProcesses
		return p
	}
	f, ok := e.cluster.(cluster.Pauser)
	if !ok {
		return nil
	}
	p.take, p.give = f.Pause, f.Resume
	return p
}

func (p *process) inject(ctx context.Context, kind string) (injury, error) {
	var proof []string
	p.victims = nil
	for _, node := range p.aimFree(ctx, kind) {
		evidence, err := p.take(ctx, node)
		if errors.Is(err, cluster.ErrSkipped) {
			continue
		}
		// Held even if the attempt failed half-way, so that recovery gets at it.
		p.held[node] = p.name
		p.victims = append(p.victims, node)
		if err != nil {
			return injury{victims: p.victims}, fmt.Errorf("%s %s: %w", p.verb, node, err)
		}
		proof = append(proof, evidence)
	}
	if len(p.victims) == 0 {
		return injury{}, cluster.ErrSkipped
	}
	return injury{victims: p.victims, evidence: kind + ": " + strings.Join(proof, "; ")}, nil
}

func (p *process) recover(ctx context.Context) (recovery, error) {
	var errs []error
	bit := int64(len(p.victims))
	for _, node := range p.victims {
		if err := p.give(ctx, node); err != nil {
			errs = append(errs, fmt.Errorf("undo %s of %s: %w", p.name, node, err))
			continue
		}
		delete(p.held, node)
	}
	evidence := strings.Join(p.victims, ",") + " " + p.done
	if len(errs) == 0 {
		p.victims = nil
	}
	return recovery{bit: bit, evidence: evidence}, errors.Join(errs...)
}
