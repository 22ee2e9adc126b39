package faultline

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/spf13/cobra"

	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/store"
)

func (a *app) showCommand() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:   "show RUN",
		Short: "Show a run in the terminal: what was run, what came of it, the operations that prove an anomaly",
		Args:  exactArgs(1, "the run directory (store/latest is the newest)"),
	}
	cmd.Flags().IntVar(&limit, "ops", 40, "at most so many operations of an anomaly")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		run, err := openRun(args[0])
		if err != nil {
			return badInput(err)
		}
		res, err := run.Results()
		if errors.Is(err, fs.ErrNotExist) {
			return badInput(fmt.Errorf("%s was not judged: run faultline check %s", run.Dir, run.Dir))
		}
		if err != nil {
			return badInput(err)
		}
		h, info, err := run.History()
		if err != nil {
			return badInput(err)
		}
		c := res.Config
		fmt.Fprintf(a.out, "target:     %s on %s, %d nodes, workload %s, model %s, seed %d\n", c.Target, c.World, len(c.Nodes), c.Workload, c.Model, c.Seed)
		if info.Torn {
			fmt.Fprintf(a.out, "history:    %s\n", torn(info))
		}
		a.verdict(run, res, nil)
		if an, found := res.FirstAnomaly(); found && len(an.Ops) > 0 {
			fmt.Fprintf(a.out, "\nthe operations that prove it (index, time ns, process, type, operation, value):\n")
			for i, at := range an.Ops {
				if i == limit {
					fmt.Fprintf(a.out, "  ... and %d more\n", len(an.Ops)-limit)
					break
				}
				if at >= 0 && at < h.Len() {
					fmt.Fprintf(a.out, "  %s\n", h.At(at))
				}
			}
		}
		return nil
	}
	return cmd
}

func (a *app) reportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "report RUN",
		Short: "Write a run's report.html anew",
		Args:  exactArgs(1, "the run directory"),
		RunE: func(_ *cobra.Command, args []string) error {
			run, err := openRun(args[0])
			if err != nil {
				return badInput(err)
			}
			if _, err := run.Results(); errors.Is(err, fs.ErrNotExist) {
				return badInput(fmt.Errorf("%s was not judged: run faultline check %s", run.Dir, run.Dir))
			}
			if err := renderReport(run); err != nil {
				return crash(err)
			}
			fmt.Fprintln(a.out, run.Path(store.ReportFile))
			return nil
		},
	}
}

func (a *app) exportCommand() *cobra.Command {
	var format, file string
	cmd := &cobra.Command{
		Use:   "export RUN --format edn|jsonl",
		Short: "Write a run's history for other tools",
		Args:  exactArgs(1, "the run directory or history file"),
	}
	cmd.Flags().StringVar(&format, "format", "jsonl", "edn (Jepsen's) or jsonl")
	cmd.Flags().StringVarP(&file, "output", "o", "", "write to this file instead of standard output")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		write := map[string]func(*history.History) error{}
		out := a.out
		write["edn"] = func(h *history.History) error { return history.WriteEDN(out, h) }
		write["jsonl"] = func(h *history.History) error { return history.WriteJSONL(out, h) }
		if write[format] == nil {
			return badInput(fmt.Errorf("--format %q: there are edn and jsonl", format))
		}
		h, _, err := loadHistory(args[0], importOptions{})
		if err != nil {
			return badInput(err)
		}
		if file != "" {
			f, err := os.Create(file)
			if err != nil {
				return badInput(fmt.Errorf("--output: %w", err))
			}
			out = f
			return crash(errors.Join(write[format](h), f.Close()))
		}
		return crash(write[format](h))
	}
	return cmd
}

// openRun opens a run directory, explaining what would be one.
func openRun(dir string) (*store.Run, error) {
	run, err := store.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no run at %s: give a run directory, such as store/latest", dir)
	}
	return run, err
}

// exactArgs wants n arguments and says which.
func exactArgs(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return badInput(fmt.Errorf("%s takes %d argument(s), %s; it was given %d", cmd.CommandPath(), n, what, len(args)))
		}
		return nil
	}
}

// importOptions say how a foreign history is to be read.
type importOptions struct {
	format      string // edn, jsonl, flh; "": by the file's name
	independent string // auto, yes, no
}

// loadHistory reads a history file of any format, or a run directory's. Files of text may be
// compressed; "-" is standard input.
func loadHistory(path string, o importOptions) (*history.History, *history.FileInfo, error) {
	in := os.Stdin
	if path != "-" {
		stat, err := os.Stat(path)
		if err != nil {
			return nil, nil, fmt.Errorf("read history: %w", err)
		}
		if stat.IsDir() {
			run, err := openRun(path)
			if err != nil {
				return nil, nil, err
			}
			return run.History()
		}
		if in, err = os.Open(path); err != nil {
			return nil, nil, fmt.Errorf("read history: %w", err)
		}
		defer in.Close()
	}
	name, compression := path, filepath.Ext(path)
	if compression == ".gz" || compression == ".zst" {
		name = strings.TrimSuffix(path, compression)
	}
	format := o.format
	if format == "" {
		format = strings.TrimPrefix(filepath.Ext(name), ".")
	}
	opts := history.ImportOptions{Name: path, Independent: o.independent}
	read := history.ReadJSONL
	switch format {
	case "flh":
		if path == "-" || name != path {
			return nil, nil, fmt.Errorf("%s: a .flh has to be a file, and is compressed already", path)
		}
		h, info, err := history.Open(path)
		if err == nil {
			if err = h.Sound(); err != nil {
				err = fmt.Errorf("%s: %w", path, err)
			}
		}
		return h, info, err
	case "edn":
		read = history.ReadEDN
	case "jsonl", "json", "ndjson":
	case "":
		return nil, nil, fmt.Errorf("%s: say what it is: --format edn or --format jsonl", path)
	default:
		return nil, nil, fmt.Errorf("%s: a history is a run directory, a .flh, a .edn or a .jsonl file (or say --format)", path)
	}
	text, done, err := decompress(in, compression)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	defer done()
	h, err := read(text, opts)
	return h, &history.FileInfo{}, err
}

// decompress reads what a file's name says that it is compressed with.
func decompress(r io.Reader, compression string) (io.Reader, func(), error) {
	switch compression {
	case ".gz":
		z, err := gzip.NewReader(r)
		return z, func() {}, err
	case ".zst":
		z, err := zstd.NewReader(r, zstd.WithDecoderMaxMemory(1<<28))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	}
	return r, func() {}, nil
}
