package route

// window remembers which of a session's latest calls were seen. What is older than all of
// them counts as seen: it is then lost, as any message may be.
type window struct {
	high uint64
	bits [windowSize / 64]uint64
}

const windowSize = 1024

// add reports whether call n was not seen before, and notes it.
func (w *window) add(n uint64) bool {
	if n > w.high {
		if n-w.high >= windowSize {
			clear(w.bits[:])
		} else {
			for i := w.high + 1; i < n; i++ {
				w.bits[i/64%uint64(len(w.bits))] &^= 1 << (i % 64)
			}
		}
		w.high = n
	} else if w.high-n >= windowSize || w.bits[n/64%uint64(len(w.bits))]&(1<<(n%64)) != 0 {
		return false
	}
	w.bits[n/64%uint64(len(w.bits))] |= 1 << (n % 64)
	return true
}
