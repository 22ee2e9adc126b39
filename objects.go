package faultline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/linearizable"
	"github.com/faultline-dev/faultline/checkers/list"
	"github.com/faultline-dev/faultline/checkers/object"
	"github.com/faultline-dev/faultline/checkers/set"
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/workloads"
)

// --model names two kinds of things, which have no name in common: consistency models, of
// which a workload has some, and types of objects, whose histories need no workload.

// objectName is the type of object that a file holds, if that is what the flags say.
func (f checkFlags) objectName() string {
	if t, ok := object.Find(f.model); ok {
		return t.Name
	}
	if f.initial != "" && f.load == "" { // of what is a register by default
		return "register"
	}
	return ""
}

// checkModel holds that the flags go together.
func (a *app) checkModel(f checkFlags) error {
	_, isObject := object.Find(f.model)
	_, err := model.Parse(f.model)
	switch {
	case f.model != "" && !isObject && err != nil:
		known := object.Names()
		for _, m := range model.All {
			known = append(known, string(m))
		}
		return fmt.Errorf("--model: %w", cluster.Unknown("type of object or consistency model", f.model, known))
	case isObject && f.load != "":
		return fmt.Errorf("--model %s says already what the operations are, so --workload %s has no use", f.model, f.load)
	case f.initial != "" && !isObject && (f.load != "" || f.model != "" && f.model != string(model.Linearizable)):
		return fmt.Errorf("--initial is of a type of object: say --model %s", strings.Join(names(object.All, func(t object.Type) string { return t.Name }), "|"))
	}
	return nil
}

func names[T any](all []T, name func(T) string) []string {
	out := make([]string, len(all))
	for i, t := range all {
		out[i] = name(t)
	}
	return out
}

// objectWorkload is what a history of objects is judged by in place of a workload.
func objectWorkload(name string, initial history.Value) workloads.Workload {
	t, _ := object.Find(name)
	return workloads.Workload{Name: t.Name, Build: func(workloads.Config) workloads.Instance {
		return workloads.Instance{Checkers: []checkers.Checker{objectChecker(t, initial)}}
	}}
}

// objectChecker joins what package object cannot know of: its siblings.
func objectChecker(t object.Type, initial history.Value) checkers.Checker {
	if t.Elsewhere {
		return linearizable.New(linearizable.Options{Initial: initial})
	}
	return object.New(t, object.Options{Initial: initial, Special: []object.Special{
		{Type: "list", Operations: []string{"append", "read"}, Checker: list.Checker()},
		{Type: "set", Operations: []string{"add", "read"}, Checker: set.Full(set.Options{Linearizable: true, Open: true})},
	}})
}

// otherObject holds, of a file that nobody said anything about, that its operations are those
// of a register, or else names the types that they are of.
func otherObject(h *history.History) error {
	seen := map[string]bool{}
	for i := range h.Len() {
		if e := h.At(i); e.Process >= 0 {
			seen[e.F] = true
		}
	}
	var fits []string
	for _, t := range object.All {
		known := map[string]bool{}
		for _, o := range t.Operations {
			for _, name := range append([]string{o.Name}, o.Also...) {
				known[name] = true
			}
		}
		all := true
		for f := range seen {
			all = all && known[f]
		}
		if all && t.Name == "register" {
			return nil
		}
		if all {
			fits = append(fits, "--model "+t.Name)
		}
	}
	if len(fits) == 0 {
		return nil
	}
	return fmt.Errorf("its operations are not a register's, but may be what you get by %s (or say --workload)", strings.Join(fits, ", "))
}

// listObjects are the types for faultline list.
func listObjects(*registry) []item {
	var items []item
	for _, t := range object.All {
		operations := names(t.Operations, func(o object.Operation) string {
			return strings.Join(slices.Concat([]string{o.Name}, o.Also), "/")
		})
		items = append(items, item{Name: t.Name, Doc: t.Doc, Facts: map[string]string{
			"operations": strings.Join(operations, ", "), "also": strings.Join(t.Also, ", "),
		}})
	}
	return items
}
