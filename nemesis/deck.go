package nemesis

import (
	"math/rand/v2"
	"strings"
)

// deck deals kinds of faults: shuffled, each once before any comes again, so that a short
// run meets many of them.
type deck struct {
	cards []string
	next  int
	rand  *rand.Rand
}

func newDeck(list string, r *rand.Rand) *deck {
	return &deck{cards: strings.Split(list, ","), rand: r}
}

func (d *deck) draw() string {
	if d.next == 0 {
		d.rand.Shuffle(len(d.cards), func(i, j int) { d.cards[i], d.cards[j] = d.cards[j], d.cards[i] })
	}
	card := d.cards[d.next]
	d.next = (d.next + 1) % len(d.cards)
	return card
}
