package history

import (
	"bytes"
	"strings"
	"testing"
)

// TestKeys: keys that are no integers are numbered as they come, keep their names, and are
// written as they were read.
func TestKeys(t *testing.T) {
	const events = `{:process 0, :type :invoke, :f :write, :value [:x 1]}
{:process 1, :type :invoke, :f :write, :value ["a b" 2]}
{:process 0, :type :ok, :f :write, :value [:x 1]}
{:process 1, :type :info, :f :write, :value nil}
{:process 0, :type :invoke, :f :read, :value [7 nil]}
{:process 0, :type :ok, :f :read, :value [7 3]}
`
	h, err := ReadEDN(strings.NewReader(events), ImportOptions{Name: "x.edn"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range codecs {
		var out bytes.Buffer
		if err := c.write(&out, h); err != nil {
			t.Fatal(err)
		}
		again, err := c.read(&out, ImportOptions{Name: "again"})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		for i, want := range []string{":x", `"a b"`, ":x", `"a b"`, "7", "7"} {
			if e := again.At(i); !e.Keyed || again.KeyName(e.Key) != want || !again.Named() {
				t.Errorf("%s: event %d has key %d, %s, want %s", c.name, i, e.Key, again.KeyName(e.Key), want)
			}
		}
	}
	if got := (&History{}).KeyName(-3); got != "-3" {
		t.Errorf("key -3 is %s", got)
	}
}

// TestKeyErrors: a key that cannot be one is an error of its line.
func TestKeyErrors(t *testing.T) {
	for _, c := range []struct{ codec, text, want string }{
		{"edn", "{:process 0 :type :invoke :f :read :value [1 nil]}\n{:process 1 :type :invoke :f :read :value [:x nil]}", "x:2: key :x is no integer"},
		{"edn", "{:process 0 :type :invoke :f :read :value [:x nil]}\n{:process 1 :type :invoke :f :read :value [1.5 nil]}", "x:2: the value of read is no [key value] tuple"},
		{"edn", "{:process 0 :type :invoke :f :read :value [:x nil]}\n{:process 0 :type :ok :f :read :value [:y nil]}", "x:2: process 0 completes read of key :y, which it had not invoked on that key"},
		{"jsonl", `{"process":0,"type":"invoke","f":"read","key":[1]}`, "x:1: a key is an integer, a string or a keyword, and not [1]"},
		{"jsonl", `{"process":0,"type":"invoke","f":"read","key":{"edn":":x"}}` + "\n" + `{"process":0,"type":"ok","f":"read","key":"x"}`, `x:2: process 0 completes read of key "x", which`},
		{"jsonl", `{"process":0,"type":"invoke","f":"read"}` + "\n" + `{"process":0,"type":"ok","f":"read","key":1}`, `x:2: process 0 completes read of key 1, which`},
		{"jsonl", `[{"process":0,` + "\n", "x:1: JSON lines have an operation on each line"},
	} {
		for _, codec := range codecs {
			if codec.name != c.codec {
				continue
			}
			if _, err := codec.read(strings.NewReader(c.text), ImportOptions{Name: "x"}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %s", c.text, err, c.want)
			}
		}
	}
	if _, err := ReadEDN(strings.NewReader("\uFEFF{:process 0 :type :invoke :f :read}"), ImportOptions{}); err != nil {
		t.Errorf("with a byte order mark: %v", err)
	}
}
