package faultline_test

import (
	"bytes"
	"compress/gzip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// legalEDN is a register's history, on the key of somebody's test.
const legalEDN = `{:process 0, :type :invoke, :f :write, :value [:x 1]}
{:process 0, :type :ok,     :f :write, :value [:x 1]}
{:process 1, :type :invoke, :f :read,  :value [:x nil]}
{:process 1, :type :ok,     :f :read,  :value [:x 1]}
`

func gzipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(text))
	w.Close()
	return b.String()
}

func zstandard(text string) string {
	w, _ := zstd.NewWriter(nil)
	return string(w.EncodeAll([]byte(text), nil))
}

// TestCheckFiles: what people have as histories ends in an honest verdict, or in an error of
// one line that says where and what.
func TestCheckFiles(t *testing.T) {
	const long = 20 << 20
	line := func(rest string) string { return `{"process":0,"type":"invoke","f":"write","value":` + rest + "}\n" }
	for _, c := range []struct {
		name, content, args string
		code                int
		want                string
	}{
		{"a.edn", legalEDN, "", 0, "VALID: 2 of 2 operations"},
		{"a.edn.gz", gzipped(legalEDN), "", 0, "VALID: 2 of 2 operations"},
		{"a.edn.zst", zstandard(legalEDN), "--model register", 0, "VALID: 2 of 2 operations"},
		{"a.edn", strings.Replace(legalEDN, ":read,  :value [:x 1]", ":read,  :value [:x nil]", 1), "", 1, "on key :x, process 1 read nothing"},
		{"a.edn", legalEDN, "--independent no --model register", 0, "VALID"}, // of one register, which holds [:x 1]
		{"a.edn", legalEDN, "--model queue", 2, `operation 0 is "write", and a queue has enqueue`},
		{"a.edn", legalEDN, "--model teapot", 254, "unknown type of object or consistency model"},
		{"a.edn", legalEDN, "--format jsonl", 254, "a.edn:1: not an operation"},
		{"a", legalEDN, "", 254, "say what it is: --format"},
		{"a.csv", legalEDN, "", 254, "a history is a run directory"},
		{"a.edn.gz", legalEDN, "", 254, "gzip: invalid header"},
		{"a.edn.gz", gzipped(strings.Repeat(legalEDN, 100))[:60], "", 254, "unexpected EOF"},
		{"a.edn.zst", legalEDN, "", 254, "magic number mismatch"},
		{"a.edn", "", "", 254, "not a single operation"},
		{"a.jsonl", " \n\n", "", 254, "not a single operation"},
		{"a.flh", "", "", 254, "no Faultline history"},
		{"a.edn", "\x00\xff\x13", "", 254, "a.edn:1:"},
		{"a.jsonl", "\x00\xff\x13", "", 254, "a.jsonl:1:"},
		{"a.flh", "\x00\xff\x13", "", 254, "no Faultline history"},
		{"a.jsonl", line(`"` + strings.Repeat("a", long) + `"`), "", 254, "a.jsonl:1: an operation is longer than 16 MiB"},
		{"a.edn.gz", gzipped(strings.Repeat(" ", 8*long) + legalEDN), "", 0, "VALID"},
		{"a.jsonl", line(strings.Repeat("[", 1000)), "", 254, "a.jsonl:1: not an operation: values are nested"},
		{"a.jsonl", line("1") + line("2"), "", 254, "a.jsonl:2: process 0 invokes write, but its write of line 1 has not completed"},
		{"a.jsonl", line("1"), "--model register", 2, "not one operation succeeded"},
		{"a.jsonl", `{"process":0,"type":"ok","f":"read"}`, "", 254, "a.jsonl:1: process 0 completes read, which it had not invoked"},
		{"a.jsonl", `{"index":1,"process":0,"type":"invoke","f":"read"}` + "\n" + `{"index":1,"process":0,"type":"ok","f":"read"}`, "", 254, "a.jsonl:2: index 1 comes after index 1 of line 1"},
		{"a.jsonl", `{"time":9,"process":0,"type":"invoke","f":"read"}` + "\n" + `{"time":3,"process":0,"type":"ok","f":"read"}`, "", 0, "VALID"},
		{"a.jsonl", `{"time":-9,"process":0,"type":"invoke","f":"read"}`, "", 254, "a.jsonl:1: time -9 is before the start"},
		{"a.jsonl", `{"process":99999999999,"type":"invoke","f":"read"}`, "", 254, `a.jsonl:1: "process" cannot be 99999999999`},
	} {
		t.Run(c.name+" "+c.args+" "+c.want, func(t *testing.T) {
			args := append([]string{"check", write(t, c.name, c.content)}, strings.Fields(c.args)...)
			code, stdout, stderr := command(args...)
			if code != c.code || !strings.Contains(stdout+stderr, c.want) || strings.Contains(stdout+stderr, "the checker failed") {
				t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
			}
			if code == 254 && (stdout != "" || strings.Count(stderr, "\n") != 1) {
				t.Errorf("an error is one line:\n%s%s", stdout, stderr)
			}
		})
	}
}

// TestCheckMany: a file that cannot be read keeps nobody from hearing of the others.
func TestCheckMany(t *testing.T) {
	legal := write(t, "legal.edn", legalEDN)
	empty := t.TempDir()
	code, stdout, _ := command("check", legal, empty, filepath.Join(empty, "nowhere.edn"))
	for _, want := range []string{"valid    " + legal, "error    " + empty + ": open run", "nowhere.edn: read history: "} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q:\n%s", want, stdout)
		}
	}
	if code != 254 || strings.Count(stdout, "\n") != 3 {
		t.Errorf("exit code %d\n%s", code, stdout)
	}
}

// TestCheckStandardInput reads what comes in, once told what it is.
func TestCheckStandardInput(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"check", "-", "--format", "edn"}, 0, "VALID: 2 of 2"},
		{[]string{"check", "-"}, 254, "say what it is: --format"},
	} {
		cmd := program(t, c.args...)
		cmd.Stdin = strings.NewReader(legalEDN)
		out, err := cmd.CombinedOutput()
		if code := exitCode(t, err); code != c.code || !strings.Contains(string(out), c.want) {
			t.Errorf("%v: exit code %d\n%s", c.args, code, out)
		}
	}
}
