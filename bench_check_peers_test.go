package faultline

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/anishathalye/porcupine"
)

// TestPeers: histories in the formats of porcupine's own are read for what they are.
func TestPeers(t *testing.T) {
	const begin = "INFO  jepsen.util - 0\t:invoke\t:write\t3\nINFO  jepsen.util - 0\t:ok\t:write\t3\nINFO  jepsen.util - 1\t:invoke\t:read\tnil\n"
	const stored = `{:process 0, :type :invoke, :f :put, :key "1", :value "x"}
{:process 0, :type :ok, :f :put, :key "1", :value "x"}
{:process 1, :type :invoke, :f :append, :key "1", :value "y"}
{:process 0, :type :invoke, :f :get, :key "1", :value nil}
`
	for _, c := range []struct {
		name, text string
		want       porcupine.CheckResult
		n          int
	}{
		{"etcd_1.log", begin + "INFO  jepsen.util - 1\t:ok\t:read\t3\n", porcupine.Ok, 2},
		{"etcd_2.log", begin + "INFO  jepsen.util - 1\t:ok\t:read\tnil\n", porcupine.Illegal, 2},
		{"etcd_3.log", begin + "INFO  jepsen.util - 1\t:fail\t:read\t:timed-out\n", porcupine.Ok, 1},
		{"etcd_4.log", begin + "INFO  jepsen.util - 2\t:invoke\t:cas\t[3 1]\nINFO  jepsen.util - 2\t:fail\t:cas\t[3 1]\n", porcupine.Illegal, 2},
		{"etcd_5.log", begin + "INFO  jepsen.util - 2\t:invoke\t:cas\t[3 1]\nINFO  jepsen.util - 2\t:info\t:cas\t:timed-out\nINFO  jepsen.util - 1\t:ok\t:read\t1\n", porcupine.Ok, 3},
		{"c01-ok.txt", stored + `{:process 0, :type :ok, :f :get, :key "1", :value "xy"}` + "\n", porcupine.Ok, 3},
		{"c01-late.txt", stored + `{:process 0, :type :ok, :f :get, :key "1", :value "x"}` + "\n", porcupine.Ok, 3},
		{"c01-bad.txt", stored + `{:process 0, :type :ok, :f :get, :key "1", :value "yx"}` + "\n", porcupine.Illegal, 3},
	} {
		name := filepath.Join(t.TempDir(), c.name)
		if err := os.WriteFile(name, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := readPeer(name)
		if err != nil {
			t.Fatal(err)
		}
		if p.n != c.n {
			t.Errorf("%s: %d operations, want %d", c.name, p.n, c.n)
		}
		if got := p.ours(context.Background()); got != c.want {
			t.Errorf("%s: the search says %s, want %s", c.name, got, c.want)
		}
		model, ops := p.theirs()
		if got := porcupine.CheckOperationsTimeout(model, ops, 0); got != c.want {
			t.Errorf("%s: porcupine says %s, want %s", c.name, got, c.want)
		}
	}
}
