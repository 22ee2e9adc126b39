package net

import "time"

// Shape is what happens to packets that come in from some sources. Probabilities are 0 to 1
// for each packet.
type Shape struct {
	Delay     time.Duration // added to each packet
	Jitter    time.Duration // and up to this much more or less, at random
	Loss      float64
	Duplicate float64 // arrive twice
	Reorder   float64 // sent on at once, before those that were delayed earlier
	Corrupt   float64 // a bit of the payload flipped, which the checksum tells
	Rate      int64   // bits a second; 0: as fast as it goes
}
