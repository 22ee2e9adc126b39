package history

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

type codec struct {
	name  string
	read  func(io.Reader, ImportOptions) (*History, error)
	write func(io.Writer, *History) error
}

var codecs = []codec{{"edn", ReadEDN, WriteEDN}, {"jsonl", ReadJSONL, WriteJSONL}}

// someHistory is a well-formed history of one kind of values, keyed or not.
var someHistory = rapid.Custom(func(t *rapid.T) []Op {
	keyed := rapid.Bool().Draw(t, "keyed")
	text := rapid.StringMatching(`[ -~äöü\n\t"\\]{0,8}`)
	under := map[int]*Op{}
	var ops []Op
	now := int64(0)
	for range rapid.IntRange(1, 30).Draw(t, "events") {
		now += rapid.Int64Range(0, 1e9).Draw(t, "passed")
		op := Op{Index: len(ops), Time: now, Process: rapid.IntRange(-1, 4).Draw(t, "process")}
		before := under[op.Process]
		switch {
		case op.Process == Nemesis:
			op.Type, op.F, op.Value = Info, "kill", Text(text.Draw(t, "text"))
			ops = append(ops, op)
			continue
		case before == nil:
			op.F = rapid.SampledFrom([]string{"read", "write", "cas", "odd name"}).Draw(t, "f")
			op.Keyed, op.Key = keyed, 0
			if keyed {
				op.Key = rapid.Int64().Draw(t, "key")
			}
			under[op.Process] = &op
		default:
			op.Type = Type(rapid.IntRange(1, 3).Draw(t, "type"))
			op.F, op.Keyed, op.Key = before.F, before.Keyed, before.Key
			op.Error = rapid.SampledFrom([]string{"", "timeout", "quoted \"x\"\n"}).Draw(t, "error")
			delete(under, op.Process)
		}
		switch rapid.IntRange(0, 4).Draw(t, "kind") {
		case 1:
			op.Value = Int(rapid.Int64().Draw(t, "n"))
		case 2:
			if op.F == "cas" {
				op.Value = Pair(rapid.Int64().Draw(t, "a"), rapid.Int64().Draw(t, "b"))
			}
		case 3:
			ns := rapid.SliceOfN(rapid.Int64(), 3, 6).Draw(t, "list")
			op.Value = List(ns)
		case 4:
			op.Value = Text(text.Draw(t, "text"))
		}
		ops = append(ops, op)
	}
	return ops
})

// TestImportRoundTrip: what is exported is imported as it was.
func TestImportRoundTrip(t *testing.T) {
	for _, c := range codecs {
		t.Run(c.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				ops := someHistory.Draw(t, "history")
				h := &History{}
				independent := "no"
				for _, op := range ops {
					h.Append(op)
					if op.Keyed {
						independent = "yes"
					}
				}
				if c.name == "jsonl" {
					independent = "auto"
				}
				var file bytes.Buffer
				if err := c.write(&file, h); err != nil {
					t.Fatal(err)
				}
				back, err := c.read(bytes.NewReader(file.Bytes()), ImportOptions{Name: "x", Independent: independent})
				if err != nil {
					t.Fatalf("%v\n%s", err, file.String())
				}
				same(t, back, ops, nil)
			})
		})
	}
}

// told is a history in short, to compare with.
func told(h *History) string {
	var b strings.Builder
	for i := range h.Len() {
		op := h.At(i)
		key := ""
		if op.Keyed {
			key = fmt.Sprintf(" key %d", op.Key)
		}
		fmt.Fprintf(&b, "%d %d %s %s%s %s %q\n", op.Time, op.Process, op.Type, op.F, key, op.Value.edn(), op.Error)
	}
	return b.String()
}

