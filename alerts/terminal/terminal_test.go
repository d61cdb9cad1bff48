package terminal_test

import (
	"bytes"
	"errors"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"anywatch/alerts"
	"anywatch/alerts/alertstest"
	"anywatch/alerts/terminal"
	"anywatch/collector/route"
	"anywatch/detector"
)

var update = flag.Bool("update", false, "write what is printed now as what is to be printed")

// golden compares with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; printed is\n%s\nwant\n%s", path, got, want)
	}
}

func show(t *testing.T, o terminal.Options, changes ...detector.Change) string {
	t.Helper()
	var out bytes.Buffer
	if err := terminal.New("screen", &out, o).Notify(t.Context(), alerts.Notification{Changes: changes}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// life is an incident from its opening to its end.
func life() []detector.Change {
	return []detector.Change{alertstest.Opened(), alertstest.Updated(detector.Warning, 12), alertstest.Resolved()}
}

// odd are changes that lack what others have, or have more of it.
func odd() []detector.Change {
	site, as := "ams", route.ASN(64500)
	prefix := netip.MustParsePrefix("2001:db8:53::/48")
	at := time.Date(2024, 6, 27, 23, 59, 59, 999, time.UTC)
	reopened := alertstest.Opened()
	reopened.Incident.Reopened = 2
	reopened.Incident.Vantages.Seeing = 31
	reopened.Incident.Severity = detector.Warning
	return []detector.Change{
		reopened,
		{Event: detector.Opened, Time: at, Incident: detector.Incident{ID: "0001", Kind: "site-missing", Severity: detector.Info, Site: &site,
			Summary: "Site ams announces nothing.", Why: []string{"ams must announce 192.0.2.0/24"}}},
		{Event: detector.Opened, Time: at, Incident: detector.Incident{ID: "0002", Kind: detector.NewPrefix, Severity: detector.Warning,
			Prefix: &prefix, Origin: &as, Path: &route.Path{}, Summary: "AS64500 originates 2001:db8:53::/48."}},
		{Event: detector.Updated, Time: at, Incident: detector.Incident{ID: "0003", Kind: "rpki-stale", Severity: detector.Info}},
	}
}

func TestALifePlain(t *testing.T) { golden(t, "life-plain", show(t, terminal.Options{}, life()...)) }

func TestALifeInColor(t *testing.T) {
	colored := show(t, terminal.Options{Color: true}, life()...)
	golden(t, "life-color", colored)
	if plain := regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(colored, ""); plain != show(t, terminal.Options{}, life()...) {
		t.Error("without its colours the text is not the plain one")
	}
}

func TestOddOnes(t *testing.T) { golden(t, "odd", show(t, terminal.Options{}, odd()...)) }

func TestNarrow(t *testing.T) { golden(t, "narrow", show(t, terminal.Options{Width: 56}, life()...)) }

func TestNoLineIsTooWide(t *testing.T) {
	long := alertstest.Opened()
	long.Incident.Summary = strings.Repeat("word ", 200) + strings.Repeat("x", 500)
	long.Incident.Evidence[0].Vantage = "bmp:" + strings.Repeat("é", 300)
	for _, width := range []int{48, 60, 80, 100, 132} {
		for line := range strings.Lines(show(t, terminal.Options{Width: width}, append(life(), long)...)) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width {
				t.Errorf("%d columns: a line has %d: %q", width, n, line)
			}
		}
	}
}

// Routers and feeds choose names that we print; they must not reach the terminal as commands.
func TestNamesCanNotCommandTheTerminal(t *testing.T) {
	c := alertstest.Opened()
	c.Incident.Kind = "rule:\x1b[2J"
	c.Incident.Summary = "Gone \x1b]0;title\x07."
	c.Incident.Evidence[0].Vantage = "bmp:edge\x1b[31m\nfake line"
	c.Incident.Why = []string{"because\r"}
	for what, text := range map[string]string{"block": show(t, terminal.Options{}, c), "line": terminal.Line(c)} {
		if strings.ContainsAny(text, "\x1b\x07\r") {
			t.Errorf("the %s has control characters: %q", what, text)
		}
	}
	if strings.Contains(terminal.Line(c), "\n") {
		t.Error("the line is more than one")
	}
}

func TestLine(t *testing.T) {
	changes := append(life(), odd()...)
	as, prefix := route.ASN(17557), netip.MustParsePrefix("208.65.153.0/24")
	changes = append(changes, detector.Change{Event: detector.Opened, Time: time.Date(2008, 2, 24, 19, 48, 2, 0, time.FixedZone("CET", 3600)),
		Incident: detector.Incident{Kind: detector.SubprefixHijack, Severity: detector.Critical, Prefix: &prefix, Offender: &as,
			Summary: "AS17557 announces 208.65.153.0/24, a more-specific of 208.65.152.0/22; expected AS36561."}})
	var lines strings.Builder
	for _, c := range changes {
		lines.WriteString(terminal.Line(c) + "\n")
	}
	golden(t, "lines", lines.String())
}

// broken is a terminal that is gone.
type broken struct{}

var errGone = errors.New("broken pipe")

func (broken) Write([]byte) (int, error) { return 0, errGone }

func TestATerminalThatIsGoneIsNotTriedAgain(t *testing.T) {
	err := terminal.New("screen", broken{}, terminal.Options{}).Notify(t.Context(), alerts.Notification{Changes: life()})
	e, ok := errors.AsType[*alerts.Error](err)
	if !ok || !e.Permanent || !errors.Is(err, errGone) {
		t.Errorf("Notify: %v; want a permanent error that tells the cause", err)
	}
}
