// Package subsets keeps sets of subsets of a few operations in a word.
//
// The one idea: six operations have 64 subsets, so that which of them may have taken effect is
// the bits of a word. A subset's number has a bit for each operation in it, at its slot.
package subsets

// Open is how many operations there may be.
const Open = 6

// Containing are the subsets with an operation in them, by its slot.
var Containing = [Open]uint64{
	0xaaaa_aaaa_aaaa_aaaa, 0xcccc_cccc_cccc_cccc, 0xf0f0_f0f0_f0f0_f0f0,
	0xff00_ff00_ff00_ff00, 0xffff_0000_ffff_0000, 0xffff_ffff_0000_0000,
}

// With are the subsets with an operation added to those that lack it.
func With(sets uint64, slot uint8) uint64 {
	return sets&Containing[slot] | sets&^Containing[slot]<<(1<<slot)
}
