package faultline

import (
	"github.com/spf13/cobra"
)

func (a *app) benchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure the harness itself",
		Args: func(cmd *cobra.Command, args []string) error {
			return exactArgs(0, "but one of its subcommands: sim, record, detect, faults, check")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.benchSim(), a.benchRecord(), a.benchDetect(), a.benchFaults(), a.benchCheck(), a.checkOneCommand())
	return cmd
}
