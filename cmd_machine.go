package faultline

import (
	"context"
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/faultline-dev/faultline/nemesis/linux/clock"
	"github.com/faultline-dev/faultline/targets/docker"
	"github.com/faultline-dev/faultline/targets/host"
)

func (a *app) doctorCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what this machine can and can't do, and how to mend it",
		Long: `Doctor tries out what runs in containers need. Simulated runs need nothing, so it exits 0
either way.`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		checks := docker.Doctor(cmd.Context())
		if asJSON {
			enc := json.NewEncoder(a.out)
			enc.SetIndent("", "  ")
			return crash(enc.Encode(checks))
		}
		tw := tabwriter.NewWriter(a.out, 2, 0, 2, ' ', 0)
		fmt.Fprintf(tw, "yes\tsimulated runs\tneed nothing\n")
		for _, c := range checks {
			word := "yes"
			if !c.OK {
				word = "NO"
			}
			fmt.Fprintf(tw, "%s\t%s\t%s\n", word, c.Name, c.Detail)
			if !c.OK && c.Remedy != "" {
				fmt.Fprintf(tw, "\t\tremedy: %s\n", c.Remedy)
			}
		}
		return crash(tw.Flush())
	}
	return cmd
}

func (a *app) cleanCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "clean",
		Short: "Remove or heal whatever a killed run left behind; living runs stay untouched",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			done, err := docker.Clean(cmd.Context(), a.err)
			for _, d := range done {
				fmt.Fprintln(a.out, d)
			}
			if err != nil {
				return crash(err)
			}
			if len(done) == 0 {
				fmt.Fprintln(a.out, "nothing to remove")
			}
			return nil
		},
	}
}

// nodeCommand is what runs inside a reference system's container.
func (a *app) nodeCommand() *cobra.Command {
	return &cobra.Command{
		Use:                "node",
		Hidden:             true,
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return crash(host.Command(cmd.Context(), args, a.targets))
		},
	}
}

// clockProbeCommand is the program whose clock doctor makes wrong.
func (a *app) clockProbeCommand() *cobra.Command {
	return &cobra.Command{
		Use:    docker.ClockProbe,
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return crash(clock.Probe(cmd.InOrStdin(), a.out))
		},
	}
}

// diskHelperCommand is the process that serves the layers over a run's disks.
func (a *app) diskHelperCommand() *cobra.Command {
	return &cobra.Command{
		Use:    docker.DiskHelper + " DIR",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			// Not the command's context: no signal of a terminal may end it before its run.
			return crash(docker.ServeDisks(context.Background(), args[0]))
		},
	}
}
