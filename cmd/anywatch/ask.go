package main

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"anywatch/cmd/internal/app"
	"anywatch/collector/route"
	"anywatch/detector"
)

// askFlags are those of the commands that ask a running daemon.
type askFlags struct {
	url, format string
	formats     []string
}

// add adds --url and, where there are formats, --format; the first of them is the usual one.
func (f *askFlags) add(cmd *cobra.Command, formats ...string) {
	cmd.Flags().StringVar(&f.url, "url", app.DefaultURL, "ask the daemon at this `URL`")
	if f.formats = formats; len(formats) > 0 {
		cmd.Flags().StringVar(&f.format, "format", formats[0], "`FORMAT` of the output: "+strings.Join(formats, ", "))
	}
}

func (f *askFlags) check() error {
	if len(f.formats) > 0 && !slices.Contains(f.formats, f.format) {
		return fmt.Errorf("--format %q: it is %s", f.format, strings.Join(f.formats, ", "))
	}
	return nil
}

// prefixOf reads a prefix from the command line; an address stands for itself alone.
func prefixOf(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" && !a.Is4In6() {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	return route.ParsePrefix(text)
}

// columns writes rows of cells under a heading, and "-" for what is empty.
func columns(out io.Writer, rows ...[]string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			if i > 0 {
				fmt.Fprint(w, "\t")
			}
			if cell == "" {
				cell = "-"
			}
			fmt.Fprint(w, plain(cell))
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

// plain takes out what could command the terminal: routers choose their names themselves.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

// ago writes how long before now something was: 3h5m; "" when that is not known.
func ago(now time.Time, at *time.Time) string {
	if at == nil || at.IsZero() {
		return ""
	}
	return detector.HumanDuration(max(now.Sub(*at), 0))
}

// deref gives "" for what is absent.
func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