// TestReadEDN: the many shapes in which Jepsen's histories come.
func TestReadEDN(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"lines": {
			"{:process 0, :type :invoke, :f :read, :value nil, :index 0, :time 5}\n{:process 0, :type :ok, :f :read, :value 3, :index 1, :time 9}\n",
			"5 0 invoke read nil \"\"\n9 0 ok read 3 \"\"\n",
		},
		"a vector, with comments, commas and any order": {
			"; a comment\n[{:f :write :value 3 :type :invoke :process 1 :time 1},,\n #_{:skipped true} {:time 2 :process 1 :type :info :f :write :value 3 :error [:timeout \"5 s\"]}\n]",
			"1 1 invoke write 3 \"\"\n2 1 info write 3 \"[:timeout \\\"5 s\\\"]\"\n",
		},
		"records and no times": {
			"#jepsen.history.Op{:index 0, :time nil, :type :invoke, :process 0, :f :cas, :value [1 2]}\n#jepsen.history.Op{:index 1, :type :fail, :process 0, :f :cas, :value [1 2], :error :mismatch}",
			"1000 0 invoke cas [1 2] \"\"\n2000 0 fail cas [1 2] \"mismatch\"\n",
		},
		"the nemesis": {
			"{:type :info, :f :start, :process :nemesis, :time 1, :value nil}{:type :info, :f :start, :process :nemesis, :time 2, :value {:n1 #{\"n2\"}}}",
			"1 -1 info start nil \"\"\n2 -1 info start {:n1 #{\"n2\"}} \"\"\n",
		},
		"independent keys, found by the first write": {
			"{:process 0 :type :invoke :f :cas :value [7 [1 2]] :time 0} {:process 1 :type :invoke :f :write :value [8 3] :time 1} {:process 1 :type :ok :f :write :value [8 3] :time 2}",
			"0 0 invoke cas key 7 [1 2] \"\"\n1 1 invoke write key 8 3 \"\"\n2 1 ok write key 8 3 \"\"\n",
		},
		"independent keys, tagged": {
			"{:process 0 :type :invoke :f :cas :value #jepsen.independent.Tuple [7 [1 2]] :time 0}",
			"0 0 invoke cas key 7 [1 2] \"\"\n",
		},
		"a set, big numbers, characters, ratios": {
			"{:process 0 :type :invoke :f :read :value nil :time 0 :extra [1/2 1.5M \\newline \\; ##Inf 12N ns/sym ^{:a 1} [b]]} {:process 0 :type :ok :f :read :value #{3 1 2} :time 1}",
			"0 0 invoke read nil \"\"\n1 0 ok read [1 2 3] \"\"\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			h, err := ReadEDN(strings.NewReader(c.in), ImportOptions{Name: "h.edn", Independent: "auto"})
			if err != nil {
				t.Fatal(err)
			}
			if got := told(h); got != c.want {
				t.Errorf("got\n%swant\n%s", got, c.want)
			}
		})
	}
}

