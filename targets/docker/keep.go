package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/moby/moby/client"

	"github.com/faultline-dev/faultline/harness/cluster"
)

var _ cluster.Keeper = (*containers)(nil)

// keepLimit is how much of a volume is kept.
const keepLimit = 256 << 20

// Keep implements cluster.Keeper: each volume of a node becomes a tar file in its folder.
// The engine reads the volume of a node that is down as well.
func (c *containers) Keep(ctx context.Context, dir string) error {
	if c.spec.Attach != "" {
		return nil // whoever runs the cluster has its data
	}
	return c.each(func(m *member) error {
		if m.id == "" {
			return nil
		}
		var errs []error
		for _, v := range c.system.Container(m.Node, c.all(), c.spec.Options).Volumes {
			errs = append(errs, c.keep(ctx, m, v, filepath.Join(dir, "nodes", m.Name)))
		}
		return errors.Join(errs...)
	})
}

func (c *containers) keep(ctx context.Context, m *member, volume, dir string) error {
	got, err := c.engine.CopyFromContainer(ctx, m.id, client.CopyFromContainerOptions{SourcePath: volume})
	if err != nil {
		return fmt.Errorf("read volume %s: %w", volume, err)
	}
	defer got.Content.Close()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	name := filepath.Join(dir, strings.Trim(strings.ReplaceAll(volume, "/", "-"), "-")+".tar")
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, io.LimitReader(got.Content, keepLimit))
	if n == keepLimit {
		fmt.Fprintf(c.spec.Log, "%s: only the first %d MiB are kept\n", name, keepLimit>>20)
	}
	return errors.Join(err, f.Close())
}
