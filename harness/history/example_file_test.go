package history

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

var rewrite = flag.Bool("rewrite-example", false, "write testdata/v1.flh anew")

// exampleOps and exampleEvents are what testdata/v1.flh holds: one of every kind.
var (
	exampleOps = []Op{
		{Time: 1000, F: "write", Value: Int(3)},
		{Time: 1500, Process: 1, F: "read", Keyed: true, Key: 9},
		{Time: 2000, Type: OK, F: "write", Value: Int(3)},
		{Time: 2600, Process: 1, Type: Info, F: "read", Keyed: true, Key: 9, Error: "timeout"},
		{Time: 3000, Process: Nemesis, Type: Info, F: "kill", Value: Text("n1")},
		{Time: 3100, F: "cas", Value: Pair(3, -4)},
		{Time: 3200, Type: Fail, F: "cas", Value: Pair(3, -4), Error: "mismatch"},
		{Time: 3300, Process: 2, F: "add-all", Value: List([]int64{1, 200, -1})},
		{Time: 3400, Process: 2, Type: OK, F: "add-all", Value: Value{Kind: KindEDN, S: "#{1}"}},
	}
	exampleEvents = []Event{
		{Time: 900, Kind: EventAssign, Node: "n1", N: 1},
		{Time: 3000, Kind: EventNodeDown, Node: "n1", Text: "killed"},
	}
)

const examplePath = "testdata/v1.flh"

// TestExample: files that were written before stay readable, and the documentation shows
// what is in them.
func TestExample(t *testing.T) {
	if *rewrite {
		writeExample(t)
	}
	h, info, err := Open(examplePath)
	if err != nil || info.Torn || info.Meta["seed"] != "7" || len(info.Meta) != 1 {
		t.Fatalf("%v, %+v", err, info)
	}
	for i := range exampleOps {
		exampleOps[i].Index = i
	}
	same(t, h, exampleOps, exampleEvents)

	doc, err := os.ReadFile("../../docs/history-format.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := dump(t)
	if !strings.Contains(string(doc), shown) {
		t.Errorf("docs/history-format.md should show\n%s", shown)
	}
}

func writeExample(t *testing.T) {
	f, err := os.Create(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewWriter(f, map[string]string{"seed": "7"})
	if err != nil {
		t.Fatal(err)
	}
	for i, op := range exampleOps {
		_ = w.Append(&op)
		if i == 4 {
			for _, e := range exampleEvents {
				_ = w.Note(e)
			}
			_ = w.Flush()
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// dump shows a file's blocks, reading it with nothing but what the documentation says.
func dump(t *testing.T) string {
	file, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var out strings.Builder
	index := int(binary.LittleEndian.Uint64(file[len(file)-12:]))
	for at := 8; at < len(file)-12; {
		size := int(binary.LittleEndian.Uint32(file[at+12:]))
		content, err := z.DecodeAll(file[at+24:at+24+size], nil)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "    %c, %d entries\n", file[at], binary.LittleEndian.Uint32(file[at+4:]))
		for line := range bytes.SplitSeq([]byte(strings.TrimSpace(hex.Dump(content))), []byte("\n")) {
			fmt.Fprintf(&out, "    %s\n", bytes.TrimPrefix(line, []byte("0000")))
		}
		if at == index && at+24+size != len(file)-12 {
			t.Error("the index is not the last block")
		}
		at += 24 + size
	}
	return out.String()
}
