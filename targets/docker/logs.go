package docker

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
)

// logs carries a node's output into its file in the run directory while the node runs, so
// that a harness that is killed leaves it there.
type logs struct {
	file  *os.File // nil: nothing is kept
	watch *lineWatch
	ended sync.WaitGroup
	stop  context.CancelFunc
}

func openLogs(dir, node string, w *lineWatch) (*logs, error) {
	if dir == "" {
		return &logs{watch: w}, nil
	}
	folder := filepath.Join(dir, "nodes", node)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	f, err := os.Create(filepath.Join(folder, "node.log"))
	return &logs{file: f, watch: w}, err
}

// drain is how long the last words of a process may take to arrive.
const drain = 2 * time.Second

// follow copies what the container says since it started, until it ends. What it said
// when it ran before comes first.
func (l *logs) follow(e *engine, id, startedAt string) {
	l.finish()
	options := client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Follow: true}
	if t, err := time.Parse(time.RFC3339Nano, startedAt); err == nil {
		options.Since = stamp(t)
	}
	ctx, cancel := context.WithCancel(context.Background())
	l.stop = cancel
	l.ended.Go(func() {
		defer cancel()
		_ = copyLogs(ctx, e, id, options, l)
	})
}

// Write implements io.Writer: it keeps what the node says, and looks at it.
func (l *logs) Write(b []byte) (int, error) {
	l.watch.look(b)
	if l.file == nil {
		return len(b), nil
	}
	return l.file.Write(b)
}

// finish waits for the end of the stream, which comes with that of the process.
func (l *logs) finish() {
	if l.stop == nil {
		return
	}
	defer time.AfterFunc(drain, l.stop).Stop()
	l.ended.Wait()
}

// leave stops listening to a process that goes on.
func (l *logs) leave() {
	if l.stop != nil {
		l.stop()
	}
}

func (l *logs) close() error {
	l.finish()
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

func copyLogs(ctx context.Context, e *engine, id string, o client.ContainerLogsOptions, w io.Writer) error {
	r, err := e.ContainerLogs(ctx, id, o)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = stdcopy.StdCopy(w, w, r)
	return err
}