// TestImportErrors: each mistake is told in one line that names the place.
func TestImportErrors(t *testing.T) {
	const ok = "{:process 0 :type :invoke :f :read :time 0}\n"
	const jok = `{"process":0,"type":"invoke","f":"read","value":null}` + "\n"
	for _, c := range []struct{ format, in, want string }{
		{"edn", "", "h: there is not"},
		{"edn", "{:process 0", "has no end"},
		{"edn", ok + "\n{:process 0 :type :ok :f", "h:3: "},
		{"edn", "[" + ok, "before its vector does"},
		{"edn", ok + "42", "h:2: an operation is a map"},
		{"edn", ok + "]", "h:2: unexpected character ']'"},
		{"edn", "{:type :invoke :f :read}", "no :process"},
		{"edn", "{:process 0 :f :read}", "no :type"},
		{"edn", "{:process 0 :type :invoke}", "no :f"},
		{"edn", "{:process -3 :type :invoke :f :read}", ":process cannot be -3"},
		{"edn", "{:process 99999999999 :type :invoke :f :read}", ":process cannot be"},
		{"edn", "{:process 0 :type :started :f :read}", ":type cannot be :started"},
		{"edn", "{:process 0 :type :invoke :f :read :time -5}", "before the start"},
		{"edn", "{:process 0 :type}", "a key without a value"},
		{"edn", ok + ok, "h:2: process 0 invokes read, but its read of line 1 has not completed"},
		{"edn", "{:process 0 :type :ok :f :read}", "which it had not invoked"},
		{"edn", ok + "{:process 0 :type :ok :f :write}", "but it had invoked read in line 1"},
		{"edn", "{:process 0 :type :invoke :f :write :value [1 2]}{:process 1 :type :invoke :f :write :value 3}", "no [key value] tuple"},
		{"edn", `{:process 0 :type :invoke :f "\q"}`, `\\q`},
		{"edn", strings.Repeat("[", 10000), "nested"},
		{"edn", "{:process 0 :type :invoke :f :read :value " + strings.Repeat("{:a ", 10000), "nested"},
		{"jsonl", "", "h: "},
		{"jsonl", jok + "{", "h:2: "},
		{"jsonl", "[]", "not an operation"},
		{"jsonl", `{"type":"invoke","f":"read"}`, `no "process"`},
		{"jsonl", `{"process":"x","type":"invoke","f":"read"}`, `"process" cannot be`},
		{"jsonl", `{"process":0,"type":"done","f":"read"}`, `"type" cannot be "done"`},
		{"jsonl", `{"process":0,"type":"invoke"}`, `no "f"`},
		{"edn", "{:process 0 :type :invoke :f :w :index 3}\n{:process 1 :type :invoke :f :w :index 3}", "h:2: index 3 comes after index 3 of line 1"},
		{"edn", "{:process 0 :type :invoke :f :w :value \"\xff\"}", "h:1: a string is not UTF-8"},
		{"edn", "{:process 0 :type :invoke\n:f \xff}", "h:2: a word is not UTF-8"},
		{"edn", ok + "{:process 0 :type :ok :f :read :value (1 2]}", "h:2: unexpected character ']'"},
		{"jsonl", `{"process":0,"type":"invoke","f":"w","value":NaN}`, "unexpected character 'N'"},
		{"jsonl", `{"process":0,"type":"invoke","f":"w","value":1.}`, "1.} is no number"},
		{"jsonl", `{"process":0,"type":"invoke","f":"w","value":01}`, "is no number"},
		{"jsonl", `{"process":0,"type":"invoke","f":"w","value":{"edn":"[1"}}`, "the EDN of the value"},
		{"jsonl", `{"process":0,"type":"invoke","f":"w"} x`, "unexpected character 'x' after the value"},
		{"jsonl", "{\"process\":0,\"type\":\"invoke\",\"f\":\"\xff\"}", "a string is not UTF-8"},
		{"jsonl", `{"process":0,"type":"invoke","f":"w","time":1.5}`, `"time" cannot be 1.5`},
		{"jsonl", strings.Repeat("[", 10000), "nested"},
		{"jsonl", jok + jok, "h:2: process 0 invokes"},
	} {
		for _, k := range codecs {
			if k.name != c.format {
				continue
			}
			_, err := k.read(strings.NewReader(c.in), ImportOptions{Name: "h", Independent: "auto"})
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") || !strings.HasPrefix(err.Error(), "h:") {
				t.Errorf("%s %.60q: %v, want %q", c.format, c.in, err, c.want)
			}
		}
	}
}

