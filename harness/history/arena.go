package history

// arena holds the longer values of a chunk in pages that are never moved: growing copies
// nothing, and the goroutine that writes the file may read what is there meanwhile.
type arena struct {
	pages  [][]byte
	spans  []span // of value after value
	filled int32  // the page being filled, and how far
	used   int32
}

// span says where a value lies.
type span struct{ page, at, size int32 }

const (
	pageMin = 1 << 10 // of the first page; each one is twice as large as the one before, up to
	pageMax = 1 << 16
)

// Truth values, which are frequent, are not kept: they have numbers of their own.
const (
	isTrue  = -1
	isFalse = -2
)

// put keeps a value and returns its number.
func put[T string | []byte](a *arena, s T) int64 {
	switch string(s) {
	case "true":
		return isTrue
	case "false":
		return isFalse
	}
	number := int64(len(a.spans))
	if len(s) > pageMax/8 {
		a.spans = append(a.spans, span{page: int32(len(a.pages)), size: int32(len(s))})
		a.pages = append(a.pages, append([]byte(nil), s...))
		return number
	}
	if len(a.pages) == 0 || len(s) > len(a.pages[a.filled])-int(a.used) {
		size := pageMin
		if len(a.pages) > 0 {
			size = min(2*len(a.pages[a.filled]), pageMax)
		}
		a.filled, a.used = int32(len(a.pages)), 0
		a.pages = append(a.pages, make([]byte, max(size, len(s))))
	}
	copy(a.pages[a.filled][a.used:], s)
	a.spans = append(a.spans, span{a.filled, a.used, int32(len(s))})
	a.used += int32(len(s))
	return number
}

// text returns value number i as a string.
func (a *arena) text(i int64) string {
	switch i {
	case isTrue:
		return "true"
	case isFalse:
		return "false"
	}
	return string(a.bytes(i))
}

// bytes returns value number i.
func (a *arena) bytes(i int64) []byte {
	switch i {
	case isTrue:
		return []byte("true")
	case isFalse:
		return []byte("false")
	}
	s := a.spans[i]
	return a.pages[s.page][s.at:][:s.size]
}
