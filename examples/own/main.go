// Command own tests a system of one's own: a small replicated key-value store (image). It
// is the whole of faultline with one more target, which the rest of this file describes.
package main

import (
	"context"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strconv"
	"strings"

	"github.com/faultline-dev/faultline"
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/targets/docker"
)

func main() { faultline.Main(target) }

//go:embed image
var image embed.FS

var target = cluster.Target{
	Name: "own", Family: cluster.Leaderless, Doc: "a store that copies writes to whom it reaches", Data: []string{"register"},
	Promises: func(cluster.Options) []cluster.Promise {
		return []cluster.Promise{{Data: "register", Model: model.Linearizable, Quote: "Every node has the latest value."}}
	},
	Open: map[cluster.World]cluster.Opener{cluster.Docker: docker.Opener(docker.System{
		Name: "own",
		Image: func(context.Context, cluster.Options) (docker.Image, error) {
			files, err := fs.Sub(image, "image")
			return docker.Image{Context: files}, err
		},
		Container: func(n docker.Node, all []docker.Node, _ cluster.Options) docker.Container {
			var peers []string
			for _, p := range all {
				if p != n {
					peers = append(peers, p.Addr.String())
				}
			}
			return docker.Container{Env: map[string]string{"PEERS": strings.Join(peers, " ")}}
		},
		Connect: func(_ context.Context, n docker.Node, _ []docker.Node, _ cluster.Options) (cluster.Conn, error) {
			return conn{url: "http://" + n.Addr.String() + ":8000", http: &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}}, nil
		},
	})},
}

// conn is a client of one node.
type conn struct {
	url  string
	http *http.Client
	cluster.NoCompareAndSet
}

func (c conn) Close() error { c.http.CloseIdleConnections(); return nil }

func (c conn) Read(ctx context.Context, key int64) (value int64, found bool, err error) {
	code, body, err := c.do(ctx, http.MethodGet, key, "")
	if err != nil || code == http.StatusNotFound {
		return 0, false, err
	}
	value, err = strconv.ParseInt(body, 10, 64)
	return value, true, err
}

func (c conn) Write(ctx context.Context, key, value int64) error {
	_, _, err := c.do(ctx, http.MethodPut, key, strconv.FormatInt(value, 10))
	return err
}

func (c conn) do(ctx context.Context, method string, key int64, body string) (code int, answer string, err error) {
	request, err := http.NewRequestWithContext(ctx, method, fmt.Sprintf("%s/%d", c.url, key), strings.NewReader(body))
	if err != nil {
		return 0, "", cluster.Definite(err)
	}
	reply, err := c.http.Do(request)
	if err != nil {
		return 0, "", err // a write may have arrived all the same
	}
	defer reply.Body.Close()
	all, err := io.ReadAll(reply.Body)
	if reply.StatusCode >= 500 {
		err = fmt.Errorf("the node answers %s", reply.Status)
	}
	return reply.StatusCode, string(all), err
}
