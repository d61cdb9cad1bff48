package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"anywatch/cmd/internal/config"
)

func checkCommand() *cobra.Command {
	var file string
	var show bool
	cmd := &cobra.Command{
		Use:                   "check -c FILE [--print]",
		DisableFlagsInUseLine: true,

		Short: "Say whether the configuration is right, and every fault if it isn't",
		Long: `check reads the configuration to its end and names each fault with its line, its column, its key, what is wrong and what would be
right. When there is none it says what would be watched, which keys do nothing in this version, and, in lines that begin with "advice:", what could
be better about the network and how it is watched. Advice is no fault: the exit status is 0.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadConfig(cmd, file)
			if err != nil {
				return err
			}
			if show {
				writeNotices(cmd.ErrOrStderr(), file, config.Unused(cfg))
				return cfg.Print(cmd.OutOrStdout())
			}
			fmt.Fprint(cmd.OutOrStdout(), overview(file, cfg))
			writeNotices(cmd.OutOrStdout(), file, config.Unused(cfg))
			writeAdvice(cmd.OutOrStdout(), config.Advise(cfg))
			return nil
		},
	}
	configFlag(cmd, &file)
	cmd.Flags().BoolVar(&show, "print", false, "print the configuration with every default, and secrets hidden")
	return cmd
}

// overview says in a few lines what the configuration is about.
func overview(file string, c *config.Config) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s is right: %s, %s\n", file, plural(len(c.Prefixes), "prefix", "prefixes"), plural(len(c.Sites), "site", "sites"))
	for _, line := range []struct{ what, text string }{
		{"sources", strings.Join(sourcesOf(c.Sources), "\n           ")},
		{"rpki", strings.Join(rpkiOf(c.RPKI), ", ")},
		{"sinks", strings.Join(sinksOf(c.Alerts.Sinks), ", ")},
		{"web", c.Web.Listen},
	} {
		fmt.Fprintf(&b, "  %-9s%s\n", line.what, cmp.Or(line.text, "none"))
	}
	return b.String()
}

func sourcesOf(s config.Sources) []string {
	var out []string
	if s.BGP != nil {
		out = append(out, fmt.Sprintf("BGP on %s with %s", strings.Join(s.BGP.Listen, " "), plural(len(s.BGP.Neighbors), "neighbor", "neighbors")))
	}
	if s.BMP != nil {
		from := "anywhere"
		if len(s.BMP.Allow) > 0 {
			from = strings.Trim(fmt.Sprint(s.BMP.Allow), "[]")
		}
		out = append(out, fmt.Sprintf("BMP on %s from %s", strings.Join(s.BMP.Listen, " "), from))
	}
	for _, l := range s.RISLive {
		out = append(out, "RIS Live at "+l.URL.String())
	}
	for _, k := range s.OpenBMP {
		out = append(out, "OpenBMP topic "+k.Topic)
	}
	if n := len(s.ExaBGP); n > 0 {
		out = append(out, "ExaBGP from "+plural(n, "command", "commands"))
	}
	return out
}

func rpkiOf(r config.RPKI) []string {
	var out []string
	for _, c := range r.Caches {
		out = append(out, fmt.Sprintf("cache %s (%s)", c.Address, c.Transport))
	}
	for _, f := range r.Files {
		out = append(out, "file "+f.Name)
	}
	if !r.SLURM.IsZero() {
		out = append(out, "exceptions "+r.SLURM.Name)
	}
	return out
}

func sinksOf(sinks []config.Sink) []string {
	var out []string
	for _, s := range sinks {
		out = append(out, fmt.Sprintf("%s (%s)", s.Name, s.Type()))
	}
	return out
}

// writeNotices names the keys whose feature this version doesn't have.
func writeNotices(w io.Writer, file string, notices []config.Notice) {
	if len(notices) == 0 {
		return
	}
	fmt.Fprintf(w, "%s that %s sets will do nothing in this version:\n", plural(len(notices), "key", "keys"), file)
	for _, n := range notices {
		fmt.Fprintf(w, "  line %-4d %s: %s\n", n.Line, n.Key, n.Text)
	}
}

func writeAdvice(w io.Writer, list []config.Advice) {
	for _, a := range list {
		fmt.Fprintf(w, "advice: %s\n", a)
	}
}

func plural[N int | int64 | uint64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
