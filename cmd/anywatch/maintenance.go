package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"anywatch/cmd/internal/app"
)

func maintenanceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "maintenance",
		Short: "Plan work at sites: what happens there meanwhile is info",
		Example: `  anywatch maintenance add --site ams --for 4h --reason "router upgrade"
  anywatch maintenance list
  anywatch maintenance end 2`,
		Args: knownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(maintenanceAddCommand(), maintenanceListCommand(), endCommand("maintenance", app.EndMaintenance))
	return cmd
}

func maintenanceAddCommand() *cobra.Command {
	var f askFlags
	var m app.Maintenance
	var when spell
	cmd := &cobra.Command{
		Use: "add --site S… --reason TEXT [--for DUR] [--from TIME]", DisableFlagsInUseLine: true,
		Short: "Plan work at one site or several", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if m.From, m.To, err = when.bounds(time.Now()); err != nil {
				return err
			}
			made, err := app.AddMaintenance(cmd.Context(), f.url, m)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "maintenance %d of %s until %s\n", made.ID, strings.Join(made.Sites, ", "), made.To.UTC().Format(time.RFC3339))
			return err
		},
	}
	f.add(cmd)
	when.add(cmd, 4*time.Hour)
	authorFlag(cmd, &m.Author)
	cmd.Flags().StringArrayVar(&m.Sites, "site", nil, "the `SITE`; may be repeated")
	cmd.Flags().StringVar(&m.Reason, "reason", "", "why, for those who wonder")
	return cmd
}

func maintenanceListCommand() *cobra.Command {
	var f askFlags
	cmd := &cobra.Command{
		Use: "list", DisableFlagsInUseLine: true, Short: "The planned work that was ordered and is not over; that of the configuration stands there", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := app.AskMaintenance(cmd.Context(), f.url)
			if err != nil {
				return err
			}
			out := bufio.NewWriter(cmd.OutOrStdout())
			if len(list) == 0 {
				fmt.Fprintln(out, "No work is planned, beside what the configuration says.")
				return out.Flush()
			}
			rows := [][]string{{"ID", "SITES", "FROM", "UNTIL", "AUTHOR", "REASON"}}
			for _, m := range list {
				rows = append(rows, []string{fmt.Sprint(m.ID), strings.Join(m.Sites, " "), m.From.Format(time.RFC3339), m.To.Format(time.RFC3339), m.Author, m.Reason})
			}
			return errors.Join(columns(out, rows...), out.Flush())
		},
	}
	f.add(cmd)
	return cmd
}

// endCommand ends a silence, or planned work, before its time.
func endCommand(what string, end func(ctx context.Context, daemon, id string) error) *cobra.Command {
	var f askFlags
	cmd := &cobra.Command{
		Use: "end ID", DisableFlagsInUseLine: true, Short: "End one before its time",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("end needs the ID of one; see: anywatch %s list", what)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return end(cmd.Context(), f.url, args[0]) },
	}
	f.add(cmd)
	return cmd
}
