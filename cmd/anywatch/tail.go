package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"anywatch/alerts/terminal"
	"anywatch/cmd/internal/app"
	"anywatch/detector"
)

func tailCommand() *cobra.Command {
	var f askFlags
	cmd := &cobra.Command{
		Use:                   "tail [--url URL] [--format F]",
		DisableFlagsInUseLine: true,
		Short:                 "Follow what a running daemon says about incidents, as it happens",
		Long: `tail prints every change of an incident in a running daemon as it happens, until it is interrupted or the daemon ends. --format jsonl prints what
the file sink would write.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return app.Follow(cmd.Context(), f.url, func(line string) error {
				if f.format == "jsonl" {
					_, err := fmt.Fprintln(cmd.OutOrStdout(), line)
					return err
				}
				var c detector.Change
				if err := json.Unmarshal([]byte(line), &c); err != nil {
					return fmt.Errorf("what the daemon says can't be read: %w", err)
				}
				_, err := fmt.Fprintln(cmd.OutOrStdout(), terminal.Line(c))
				return err
			})
		},
	}
	f.add(cmd, "text", "jsonl")
	return cmd
}
