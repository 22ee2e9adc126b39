package dynamo

import (
	"cmp"
	"hash/fnv"
	"slices"
	"strconv"

	"github.com/faultline-dev/faultline/harness/node"
)

// ring is a circle of hashes on which each node takes several places (its virtual nodes),
// so that keys spread evenly. A key belongs to the nodes met first going clockwise from
// its own hash: all nodes, in that order, are its preference list.
//
//	    n2
//	n1 /‾‾\ n3       key k: n3, n1, n2, ...
//	  |  k·|
//	n2 \__/ n1
type ring struct {
	places []place // by hash
}

type place struct {
	hash       uint64
	owner      node.ID
	preference []node.ID // of the keys that end here
}

func newRing(nodes []node.ID, virtual int) ring {
	var r ring
	for _, id := range nodes {
		for v := range virtual {
			r.places = append(r.places, place{hash: hashName(string(id) + "/" + strconv.Itoa(v)), owner: id})
		}
	}
	slices.SortFunc(r.places, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.owner, b.owner))
	})
	for i := range r.places {
		list := make([]node.ID, 0, len(nodes))
		for j := 0; j < len(r.places) && len(list) < len(nodes); j++ {
			if id := r.places[(i+j)%len(r.places)].owner; !slices.Contains(list, id) {
				list = append(list, id)
			}
		}
		r.places[i].preference = list
	}
	return r
}

// preference lists all nodes in the order in which they should hold the key.
func (r ring) preference(k Key) []node.ID {
	h := mix(uint64(k.ID)<<1 ^ uint64(k.Kind))
	i, _ := slices.BinarySearchFunc(r.places, h, func(p place, h uint64) int { return cmp.Compare(p.hash, h) })
	return r.places[i%len(r.places)].preference
}

func hashName(name string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // a hash takes any bytes
	return mix(h.Sum64())
}

// mix spreads neighbouring numbers over the whole circle (the finalizer of splitmix64).
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
