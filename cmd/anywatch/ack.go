package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"anywatch/cmd/internal/app"
)

// authorFlag adds --author: who gives an order is told with it.
func authorFlag(cmd *cobra.Command, author *string) {
	cmd.Flags().StringVar(author, "author", os.Getenv("USER"), "`NAME` of who does it; $USER if not given")
}

func ackCommand() *cobra.Command {
	var f askFlags
	var author, comment string
	var undo bool
	cmd := &cobra.Command{
		Use:                   "ack ID [--comment TEXT] [--author NAME] [--undo]",
		DisableFlagsInUseLine: true,
		Short:                 "Take an open incident on: nobody is reminded of it, and it does not escalate",
		Long: `ack notes in a running daemon that somebody has taken an incident on. The sinks that show it say so; nobody is reminded of it while it is
open, and it does not escalate. --undo gives it back. It holds for this life of the incident: when it comes back, it is nobody's.`,
		Example: `  anywatch ack 7f3c9b1e2a604d55 --comment "called the upstream"`,
		Args:    oneID,
		RunE: func(cmd *cobra.Command, args []string) error {
			deed := "acknowledge"
			if undo {
				deed = "unacknowledge"
			}
			if err := app.Do(cmd.Context(), f.url, deed, args[0], app.Word{Author: author, Text: comment}); err != nil {
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: %sd by %s\n", args[0], deed, author)
			return err
		},
	}
	f.add(cmd)
	authorFlag(cmd, &author)
	cmd.Flags().StringVar(&comment, "comment", "", "a `TEXT` that is kept with it")
	cmd.Flags().BoolVar(&undo, "undo", false, "nobody has taken it on any more")
	return cmd
}

// oneID asks for the id of one incident.
func oneID(cmd *cobra.Command, args []string) error {
	switch len(args) {
	case 1:
		return nil
	case 0:
		return fmt.Errorf("%s needs the ID of an incident; see: anywatch incidents", cmd.Name())
	}
	return fmt.Errorf("%q is too much: %s takes one ID; a text stands in quotes", args[1], cmd.Name())
}

// incidentDeeds are the commands under `incidents` that are about one.
func incidentDeeds() []*cobra.Command {
	return []*cobra.Command{showCommand(), commentCommand(), resolveCommand()}
}

func commentCommand() *cobra.Command {
	var f askFlags
	var author string
	cmd := &cobra.Command{
		Use:                   "comment ID TEXT [--author NAME]",
		DisableFlagsInUseLine: true,
		Short:                 "Say something about an incident, for those who read it later",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return errors.New(`comment needs the ID of an incident and a TEXT in quotes`)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return app.Do(cmd.Context(), f.url, "comment", args[0], app.Word{Author: author, Text: args[1]})
		},
	}
	f.add(cmd)
	authorFlag(cmd, &author)
	return cmd
}

func resolveCommand() *cobra.Command {
	var f askFlags
	var author, reason string
	cmd := &cobra.Command{
		Use:                   "resolve ID [--reason TEXT] [--author NAME]",
		DisableFlagsInUseLine: true,
		Short:                 "End an incident by hand, whatever vantages still show",
		Long: `resolve ends an open incident. It opens again only after it was gone once: for what is to stay quiet for a time, there is silence; for what is
right after all, change the configuration.`,
		Args: oneID,
		RunE: func(cmd *cobra.Command, args []string) error {
			return app.Do(cmd.Context(), f.url, "resolve", args[0], app.Word{Author: author, Text: reason})
		},
	}
	f.add(cmd)
	authorFlag(cmd, &author)
	cmd.Flags().StringVar(&reason, "reason", "", "a `TEXT` that is told with it")
	return cmd
}
