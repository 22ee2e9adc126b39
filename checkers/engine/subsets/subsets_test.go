package subsets

import "testing"

// TestWith: each subset becomes the one with the operation in it.
func TestWith(t *testing.T) {
	for set := range uint8(64) {
		for slot := range uint8(Open) {
			if got, want := With(1<<set, slot), uint64(1)<<(set|1<<slot); got != want {
				t.Errorf("subset %b with %d: %b, want %b", set, slot, got, want)
			}
			if in := Containing[slot]>>set&1 != 0; in != (set>>slot&1 != 0) {
				t.Errorf("subset %b contains %d: %v", set, slot, in)
			}
		}
	}
}
