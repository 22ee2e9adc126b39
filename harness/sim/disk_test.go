package sim

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// After a crash a file holds what was synced, then a prefix of the appends after it of
// which the last may be torn; or the content of a later Replace, whole, and so on from there.
func TestCrashKeepsWhatWasSynced(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := disk{rand: rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))}
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
			switch rapid.SampledFrom([]string{"append", "append", "replace", "sync", "crash"}).Draw(t, "step") {
			case "append":
				data := fresh()
				d.append("f", data)
				content = append(bytes.Clone(content), data...)
				possible[len(possible)-1].content = content
			case "replace":
				data := fresh()
				d.replace("f", data)
				content = data
				possible = append(possible, state{content, len(data)})
			case "sync":
				d.mark("f").synced()
				possible = []state{{content, len(content)}}
			case "crash":
				d.crash()
				after := d.read("f")
				ok := false
				for _, p := range possible {
					ok = ok || len(after) >= p.sure && len(after) <= len(p.content) && matches(after, p.content, p.sure)
				}
				if !ok {
					t.Fatalf("the file holds %v after a crash; it could be of %v", after, possible)
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

// The write-back cache has to bite: unsynced data is lost, kept and torn in turn.
func TestCrashLosesKeepsAndTears(t *testing.T) {
	lost, kept, torn := 0, 0, 0
	for seed := range uint64(200) {
		d := disk{rand: rand.New(rand.NewPCG(seed, 0))}
		d.append("f", []byte("synced"))
		d.mark("f").synced()
		d.append("f", []byte("unsynced"))
		d.crash()
		switch string(d.read("f")) {
		case "synced":
			lost++
		case "syncedunsynced":
			kept++
		default:
			torn++
		}
	}
	if lost < 20 || kept < 20 || torn < 20 {
		t.Errorf("of 200 crashes %d lost, %d kept and %d tore the write", lost, kept, torn)
	}
}

func TestRotFlipsOneBit(t *testing.T) {
	d := disk{rand: rand.New(rand.NewPCG(1, 0))}
	if _, ok := d.rot("f"); ok {
		t.Error("an empty file rotted")
	}
	d.append("f", make([]byte, 100))
	d.mark("f").synced()
	at, ok := d.rot("f")
	if !ok {
		t.Fatal("nothing rotted")
	}
	for i, b := range d.read("f") {
		if (b != 0) != (i == at) || b&(b-1) != 0 {
			t.Errorf("byte %d is %08b, the rot was at %d", i, b, at)
		}
	}
}
