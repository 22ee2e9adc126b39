// Package nemesis hurts clusters on purpose, and proves that it hurt.
//
// The one idea: a fault is an object with an enforced life: choose, inject, confirm that
// it took hold, hold, recover, confirm recovered. It travels with its schedule and its
// healing, asks the cluster for capabilities and never for a world, and leaves evidence
// in the history. Start with Registry, then Compose.
package nemesis
