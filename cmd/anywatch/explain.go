package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"anywatch/cmd/internal/app"
	"anywatch/cmd/internal/config"
	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/detector"
)

func explainCommand() *cobra.Command {
	var file, path, scope string
	var communities []string
	cmd := &cobra.Command{
		Use:                   `explain -c FILE --path "AS…" [--community C]… [--scope external|internal] PREFIX`,
		DisableFlagsInUseLine: true,

		Short: "Say what would happen if this were announced: which incident, or why none, rule by rule",
		Long: `explain judges an announcement that nobody made, by the configuration and its files of VRPs: which incidents it would open when enough vantages
show it, what to do then, and why each of the other kinds would not open. It asks no router and no RPKI cache.`,
		Example: `  anywatch explain -c anywatch.yaml --path "3356 64666" 192.0.2.0/24`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return errors.New("explain needs the PREFIX that would be announced, as 192.0.2.0/24")
			case len(args) > 1:
				return fmt.Errorf("%q is too much: explain takes one PREFIX; a path stands in quotes, as --path \"3356 64666\"", args[1])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := loadConfig(cmd, file)
			if err != nil {
				return err
			}
			c, err := hypothetical(cfg, args[0], path, communities, scope)
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), explanation(c))
			return err
		},
	}
	configFlag(cmd, &file)
	cmd.Flags().StringVar(&path, "path", "", "the `PATH` of ASes, neighbour first, origin last, as \"3356 64500\"; empty for a route of our own router")
	cmd.Flags().StringArrayVar(&communities, "community", nil, "a `COMMUNITY` attached to it, 64500:101 or 64500:1:101; may be repeated")
	cmd.Flags().StringVar(&scope, "scope", "external", "the `SCOPE` of who shows it: external or internal")
	return cmd
}

// hypothetical prepares an announcement that nobody made for judgement.
func hypothetical(cfg *config.Config, prefix, path string, communities []string, scope string) (*detector.Case, error) {
	p, err := route.ParsePrefix(prefix)
	if err != nil {
		return nil, err
	}
	attrs := &route.Attrs{}
	if attrs.Path, err = route.ParsePath(path); err != nil {
		return nil, fmt.Errorf("--path: %w", err)
	}
	if err := addCommunities(attrs, communities); err != nil {
		return nil, err
	}
	v := &collector.Vantage{Local: cfg.ASNs[0]}
	switch scope {
	case "internal":
	case "external":
		v.Scope = collector.External
	default:
		return nil, fmt.Errorf("--scope %q: it is external or internal", scope)
	}
	vrps, err := app.LoadVRPs(cfg, time.Now())
	if err != nil {
		return nil, err
	}
	return detector.NewCase(app.Rules(cfg), vrps, v, p, attrs), nil
}

func addCommunities(attrs *route.Attrs, texts []string) error {
	for _, text := range texts {
		if strings.Count(text, ":") == 2 {
			c, err := route.ParseLargeCommunity(text)
			if err != nil {
				return fmt.Errorf("--community: %w", err)
			}
			attrs.Large = append(attrs.Large, c)
			continue
		}
		c, err := route.ParseCommunity(text)
		if err != nil {
			return fmt.Errorf("--community: %w", err)
		}
		attrs.Communities = append(attrs.Communities, c)
	}
	return nil
}

// explanation tells what each detector says, those that find something first.
func explanation(c *detector.Case) string {
	var found, passed strings.Builder
	for _, d := range detector.Detectors() {
		f, why := d.Judge(c)
		if why != "" {
			fmt.Fprintf(&passed, "  %-18s no: %s\n", d.Kind, why)
			continue
		}
		fmt.Fprintf(&found, "  %-18s %s: %s\n", d.Kind, f.Severity, d.Says(&f))
		for _, a := range d.Actions(&f, c.Attrs.Path) {
			fmt.Fprintf(&found, "  %-18s → %s\n", "", a)
		}
	}
	if found.Len() == 0 {
		found.WriteString("  none\n")
	}
	return fmt.Sprintf("%s, path %q\n%s\n\nIncidents that would open:\n%sOthers:\n%s", c.Prefix, c.Attrs.Path, c.RPKI.Explain(c.Prefix, c.Origin), &found, &passed)
}
