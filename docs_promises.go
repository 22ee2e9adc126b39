package faultline

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/faultline-dev/faultline/harness/cluster"
)

// promiseTable says what the reference systems promise, side by side: a line for each
// configuration that runs over many seeds are made of, a column for each kind of data.
func (a *app) promiseTable(b *bytes.Buffer) {
	data := a.referenceData()
	if len(data) == 0 {
		return
	}
	fmt.Fprintf(b, "| target, options | %s |\n|---|%s\n", strings.Join(data, " | "), strings.Repeat("---|", len(data)))
	for _, t := range a.targets {
		for _, set := range configurations(t) {
			o, err := cluster.Resolve(t.Options, set)
			if err != nil {
				continue
			}
			fmt.Fprintf(b, "| [%s](targets/%s.md)%s |", t.Name, t.Name, settingsText(set))
			for _, d := range data {
				fmt.Fprintf(b, " %s |", a.promiseCell(t, o, set, d))
			}
			b.WriteByte('\n')
		}
	}
}

// referenceData are the kinds of data that reference systems have, in the order of the
// workloads that use them.
func (a *app) referenceData() (data []string) {
	for _, w := range a.workloads {
		offered := slices.ContainsFunc(a.targets, func(t cluster.Target) bool {
			return t.Reference != nil && slices.Contains(t.Data, w.Data)
		})
		if offered && !slices.Contains(data, w.Data) {
			data = append(data, w.Data)
		}
	}
	return data
}

// configurations are the settings of the target itself that its rows have, each once.
func configurations(t cluster.Target) (sets []map[string]string) {
	if t.Reference == nil {
		return nil
	}
	for _, r := range t.Rows {
		if set := ofTarget(t, r.Set); !slices.ContainsFunc(sets, func(s map[string]string) bool { return maps.Equal(s, set) }) {
			sets = append(sets, set)
		}
	}
	return sets
}

// ofTarget leaves out what is a workload's or a nemesis's setting.
func ofTarget(t cluster.Target, settings map[string]string) map[string]string {
	set := map[string]string{}
	for _, o := range t.Options {
		if v, ok := settings[o.Name]; ok && v != o.Default {
			set[o.Name] = v
		}
	}
	return set
}

func settingsText(set map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(set)) {
		fmt.Fprintf(&b, ", %s=%s", name, set[name])
	}
	return b.String()
}

// promiseCell is what a configuration promises of one kind of data, and what runs show that
// it does not.
func (a *app) promiseCell(t cluster.Target, o cluster.Options, set map[string]string, data string) string {
	if !slices.Contains(t.Data, data) {
		return "-"
	}
	var words []string
	for _, p := range t.Promises(o) {
		if p.Data != data {
			continue
		}
		text := string(p.Model)
		if p.Nemeses != nil {
			text += " under " + strings.Join(p.Nemeses, ", ")
		}
		if p.MaxDrift > 0 {
			text += fmt.Sprintf(", clocks within %s", p.MaxDrift)
		}
		words = append(words, text)
	}
	if len(words) == 0 {
		words = append(words, "nothing")
	}
	for _, r := range t.Rows {
		w, err := a.workload(r.Workload)
		if err != nil || r.Correct() || w.Data != data || !maps.Equal(ofTarget(t, r.Set), set) {
			continue
		}
		if text := "shown: " + r.Weakness; !slices.Contains(words, text) {
			words = append(words, text)
		}
	}
	return strings.Join(words, "; ")
}