// TestLongLines: a line of any length is read in bounded memory, or refused with its place.
func TestLongLines(t *testing.T) {
	const longest = 1 << 20
	const op = `{"process":0,"type":"invoke","f":"w","value":"`
	for _, c := range []struct {
		codec    codec
		in, want string
	}{
		{codecs[0], "{:process 0 :type :invoke :f :a}\n{:process 1 :type :invoke :f :w :value [" + strings.Repeat("1 ", longest), "h:2: an operation is longer than"},
		{codecs[0], "\n; " + strings.Repeat("x", longest), "h:2: an operation is longer than"},
		{codecs[0], strings.Repeat(" ", 3*longest) + "\n]", "h:2: unexpected character ']'"},
		{codecs[1], op + strings.Repeat("x", longest) + `"}`, "h:1: an operation is longer than"},
		{codecs[1], strings.Repeat("\n", longest) + "x", fmt.Sprintf("h:%d: not an operation", longest+1)},
	} {
		_, err := c.codec.read(strings.NewReader(c.in), ImportOptions{Name: "h", Independent: "auto", longest: longest})
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s %.60q...: %v, want %q", c.codec.name, c.in, err, c.want)
		}
	}
	// One byte at a time: forms that end where a read ends.
	in := "#jepsen.history.Op{:process 0 :type :invoke :f :read #_ x :value #{3 1 \"\\u00e4\"} :time 1} ; end\n#_ x {:process 0 :type :ok :f :read :value #a/b \\newline :time 2}"
	h, err := ReadEDN(iotest.OneByteReader(strings.NewReader(in)), ImportOptions{Name: "h", Independent: "no"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := told(h), "1 0 invoke read #{3 1 \"ä\"} \"\"\n2 0 ok read #a/b \\newline \"\"\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func FuzzReadEDN(f *testing.F) {
	f.Add("{:process 0, :type :invoke, :f :cas, :value [7 [1 2]], :time 5, :error \"x\\u00e4\"}")
	f.Add("[#jepsen.history.Op{:process :nemesis :type :info :f :start :value #{1 2} #_ x :time 1}]")
	f.Add("{:process 1 :type :invoke :f :read :value \\newline} ; \n ##NaN ^{:a b} [c]")
	f.Fuzz(func(t *testing.T, in string) { reread(t, codecs[0], in) })
}

func FuzzReadJSONL(f *testing.F) {
	f.Add(`{"index":0,"time":1,"process":0,"type":"invoke","f":"cas","key":3,"value":[1,2]}`)
	f.Add(`{"process":"nemesis","type":"info","f":"kill","value":{"edn":":x"},"error":"y"}`)
	f.Fuzz(func(t *testing.T, in string) { reread(t, codecs[1], in) })
}

// reread reads what a fuzzer made up; what can be read must survive another round.
func reread(t *testing.T, c codec, in string) {
	h, err := c.read(strings.NewReader(in), ImportOptions{Name: "h", Independent: "auto"})
	if err != nil {
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("an error of several lines: %q", err)
		}
		return
	}
	var file bytes.Buffer
	if err := c.write(&file, h); err != nil {
		t.Fatal(err)
	}
	independent := "no"
	for i := range h.Len() {
		if h.At(i).Keyed {
			independent = "yes"
		}
	}
	if c.name == "jsonl" {
		independent = "no" // the key has a field of its own
	}
	back, err := c.read(bytes.NewReader(file.Bytes()), ImportOptions{Name: "h", Independent: independent})
	if err != nil {
		t.Fatalf("written, it cannot be read: %v\n%s", err, file.String())
	}
	if back.Len() != h.Len() {
		t.Fatalf("%d events became %d", h.Len(), back.Len())
	}
}

func BenchmarkReadEDN(b *testing.B) {
	h := &History{}
	for i := range 100_000 {
		op := Op{Time: int64(i) * 1000, Process: i / 2 % 50, F: "write", Key: int64(i / 300), Keyed: true, Value: Int(int64(i / 2))}
		if i%2 == 1 {
			op.Type = OK
		}
		h.Append(op)
	}
	var file bytes.Buffer
	if err := WriteEDN(&file, h); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(file.Len()))
	for b.Loop() {
		if _, err := ReadEDN(bytes.NewReader(file.Bytes()), ImportOptions{Name: "h", Independent: "auto"}); err != nil {
			b.Fatal(err)
		}
	}
}
