package main

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"anywatch/cmd/internal/app"
	"anywatch/collector/route"
)

// explainFlags are what explain is asked with.
type explainFlags struct {
	file, url, format string
	question          app.Question
}

func explainCommand() *cobra.Command {
	var f explainFlags
	cmd := &cobra.Command{
		Use:                   `explain -c FILE [--url URL] --path "AS…" [--community C]… [--scope external|internal] [--role ROLE] PREFIX`,
		DisableFlagsInUseLine: true,

		Short: "Say what would happen if this were announced: which incident, or why none, rule by rule",
		Long: `explain judges an announcement that nobody made: which incidents it would open and why, how much evidence that takes, what to do then, and who would be
told; which site it would belong to; and why each of the other kinds, and of your own rules, would not open.

With -c alone it judges by the configuration and its files of VRPs, and asks no router and no RPKI cache. With --url alone the running daemon judges, by its
own configuration, VRPs (those of its caches too) and open incidents. With both, the file is judged with the VRPs and the incidents of the daemon, and what
the daemon itself makes of it stands below.

"Why did you not alert?": with --url and a PREFIX alone, the daemon judges every announcement that it holds of PREFIX, of what covers it and of its parts.`,
		Example: `  anywatch explain -c anywatch.yaml --path "3356 64666" 192.0.2.0/24
  anywatch explain --url http://127.0.0.1:8480 192.0.2.0/24`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return errors.New("explain needs the PREFIX that would be announced, as 192.0.2.0/24")
			case len(args) > 1:
				return fmt.Errorf("%q is too much: explain takes one PREFIX; a path stands in quotes, as --path \"3356 64666\"", args[1])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) },
	}
	configFlag(cmd, &f.file)
	q := &f.question
	cmd.Flags().StringVar(&f.url, "url", "", "ask the daemon at this `URL`, as "+app.DefaultURL)
	cmd.Flags().StringVar(&q.Path, "path", "", "the `PATH` of ASes, neighbour first, origin last, as \"3356 64500\"; empty for a route of our own router")
	cmd.Flags().StringArrayVar(&q.Communities, "community", nil, "a `COMMUNITY` attached to it, 64500:101 or 64500:1:101; may be repeated")
	cmd.Flags().StringVar(&q.NextHop, "next-hop", "", "the `ADDRESS` that it is announced with, for sites that are told by it")
	cmd.Flags().StringVar(&q.Scope, "scope", "external", "the `SCOPE` of who shows it: external or internal")
	cmd.Flags().StringVar(&q.Role, "role", "", "what who shows it is to us, a `ROLE` of RFC 9234: "+strings.Join(app.Roles, ", ")+"; a provider when not given")
	cmd.Flags().StringVar(&q.OTC, "otc", "", "the `AS` in its Only-to-Customer attribute (RFC 9234)")
	cmd.Flags().StringVar(&f.format, "format", "text", "`FORMAT` of the output: text, json")
	return cmd
}

func (f *explainFlags) run(cmd *cobra.Command, prefix string) (err error) {
	if f.format != "text" && f.format != "json" {
		return fmt.Errorf("--format %q: it is text or json", f.format)
	}
	given := func(name string) bool { return cmd.Flags().Changed(name) }
	q := f.question
	if q.Prefix, err = f.prefix(prefix); err != nil {
		return err
	}
	q.Held = f.url != "" && !slices.ContainsFunc([]string{"path", "community", "next-hop", "scope", "role", "otc"}, given)
	switch {
	case q.Held && given("config"):
		return errors.New("with --url and no --path, the daemon judges what it holds by its own configuration; leave -c out, or name a --path")
	case f.url != "" && !given("config"):
		asked, err := app.AskExplain(cmd.Context(), f.url, q)
		if err != nil {
			return err
		}
		return f.write(cmd, asked, nil)
	}
	cfg, err := loadConfig(cmd, f.file)
	if err != nil {
		return err
	}
	own, asked, err := app.Explain(cmd.Context(), cfg, f.file, f.url, q, time.Now())
	if err != nil {
		return err
	}
	return f.write(cmd, own, asked)
}

// prefix reads the prefix; of what a daemon holds one may ask by an address too.
func (f *explainFlags) prefix(text string) (netip.Prefix, error) {
	if f.url != "" {
		return prefixOf(text)
	}
	return route.ParsePrefix(text)
}
