package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sort"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	testcontainers "github.com/testcontainers/testcontainers-go"
)

// labelImage marks images that we built, with what they are of: system and arguments.
const labelImage = "faultline.image"

// labelStage marks, in our Dockerfiles, the images of the stages that an image is made in.
const labelStage = "faultline.stage"

// Whoever prunes images while another build is under way, a run beside this one for instance,
// takes the stages from under it that nothing stands on yet. The next attempt makes them anew.
const (
	parentGone   = "unknown parent image"
	buildRetries = 2
)

// ensure returns the tag of an image, which is built unless one of the same content is
// there already.
func (e *engine) ensure(ctx context.Context, name string, img Image, log io.Writer) (string, error) {
	archive, err := pack(img.Context)
	if err != nil {
		return "", fmt.Errorf("pack the build context of image %s: %w", name, err)
	}
	repo, tag := "faultline/"+name, fingerprint(archive, img.Args)
	full := repo + ":" + tag
	if _, err := e.ImageInspect(ctx, full); err == nil {
		return full, nil
	} else if !errdefs.IsNotFound(err) {
		return "", fmt.Errorf("look for image %s: %w", full, err)
	}
	began, of := time.Now(), name+" "+words(img.Args)
	fmt.Fprintf(log, "building image %s\n", full)
	args := map[string]*string{}
	for k, v := range img.Args {
		args[k] = &v
	}
	build := func() (string, error) {
		return e.provider.BuildImage(ctx, &testcontainers.ContainerRequest{FromDockerfile: testcontainers.FromDockerfile{
			ContextArchive: bytes.NewReader(archive), Repo: repo, Tag: tag, BuildArgs: args,
			BuildLogWriter: log, KeepImage: true,
			BuildOptionsModifier: func(o *client.ImageBuildOptions) {
				o.Labels = map[string]string{labelImage: of}
			},
		}})
	}
	built, err := build()
	for range buildRetries {
		if err == nil || !strings.Contains(err.Error(), parentGone) {
			break
		}
		fmt.Fprintf(log, "building image %s again: %v\n", full, err)
		built, err = build()
	}
	if err != nil {
		return "", fmt.Errorf("image %s: %w (the base images can be made where none can be pulled: .ci/base-images)", full, err)
	}
	fmt.Fprintf(log, "built image %s in %s\n", full, time.Since(began).Round(time.Millisecond))
	e.retire(ctx, of, full)
	// The classic builder leaves the images of earlier stages, which nothing will use.
	_, _ = e.ImagePrune(ctx, client.ImagePruneOptions{Filters: client.Filters{}.Add("dangling", "true").Add("label", labelStage)})
	return built, nil
}

// fetch has an image that has a name here: it is pulled unless it is there already.
func (e *engine) fetch(ctx context.Context, name string, log io.Writer) error {
	_, err := e.ImageInspect(ctx, name)
	switch {
	case err == nil:
		return nil
	case !errdefs.IsNotFound(err):
		return fmt.Errorf("look for image %s: %w", name, err)
	}
	fmt.Fprintf(log, "pulling image %s\n", name)
	pulling, err := e.ImagePull(ctx, name, client.ImagePullOptions{})
	if err == nil {
		err = errors.Join(pulling.Wait(ctx), pulling.Close())
	}
	if err != nil {
		return fmt.Errorf("image %s is not here and cannot be pulled: %w", name, err)
	}
	return nil
}

// grace is how long an image that a newer one replaces is kept: a run that is starting
// now may be about to use it.
const grace = time.Hour

// retire removes older images of the same thing, so that they don't pile up with every
// build of a program. One that a container uses is refused by the engine, and stays.
func (e *engine) retire(ctx context.Context, of, except string) {
	list, err := e.ImageList(ctx, client.ImageListOptions{Filters: client.Filters{}.Add("label", labelImage+"="+of)})
	if err != nil {
		return
	}
	for _, i := range list.Items {
		if time.Since(time.Unix(i.Created, 0)) < grace {
			continue
		}
		for _, tag := range i.RepoTags {
			if tag != except {
				_, _ = e.ImageRemove(ctx, tag, client.ImageRemoveOptions{PruneChildren: true})
			}
		}
	}
}

// fingerprint is the same for the same content and arguments.
func fingerprint(archive []byte, args map[string]string) string {
	h := sha256.New()
	h.Write(archive)
	h.Write([]byte(words(args)))
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// words are settings as name=value, in order.
func words(settings map[string]string) string {
	all := make([]string, 0, len(settings))
	for k, v := range settings {
		all = append(all, k+"="+v)
	}
	sort.Strings(all)
	return strings.Join(all, " ")
}

// pack makes a tar archive of a file tree, the same one every time.
func pack(tree fs.FS) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	err := fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(tree, path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		mode := int64(0o644)
		if info.Mode()&0o111 != 0 {
			mode = 0o755
		}
		if err := w.WriteHeader(&tar.Header{Name: path, Mode: mode, Size: int64(len(content))}); err != nil {
			return err
		}
		_, err = w.Write(content)
		return err
	})
	if err != nil {
		return nil, err
	}
	return b.Bytes(), w.Close()
}
