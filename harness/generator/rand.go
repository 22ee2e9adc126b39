package generator

import (
	"hash/fnv"
	"io"
	"math"
	"math/rand/v2"
)

// Rand is a stream of random numbers carried by value: a copy goes on from where the
// original stood, so a generator that holds one stays a value.
type Rand struct{ pcg rand.PCG }

// NewRand returns the named stream of a seed. What one stream draws does not shift
// another.
func NewRand(seed uint64, name string) Rand {
	h := fnv.New64a()
	_, _ = io.WriteString(h, name)
	return Rand{*rand.NewPCG(seed, h.Sum64())}
}

// IntN returns a number from 0 to n-1.
func (r *Rand) IntN(n int) int { return int(r.Int64N(int64(n))) }

// Int64N returns a number from 0 to n-1.
func (r *Rand) Int64N(n int64) int64 {
	if n <= 1 {
		return 0
	}
	// Rejection keeps small ranges exact: what the last, incomplete stretch of numbers
	// would make likelier is drawn again.
	limit := math.MaxUint64 - math.MaxUint64%uint64(n)
	for {
		if v := r.pcg.Uint64(); v < limit {
			return int64(v % uint64(n))
		}
	}
}

// Exp returns a number of the exponential distribution with the given mean.
func (r *Rand) Exp(mean float64) float64 {
	u := float64(r.pcg.Uint64()>>11) / (1 << 53)
	return -math.Log1p(-u) * mean
}
