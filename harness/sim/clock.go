package sim

import "time"

// epoch is the wall clock's reading at the start of a world: 2020-01-01 00:00 UTC.
const epoch = int64(1577836800) * int64(time.Second)

// oscillator drives a machine's clocks a little too fast or too slow, for ever.
type oscillator struct{ rate float64 }

// local turns a stretch of true time into what the machine counts.
func (o oscillator) local(d int64) int64 { return d + int64(float64(d)*(o.rate-1)) }

// real turns a stretch that the machine counts into true time.
func (o oscillator) real(d int64) int64 { return d + int64(float64(d)*(1/o.rate-1)) }

// wall is a machine's wall clock. It is kept right by time synchronisation until a fault
// skews it.
type wall struct {
	since  int64   // when the skew was set
	offset int64   // at that time
	rate   float64 // 1 is true time
	period int64   // strobe: flip between true time and offset this often; 0: do not
}

// ahead is how far the clock is before true time.
func (c *wall) ahead(now int64) int64 {
	passed := now - c.since
	if c.period > 0 {
		if passed/c.period%2 == 0 {
			return c.offset
		}
		return 0
	}
	return c.offset + int64(float64(passed)*(c.rate-1))
}
