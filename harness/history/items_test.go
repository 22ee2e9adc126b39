package history

import (
	"slices"
	"testing"
)

// What is taken apart in one reading is what it is in two.
func TestRows(t *testing.T) {
	for text, want := range map[string]bool{
		`[[:r 1 nil] [:w 2 "a \"b\""]]`:       true,
		`[[:r x nil] [1 2] [] [[:a] {:b 1}]]`: true,
		`[[1 2] [3 4]]`:                       true,
		`[[:r 1 nil] 7]`:                      false,
		`[[:r 1 nil] #{1 2}]`:                 false,
		`{:a [1 2]}`:                          false,
		`[1 2 3]`:                             false,
		`7`:                                   false,
		`nil`:                                 false,
	} {
		v, err := ParseValue(text)
		if err != nil {
			t.Fatal(err)
		}
		rows, ok := v.Rows()
		if ok != want {
			t.Errorf("rows of %s: %v, want %v", text, ok, want)
		}
		if !ok {
			continue
		}
		all, _ := v.Items()
		if len(all) != len(rows) {
			t.Fatalf("%s has %d items and %d rows", text, len(all), len(rows))
		}
		for i, e := range all {
			if cells, _ := e.Items(); !slices.Equal(cells, rows[i]) {
				t.Errorf("row %d of %s is %v, its items are %v", i, text, rows[i], cells)
			}
		}
	}
}
