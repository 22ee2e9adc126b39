package faultline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"sync/atomic"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Exit codes.
const (
	exitValid    = 0
	exitInvalid  = 1
	exitUnknown  = 2
	exitBadInput = 254
	exitCrash    = 255
)

// Main is the command line of a program that tests the given targets with the given
// workloads and checkers besides the built-in ones. It does not return.
func Main(extensions ...any) {
	os.Exit(Run(os.Args[1:], os.Stdout, os.Stderr, extensions...))
}

// Run is Main without the end of the program: it returns the exit code.
func Run(args []string, stdout, stderr io.Writer, extensions ...any) int {
	reg, err := newRegistry(extensions)
	if err != nil {
		fmt.Fprintln(stderr, "faultline:", err)
		return exitBadInput
	}
	interrupt := onInterrupt(stderr)
	defer interrupt.release()
	a := &app{registry: reg, out: stdout, err: stderr, interrupt: interrupt}
	root := a.rootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err = root.ExecuteContext(interrupt.ctx)
	var e *exitError
	switch {
	case err == nil:
		return exitValid
	case errors.As(err, &e):
		if e.err != nil {
			fmt.Fprintln(stderr, "faultline:", oneLine(e.err))
		}
		return e.code
	default: // cobra's own: flags and arguments
		fmt.Fprintln(stderr, "faultline:", oneLine(err))
		return exitBadInput
	}
}

// app is one execution of the command line.
type app struct {
	*registry
	out, err  io.Writer
	interrupt *interruption
}

// exitError carries an exit code up to Run. Without an error everything has been said.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func badInput(err error) error {
	if err == nil {
		return nil
	}
	return &exitError{exitBadInput, err}
}

func crash(err error) error {
	if err == nil {
		return nil
	}
	return &exitError{exitCrash, err}
}

func exit(code int) error {
	if code == exitValid {
		return nil
	}
	return &exitError{code: code}
}

// interruption is what Ctrl-C does: to what heeds it, stop at first, and at the second time the
// end of ctx; to everything else, the end of ctx at once.
type interruption struct {
	ctx          context.Context
	stop, heeded atomic.Bool
	release      func()
}

func onInterrupt(stderr io.Writer) *interruption {
	in := &interruption{}
	ctx, cancel := context.WithCancelCause(context.Background())
	in.ctx = ctx
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, terminations...)
	quit := make(chan struct{})
	go func() {
		for {
			select {
			case <-quit:
				return
			case <-signals:
			}
			switch {
			case !in.heeded.Load():
				cancel(errors.New("interrupted"))
			case in.stop.Swap(true):
				cancel(errors.New("interrupted twice"))
			default:
				fmt.Fprintln(stderr, "\ninterrupted: healing the cluster and judging what there is (again: leave at once)")
			}
		}
	}()
	in.release = func() {
		signal.Stop(signals)
		close(quit)
		cancel(nil)
	}
	return in
}

// heed has the first Ctrl-C stop what goes on, which asks for it.
func (in *interruption) heed() *atomic.Bool {
	in.heeded.Store(true)
	return &in.stop
}

// rootCommand is the tree of commands.
func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "faultline",
		Short: "Find out whether a distributed system keeps its promises when the network splits, nodes die and clocks lie",
		Long: `Faultline drives a cluster with concurrent operations while nemeses inject faults, and
decides from the recorded history whether the consistency that was promised held.

Every flag --some-flag can be given as environment variable FAULTLINE_SOME_FLAG too.
Exit codes: 0 valid, 1 invalid, 2 unknown, 254 bad arguments or input, 255 the harness failed.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       Version(),
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return fromEnvironment(cmd.Flags())
		},
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return badInput(fmt.Errorf("%w (see %s --help)", err, cmd.CommandPath()))
	})
	root.AddCommand(
		a.demoCommand(), a.runCommand(), a.checkCommand(), a.listCommand(), a.showCommand(),
		a.reportCommand(), a.exportCommand(), a.benchCommand(), a.doctorCommand(), a.cleanCommand(),
		a.nodeCommand(), a.clockProbeCommand(), a.diskHelperCommand(), a.docsCommand(),
	)
	return root
}

// fromEnvironment sets the flags that were not given from their FAULTLINE_* twins.
func fromEnvironment(flags *pflag.FlagSet) error {
	var err error
	flags.VisitAll(func(f *pflag.Flag) {
		name := "FAULTLINE_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, given := os.LookupEnv(name)
		if !given || f.Changed || err != nil {
			return
		}
		if setErr := flags.Set(f.Name, value); setErr != nil {
			err = badInput(fmt.Errorf("%s=%q: %w", name, value, setErr))
		}
	})
	return err
}

// Version is that of the module the program was built from.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "devel"
	}
	return info.Main.Version
}

// oneLine keeps an error message to a line: what went wrong, where and what to do.
func oneLine(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}
