package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"anywatch/cmd/internal/app"
	"anywatch/collector/route"
	"anywatch/rules/propose"
)

// generateFlags are what the command line says.
type generateFlags struct {
	asns        []string
	url, output string
}

func generateCommand() *cobra.Command {
	var f generateFlags
	cmd := &cobra.Command{
		Use:                   "generate [--asn N]… [-o FILE] INPUT… | --url URL",
		DisableFlagsInUseLine: true,

		Short: "Propose a configuration from what a RIB dump, a capture or a running daemon shows",
		Long: `Propose a configuration: the prefixes that your ASes originate, who stands next to them on paths from outside, the sites that the paths inside
your network tell apart, more-specifics, twins. An INPUT is what replay takes: MRT tables and updates, RIS Live JSON lines, BMP streams; a file, a
directory, or - for standard input. It is read twice. A running daemon is asked with --url instead.

Your ASes are named by --asn. A capture of your own routers tells them itself; one of a public collector can't.

It proposes: what is in doubt stands in comments, with the reason. No AS becomes an allowed origin for being seen. The proposal goes to standard
output, or to a file that doesn't exist yet: nothing is ever overwritten.`,
		Example: `  anywatch generate --asn 64500 rib.20260301.0000.bz2 > anywatch.yaml
  anywatch generate --url http://127.0.0.1:8480 -o proposal.yaml`,
		Args: func(_ *cobra.Command, args []string) error {
			first := slices.Index(args, "-")
			switch {
			case len(args) == 0 && f.url == "":
				return errors.New("generate needs an INPUT, a file, a directory or - for standard input, or a running daemon with --url")
			case len(args) > 0 && f.url != "":
				return fmt.Errorf("--url and the input %s: give one of the two", args[0])
			case first >= 0 && slices.Contains(args[first+1:], "-"):
				return errors.New("- is given twice: standard input can be read only once")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	cmd.Flags().StringArrayVar(&f.asns, "asn", nil, "an AS of yours, as `N` or ASN; as often as there are such")
	cmd.Flags().StringVar(&f.url, "url", "", "ask the daemon at this `URL`, as http://127.0.0.1:8480")
	cmd.Flags().StringVarP(&f.output, "output", "o", "", "write to this `FILE`, which must not exist yet")
	return cmd
}

func (f generateFlags) run(cmd *cobra.Command, args []string) error {
	if err := f.vacant(); err != nil {
		return err
	}
	seen, err := f.look(cmd, args)
	if err != nil {
		return err
	}
	text, err := propose.Write(seen)
	if err != nil {
		return err
	}
	if f.output == "" {
		_, err := fmt.Fprint(cmd.OutOrStdout(), text)
		return err
	}
	if err := f.save(text); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s is written; read it, and then: anywatch check -c %s\n", f.output, f.output)
	return nil
}

// look gathers what can be seen.
func (f generateFlags) look(cmd *cobra.Command, args []string) (propose.Seen, error) {
	asns, err := parseASNs(f.asns)
	if err != nil {
		return propose.Seen{}, err
	}
	if f.url != "" {
		return app.Ask(cmd.Context(), f.url, asns)
	}
	problems := problems{out: cmd.ErrOrStderr()}
	g := app.Generate{ASNs: asns, Inputs: args, Stdin: cmd.InOrStdin(), Report: problems.report}
	var bar app.Replay
	stop := progress(cmd.ErrOrStderr(), &bar)
	g.Progress = bar.Progress
	seen, err := g.Run(cmd.Context())
	stop()
	problems.rest()
	return seen, err
}

// parseASNs reads the values of --asn, each of which may be a list.
func parseASNs(texts []string) (asns []route.ASN, err error) {
	for _, text := range texts {
		for _, one := range strings.Split(text, ",") {
			as, err := route.ParseASN(strings.TrimSpace(one))
			switch {
			case err != nil:
				return nil, fmt.Errorf("--asn %w", err)
			case as.Reserved():
				return nil, fmt.Errorf("--asn %q: the number is reserved, and nobody's", one)
			}
			asns = append(asns, as)
		}
	}
	return asns, nil
}

// vacant wants the output not to exist, before the work begins.
func (f generateFlags) vacant() error {
	if f.output == "" {
		return nil
	}
	if _, err := os.Lstat(f.output); err == nil {
		return fmt.Errorf("-o %s: the file exists, and generate overwrites nothing; name another, or move it away", f.output)
	}
	return nil
}

// save writes the file, and leaves none behind that is not whole.
func (f generateFlags) save(text string) error {
	out, err := os.OpenFile(f.output, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return f.vacant()
	}
	if err != nil {
		return fmt.Errorf("-o %w", err)
	}
	_, err = out.WriteString(text)
	if err = errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("-o %w", errors.Join(err, os.Remove(f.output)))
	}
	return nil
}
