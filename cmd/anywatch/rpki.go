package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"anywatch/collector/route"
	"anywatch/rpki"
)

func rpkiCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:                   "rpki rov|aspa",
		Short:                 "Ask files of VRPs and ASPAs about a route",
		Args:                  knownCommand,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return fmt.Errorf("rpki takes a question: rov or aspa; see %s --help", cmd.CommandPath())
		},
	}
	cmd.AddCommand(rovCommand(time.Now), aspaCommand(time.Now))
	return cmd
}

// rpkiData is where the answers come from, as the flags name it.
type rpkiData struct {
	vrps  []string
	slurm string
	batch bool
	now   func() time.Time
}

func (d *rpkiData) flags(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&d.vrps, "vrps", nil,
		"`FILE` of VRPs and ASPAs, in a dialect that rpki.files takes; may be given several times")
	cmd.Flags().StringVar(&d.slurm, "slurm", "", "`FILE` of local exceptions (RFC 8416)")
	cmd.Flags().BoolVar(&d.batch, "batch", false, "read JSON lines from standard input and print them with \"state\" added")
}

// load builds the table. What has expired is left out, as the daemon does; but where that leaves nothing of what is asked about, the
// files are an archive, and taken as they stood.
func (d *rpkiData) load(warnings io.Writer, count func(*rpki.Table) int) (*rpki.Table, error) {
	if len(d.vrps) == 0 {
		return nil, errors.New("--vrps is missing: name a file of VRPs, as --vrps vrps.json")
	}
	table, err := rpki.Load(d.vrps, d.slurm, d.now())
	if err != nil {
		return nil, err
	}
	for _, s := range table.Sources() {
		if n := s.Skipped.Count; n > 0 {
			fmt.Fprintf(warnings, "warning: %s: entries that can't be used: %d; the first: %s\n", s.Name, n, s.Skipped.First[0])
		}
	}
	if count(table) > 0 {
		return table, nil
	}
	archive, err := rpki.Load(d.vrps, d.slurm, time.Time{})
	if err == nil && count(archive) > 0 {
		fmt.Fprintf(warnings, "warning: everything in %s has expired; it is taken as it stood on %s\n",
			strings.Join(d.vrps, ", "), archive.Generated().UTC().Format(time.DateOnly))
	}
	return archive, err
}

func rovCommand(now func() time.Time) *cobra.Command {
	data := &rpkiData{now: now}
	cmd := &cobra.Command{
		Use:                   "rov --vrps FILE [--slurm FILE] PREFIX ORIGIN | --batch",
		DisableFlagsInUseLine: true,

		Short: "Say whether an AS may originate a prefix (RFC 6811): valid, invalid or not-found",
		Long: `rov prints valid, invalid or not-found (or not-checked, when the files hold no VRP at all), the VRPs that decide, and why.

With --batch it reads lines like {"prefix": "192.0.2.0/24", "origin": 64500} and prints each with "state" added. A list of ASes as
origin is an AS_SET.`,
		Example: "  anywatch rpki rov --vrps vrps.json 192.0.2.0/24 AS64500",
		Args:    batchOr(data, 2, 2, "a PREFIX and an ORIGIN, as in 192.0.2.0/24 64500"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if data.batch {
				return rovBatch(cmd, data)
			}
			return rovOnce(cmd, data, args[0], args[1])
		},
	}
	data.flags(cmd)
	return cmd
}

func aspaCommand(now func() time.Time) *cobra.Command {
	data := &rpkiData{now: now}
	var direction string
	cmd := &cobra.Command{
		Use:                   "aspa --vrps FILE [--slurm FILE] --direction upstream|downstream AS… | --batch",
		DisableFlagsInUseLine: true,

		Short: "Say whether a path is plausible by the ASPAs in it: valid, invalid or unknown",
		Long: `aspa prints valid, invalid or unknown, and why. The first AS is the neighbour, the last the origin; {1,2} is an AS_SET.

upstream is for paths from a customer or a peer, downstream for those from a provider, and for those that a collector sees.

With --batch it reads lines like {"path": [3356, 64500], "direction": "upstream"} and prints each with "state" added. An element of a
path that is a list is an AS_SET; a line without direction has that of --direction.`,
		Example: "  anywatch rpki aspa --vrps vrps.json --direction upstream 3356 64500",
		Args:    batchOr(data, 1, 1<<16, "the ASes of the path, as in 3356 64500"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if data.batch {
				return aspaBatch(cmd, data, direction)
			}
			return aspaOnce(cmd, data, direction, args)
		},
	}
	cmd.Flags().StringVar(&direction, "direction", "", "`WAY` that the path has come: upstream or downstream")
	data.flags(cmd)
	return cmd
}

// batchOr wants no arguments with --batch, and so many without.
func batchOr(data *rpkiData, least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case data.batch && len(args) > 0:
			return fmt.Errorf("%q: with --batch the questions come from standard input, not as arguments", args[0])
		case !data.batch && len(args) > most:
			return fmt.Errorf("%q is too much: %s takes %s", args[most], cmd.Name(), what)
		case !data.batch && len(args) < least:
			return fmt.Errorf("%s takes %s; see %s --help", cmd.Name(), what, cmd.CommandPath())
		}
		return nil
	}
}

// announcedPrefix reads a prefix as a route has it. Bits after its length mean nothing there (RFC 4271 section 4.3), and archives have
// such routes; exact is false then.
func announcedPrefix(text string) (prefix netip.Prefix, exact bool, err error) {
	if prefix, err = route.ParsePrefix(text); err == nil {
		return prefix, true, nil
	}
	if loose, looseErr := netip.ParsePrefix(text); looseErr == nil && !loose.Addr().Is4In6() {
		return loose.Masked(), false, nil
	}
	return netip.Prefix{}, false, err
}

func rovOnce(cmd *cobra.Command, data *rpkiData, prefixText, originText string) error {
	prefix, exact, err := announcedPrefix(prefixText)
	if err != nil {
		return err
	}
	if !exact {
		fmt.Fprintf(cmd.ErrOrStderr(), "warning: %s has bits set after its length; it is judged as %s\n", prefixText, prefix)
	}
	asn, err := route.ParseASN(originText)
	if err != nil {
		return err
	}
	table, err := data.load(cmd.ErrOrStderr(), (*rpki.Table).Len)
	if err != nil {
		return err
	}
	origin := route.Origin{AS: asn}
	verdict := table.Validate(prefix, origin)
	out := cmd.OutOrStdout()
	fmt.Fprintln(out, verdict.State)
	for _, v := range verdict.VRPs {
		fmt.Fprintln(out, v)
	}
	_, err = fmt.Fprintln(out, verdict.Explain(prefix, origin))
	return err
}

func aspaOnce(cmd *cobra.Command, data *rpkiData, directionText string, args []string) error {
	if directionText == "" {
		return errors.New("--direction is missing: upstream for a path from a customer or a peer, downstream for one from a provider")
	}
	direction, err := rpki.ParseDirection(directionText)
	if err != nil {
		return fmt.Errorf("--direction: %w", err)
	}
	path, err := route.ParsePath(strings.Join(args, " "))
	if err != nil {
		return err
	}
	table, err := data.load(cmd.ErrOrStderr(), (*rpki.Table).ASPAs)
	if err != nil {
		return err
	}
	verdict := table.VerifyPath(path, direction)
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n%s\n", verdict.State, verdict.Explain())
	return err
}
