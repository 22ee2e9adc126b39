package sim

import (
	"bytes"
	"math/bits"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// After a power failure a file holds what was synced and nothing else; or, where writes are
// torn, a prefix of the appends after it and a part of the next one, or the content of a later
// Replace, whole, and so on from there.
func TestPowerFailuresKeepWhatWasSynced(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		var d disk
		f := d.file("f")
		type state struct {
			content []byte
			sure    int // bytes that must survive if this is the version kept
		}
		possible := []state{{}} // versions since the last sync
		var content []byte
		next := byte(1)
		fresh := func() []byte {
			data := bytes.Repeat([]byte{next}, rapid.IntRange(1, 6).Draw(t, "length"))
			next++
			return data
		}
		for range rapid.IntRange(0, 20).Draw(t, "steps") {
			switch step := rapid.SampledFrom([]string{"append", "append", "replace", "sync", "lose", "tear"}).Draw(t, "step"); step {
			case "append":
				data := fresh()
				f.append(data)
				content = append(bytes.Clone(content), data...)
				possible[len(possible)-1].content = content
			case "replace":
				data := fresh()
				f.replace(data)
				content = data
				possible = append(possible, state{content, len(data)})
			case "sync":
				f.sync()
				possible = []state{{content, len(content)}}
			case "lose", "tear":
				lost := d.powerFails(step == "tear", r)
				after := d.read("f")
				ok := false
				for _, p := range possible {
					ok = ok || len(after) >= p.sure && len(after) <= len(p.content) && matches(after, p.content, p.sure)
				}
				if step == "lose" {
					ok = bytes.Equal(after, possible[0].content[:possible[0].sure])
				}
				if !ok {
					t.Fatalf("%s: the file holds %v; it could be of %v", step, after, possible)
				}
				if changed := !bytes.Equal(after, content); changed && lost.Writes+lost.Torn == 0 {
					t.Fatalf("%s: of %v is left %v, and nothing was counted as lost", step, content, after)
				}
				content = after
				possible = []state{{content, len(content)}}
			}
			if got := d.read("f"); !bytes.Equal(got, content) {
				t.Fatalf("reads back %v, was left with %v", got, content)
			}
		}
	})
}

// matches reports whether after is a prefix of content, but for zeros at its end.
func matches(after, content []byte, sure int) bool {
	end := len(after)
	for end > sure && after[end-1] == 0 {
		end--
	}
	return bytes.Equal(after[:end], content[:end])
}

// Torn writes are lost, in part or whole, in turn, and leave zeros or nothing.
func TestPowerFailuresTear(t *testing.T) {
	lost, torn, zeros := 0, 0, 0
	for seed := range uint64(200) {
		var d disk
		f := d.file("f")
		f.append([]byte("synced"))
		f.sync()
		f.append([]byte("unsynced"))
		d.powerFails(true, rand.New(rand.NewPCG(seed, 0)))
		switch after := d.read("f"); {
		case string(after) == "synced":
			lost++
		case after[len(after)-1] == 0:
			zeros++
		default:
			torn++
		}
	}
	if lost < 5 || torn < 20 || zeros < 20 {
		t.Errorf("of 200 power failures %d lost the write, %d left its beginning and %d zeros behind that", lost, torn, zeros)
	}
}

func TestDamage(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 0))
	var d disk
	d.file("other.log").append(make([]byte, 100))
	if said, err := d.flip("*.db", r); err == nil {
		t.Errorf("there is no such file, and yet %s", said)
	}
	d.file("a.db").append(make([]byte, 100))
	d.file("a.db").sync()
	if _, err := d.flip("*.db", r); err != nil {
		t.Fatal(err)
	}
	flipped := 0
	for _, b := range d.read("a.db") {
		flipped += bits.OnesCount8(b)
	}
	if flipped != 1 || !bytes.Equal(d.read("other.log"), make([]byte, 100)) {
		t.Errorf("%d bits were flipped", flipped)
	}
	if _, err := d.truncate("*.db", r); err != nil {
		t.Fatal(err)
	}
	if n := len(d.read("a.db")); n >= 100 {
		t.Errorf("%d bytes are left of 100", n)
	}
}
