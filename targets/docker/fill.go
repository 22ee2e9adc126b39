package docker

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// volumes are the directories that a node keeps its data in.
func (c *containers) volumes(m *member) []string {
	return slices.Sorted(slices.Values(c.system.Container(m.Node, c.all(), c.spec.Options).Volumes))
}

// fill copies what the image has in its volumes, with owners and modes, to directories of
// this machine, as the engine does for volumes of its own. It makes a container for that,
// which is never started.
func (c *containers) fill(ctx context.Context, image string, below map[string][]string) (err error) {
	volumes := map[string]struct{}{}
	for v := range below {
		volumes[v] = struct{}{}
	}
	made, err := c.engine.ContainerCreate(ctx, client.ContainerCreateOptions{
		Name: c.name() + "-volumes",
		Config: &container.Config{
			Image: image, Labels: c.labels, Volumes: volumes, Entrypoint: []string{"none"},
		},
	})
	if err != nil {
		return err
	}
	defer func() {
		_, removeErr := c.engine.ContainerRemove(ctx, made.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		err = errors.Join(err, removeErr)
	}()
	for v, dirs := range below {
		for _, dir := range dirs {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
			got, err := c.engine.CopyFromContainer(ctx, made.ID, client.CopyFromContainerOptions{SourcePath: v})
			if errdefs.IsNotFound(err) {
				continue
			}
			if err != nil {
				return err
			}
			err = unpack(got.Content, dir)
			if err = errors.Join(err, got.Content.Close()); err != nil {
				return fmt.Errorf("%s: %w", v, err)
			}
		}
	}
	return nil
}

// unpack writes the tree in an archive, whose first directory stands for dir, and nothing
// outside of that.
func unpack(archive io.Reader, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	r := tar.NewReader(archive)
	for {
		h, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		name := inside(h.Name)
		switch h.Typeflag {
		case tar.TypeDir:
			if name != "." {
				err = root.MkdirAll(name, 0o755)
			}
		case tar.TypeReg:
			err = unpackFile(root, name, r)
		case tar.TypeSymlink:
			if err := errors.Join(root.Symlink(h.Linkname, name), root.Lchown(name, h.Uid, h.Gid)); err != nil {
				return err
			}
			continue
		case tar.TypeLink:
			err = root.Link(inside(h.Linkname), name)
		default: // devices and pipes are no data
			continue
		}
		if err == nil {
			err = errors.Join(root.Lchown(name, h.Uid, h.Gid), root.Chmod(name, h.FileInfo().Mode()&(fs.ModePerm|fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky)))
		}
		if err != nil {
			return err
		}
	}
}

// inside is a name in an archive, below its first directory.
func inside(name string) string {
	_, rest, _ := strings.Cut(path.Clean(name), "/")
	if rest == "" {
		return "."
	}
	return rest
}

func unpackFile(root *os.Root, name string, content io.Reader) error {
	f, err := root.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Close())
}
