package disk

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// A helper's directory holds these, and whatever else its owner puts there.
const (
	mountsFile  = "mounts.json"
	controlFile = "control"
	pidFile     = "pid"
	logFile     = "helper.log"
)

// order is what a helper is told to do, on a line of its own.
type order struct {
	Mount   string
	Do      string
	Trouble Trouble
	Torn    bool   `json:",omitempty"`
	Pattern string `json:",omitempty"`
	Seed    uint64 `json:",omitempty"`
}

// reply is its answer.
type reply struct {
	Err    string `json:",omitempty"`
	Loss   Loss
	Counts Counts
	Text   string `json:",omitempty"`
}

// What a helper can be told.
const (
	doTrouble = "trouble"
	doCounts  = "counts"
	doFail    = "power-fails"
	doFlip    = "flip"
	doCut     = "truncate"
	doEnd     = "end"
)

// Serve is a helper process: it mounts the layers that its directory lists and does what it
// is told, until it is told to end.
func Serve(ctx context.Context, dir string) error {
	syscall.Umask(0) // those of the layers' users hold
	list, err := os.ReadFile(filepath.Join(dir, mountsFile))
	if err != nil {
		return err
	}
	var mounts []Mount
	if err := json.Unmarshal(list, &mounts); err != nil {
		return fmt.Errorf("%s: %w", mountsFile, err)
	}
	layers := map[string]*layer{}
	release := func() error {
		var errs []error
		for _, m := range mounts {
			if l := layers[m.Name]; l != nil {
				l.weather.set(Trouble{})
			}
			errs = append(errs, unmount(m.Point()))
		}
		return errors.Join(errs...)
	}
	for _, m := range mounts {
		l, err := mount(m.Data(), filepath.Join(m.Under, trashDir), m.Point())
		if err != nil {
			return errors.Join(fmt.Errorf("mount %s: %w", m.Point(), err), release())
		}
		layers[m.Name] = l
	}
	s, err := net.Listen("unix", filepath.Join(dir, controlFile))
	if err != nil {
		return errors.Join(err, release())
	}
	ending := make(chan struct{})
	var once sync.Once
	end := func() { once.Do(func() { close(ending); _ = s.Close() }) }
	defer context.AfterFunc(ctx, end)()
	var wg sync.WaitGroup
	for {
		c, err := s.Accept()
		if err != nil {
			break
		}
		wg.Go(func() {
			defer c.Close()
			defer context.AfterFunc(ctx, func() { _ = c.Close() })()
			talk(c, layers, release, end)
		})
	}
	<-ending
	return release()
}

// talk does what one connection asks for.
func talk(c net.Conn, layers map[string]*layer, release func() error, end func()) {
	lines := bufio.NewScanner(c)
	for lines.Scan() {
		var o order
		var r reply
		err := json.Unmarshal(lines.Bytes(), &o)
		switch {
		case err != nil:
		case o.Do == doEnd:
			err = release()
		case layers[o.Mount] == nil:
			err = fmt.Errorf("there is no mount %q", o.Mount)
		default:
			r, err = layers[o.Mount].obey(o)
		}
		if err != nil {
			r.Err = err.Error()
		}
		if json.NewEncoder(c).Encode(r) != nil {
			return
		}
		if o.Do == doEnd {
			end()
			return
		}
	}
}

func (l *layer) obey(o order) (r reply, err error) {
	random := rand.New(rand.NewPCG(o.Seed, 0x6469736b))
	switch o.Do {
	case doTrouble:
		l.weather.set(o.Trouble)
	case doCounts:
	case doFail:
		r.Loss, err = l.powerFails(o.Torn, random)
	case doFlip:
		r.Text, err = l.flip(o.Pattern, random)
	case doCut:
		r.Text, err = l.truncate(o.Pattern, random)
	default:
		err = fmt.Errorf("there is no order %q", o.Do)
	}
	r.Counts = l.counts()
	return r, err
}
