package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"anywatch/cmd/internal/config"
)

// Exit statuses, as the command line promises them.
const (
	statusDone   = 0
	statusNo     = 1 // done, and the answer is no
	statusFailed = 2 // could not be done; the message says which, where, and what to do
)

// errNo ends a command that was done and whose answer is no; it was said already.
var errNo = errors.New("the answer is no")

// execute runs one command line and gives its exit status.
func execute(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	cmd := rootCommand()
	cmd.SetArgs(args)
	cmd.SetIn(stdin)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	switch err := cmd.ExecuteContext(ctx); {
	case err == nil:
		return statusDone
	case errors.Is(err, errNo):
		return statusNo
	default:
		fmt.Fprintln(stderr, message(err))
		return statusFailed
	}
}

// message puts the program's name before an error, but leaves faults of a configuration as they are: one line each, beginning with the
// file, so that editors can jump to them.
func message(err error) string {
	var faults config.Faults
	if errors.As(err, &faults) {
		return err.Error()
	}
	return "anywatch: " + err.Error()
}

func rootCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "anywatch",
		Short: "A route monitor for people who run anycast",
		Long: `anywatch peers passively with route reflectors, collects BMP, reads public feeds and archives, and tells the NOC when a prefix is
hijacked, why, and when it is over. It never sends a route.

Begin with:  anywatch demo`,
		Args:                  knownCommand,
		DisableFlagsInUseLine: true,
		SilenceErrors:         true,
		SilenceUsage:          true,
		RunE:                  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.SetFlagErrorFunc(flagError)
	cmd.SetHelpCommand(helpCommand())
	cmd.AddCommand(runCommand(), demoCommand(), replayCommand(), checkCommand(), generateCommand(), reportCommand(), explainCommand(), rpkiCommand(), versionCommand())
	cmd.AddCommand(alertsCommand(), statusCommand(), routesCommand(), incidentsCommand(), waitCommand(), ackCommand(), silenceCommand(), maintenanceCommand(), tailCommand())
	strictCompletion(cmd)
	return cmd
}

// configFlag adds -c, which most commands need.
func configFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVarP(path, "config", "c", "anywatch.yaml", "the configuration `FILE`")
}

// loadConfig reads the configuration that -c names. Who didn't name one learns of -c when there is none.
func loadConfig(cmd *cobra.Command, path string) (*config.Config, error) {
	if !cmd.Flags().Changed("config") {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("there is no %s in this directory; name the configuration with -c FILE", path)
		}
	}
	return config.Load(path)
}
