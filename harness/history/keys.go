package history

import "strconv"

// Keys are integers. An imported history may have others, keywords or strings; then each of
// its keys has a number, and a name, which is the key in EDN.

// KeyName is a key as people know it.
func (h *History) KeyName(key int64) string {
	if key >= 0 && key < int64(len(h.keys.all))-1 {
		return h.keys.all[key+1]
	}
	return strconv.FormatInt(key, 10)
}

// Named reports whether the history's keys have names.
func (h *History) Named() bool { return len(h.keys.all) > 0 }

// key is the number of a key that form i is; ok is false if it cannot be one, and mixed is
// set if it would have to have a name and those before it have none.
func (h *History) key(f *forms, i int, first bool) (key int64, ok, mixed bool) {
	switch kind := f.nodes[i].kind; {
	case kind == formInt && !h.Named():
		return f.nodes[i].n, true, false
	case kind != formInt && kind != formKeyword && kind != formText:
		return 0, false, false
	case !h.Named() && !first:
		return 0, false, true
	}
	return int64(h.keys.id(string(f.edn(nil, i)))) - 1, true, false
}
