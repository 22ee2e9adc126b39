package report

import (
	"math"
	"strconv"

	"github.com/faultline-dev/faultline/checkers"
)

// figureTable are the figures of one checker.
type figureTable struct {
	Checker string
	Rows    []figureRow
	More    int
}

// figureRow is one figure.
type figureRow struct{ Name, Value, Note string }

// maxFigures bounds the figures shown of one checker.
const maxFigures = 200

func figures(results []checkers.Result) []figureTable {
	var tables []figureTable
	for _, r := range results {
		if len(r.Figures) == 0 {
			continue
		}
		t := figureTable{Checker: r.Checker, More: max(0, len(r.Figures)-maxFigures)}
		for _, f := range r.Figures[:len(r.Figures)-t.More] {
			value := strconv.FormatFloat(f.Value, 'f', -1, 64)
			if f.Value != math.Trunc(f.Value) {
				value = strconv.FormatFloat(f.Value, 'g', 4, 64)
			}
			t.Rows = append(t.Rows, figureRow{cut(f.Name, maxText), value + " " + f.Unit, cut(f.Note, maxText)})
		}
		tables = append(tables, t)
	}
	return tables
}

// unknowns are the checkers that do not know.
func unknowns(results []checkers.Result) []checkers.Result {
	var unknown []checkers.Result
	for _, r := range results {
		if r.Valid == checkers.Unknown {
			unknown = append(unknown, r)
		}
	}
	return unknown
}
