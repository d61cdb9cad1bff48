package config

import (
	"fmt"
	"math"
	"testing"
	"time"
)

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "60s": time.Minute, "1h30m": 90 * time.Minute, "90d": 90 * day, "1d12h": 36 * time.Hour, "1.5d": 36 * time.Hour, "0d": 0,
	} {
		got, wrong := duration(word{text: text})
		if wrong != nil || got != want {
			t.Errorf("%q is %v, %v; expected %v", text, got, wrong, want)
		}
		if again, ok := parseDuration(writeDuration(want)); !ok || again != want {
			t.Errorf("%v is written as %q, which reads as %v", want, writeDuration(want), again)
		}
	}
	for _, text := range []string{"", "60", "-1s", "-1d", "d", "1d-1h", "1d1d", "soon", "1y", "1e3d", "999999999d", "1d106751d", "9999999h", "NaNd", "+1d"} {
		if got, wrong := duration(word{text: text}); wrong == nil {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}

func TestWriteDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", time.Minute: "1m", 90 * time.Second: "1m30s", 24 * time.Hour: "24h", 90 * day: "90d", 49 * time.Hour: "49h",
		time.Hour + time.Second: "1h0m1s", 10 * time.Second: "10s", 500 * time.Millisecond: "500ms",
	} {
		if got := writeDuration(d); got != want {
			t.Errorf("%v is written %q, expected %q", d, got, want)
		}
	}
}

func TestPercent(t *testing.T) {
	for text, want := range map[string]Percent{"0%": 0, "80%": 80, "100%": 100, "12.5%": 12.5, "7%": 7} {
		got, wrong := percent(word{text: text})
		if wrong != nil || got != want || got.String() != text {
			t.Errorf("%q is %v, %v", text, got, wrong)
		}
		if math.Abs(got.Fraction()*100-float64(want)) > 1e-9 {
			t.Errorf("%q is the fraction %v", text, got.Fraction())
		}
	}
	for _, text := range []string{"", "%", "80", "0.8", "101%", "-1%", "NaN%", "Inf%", "1e1%", "0x10%", "1_0%", "80 %", "eighty%"} {
		if got, wrong := percent(word{text: text}); wrong == nil {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}

// checks tells for each text whether a parser takes it.
func checks[T any](t *testing.T, what string, parse parseFunc[T], good, bad []string) {
	t.Helper()
	for _, text := range good {
		if _, wrong := parse(word{text: text}); wrong != nil {
			t.Errorf("%s %q is refused: %s", what, text, wrong.what)
		}
	}
	for _, text := range bad {
		if _, wrong := parse(word{text: text}); wrong == nil {
			t.Errorf("%s %q is taken", what, text)
		} else if wrong.what == "" || wrong.remedy == "" {
			t.Errorf("%s %q is refused without a word: %+v", what, text, wrong)
		}
	}
}

func TestAddresses(t *testing.T) {
	checks(t, "listen", listen,
		[]string{"127.0.0.1:8480", "[::1]:8480", ":179", "0.0.0.0:0", "localhost:80", "[fe80::1%eth0]:179"},
		[]string{"", "127.0.0.1", "::1:8480", "host.example.net:80", "127.0.0.1:http", "127.0.0.1:65536", ":-1", "300.0.0.1:80"})
	checks(t, "endpoint", endpoint,
		[]string{"127.0.0.1:3323", "[2001:db8::1]:3323", "cache.example.net:3323", "db_1:5432"},
		[]string{"", "127.0.0.1", ":3323", "127.0.0.1:0", "a b:1", "-x:1", "2001:db8::1:3323", "host:port"})
	checks(t, "host", host, []string{"ns1", "10.0.1.53", "10.0.1.53:53", "2001:db8::1", "[2001:db8::1]:53"}, []string{"", "a b", "http://x/", "x:y"})
	checks(t, "router ID", routerID, []string{"192.0.2.250"}, []string{"", "0.0.0.0", "2001:db8::1", "1", "::ffff:192.0.2.1"})
	checks(t, "address", address, []string{"192.0.2.1", "2001:db8::1", "fe80::1%eth0"}, []string{"", "192.0.2.0/24", "::ffff:192.0.2.1", "1.2.3"})
	checks(t, "prefix or address", prefixOrAddress, []string{"192.0.2.1", "192.0.2.0/24", "::1"}, []string{"", "192.0.2.1/24", "fe80::1%eth0"})
	checks(t, "mail address", mailbox, []string{"noc@example.net", "NOC <noc@example.net>"}, []string{"", "noc", "@example.net", "a@b@c"})
}

func TestNumbers(t *testing.T) {
	checks(t, "number", number(0, 10), []string{"0", "10"}, []string{"", "11", "-1", "+1", "1.0", "0x1", "1_0", "one", "99999999999999999999"})
	checks(t, "degrees", degrees(90), []string{"52.37", "-90", "0"}, []string{"", "91", "NaN", "Inf", "1e1", "52,37", ".5"})
	checks(t, "AS number", asNumber, []string{"1", "64500", "AS64500", "as64500", "1.10", "4294967294"}, []string{"", "0", "AS", "AS 1", "23456", "4294967295", "-1", "64500:1"})
	if _, wrong := number(0, 10)(word{"1", true}); wrong == nil {
		t.Error("text in quotes is taken for a number")
	}
	if _, wrong := boolean(word{"true", true}); wrong == nil {
		t.Error("text in quotes is taken for truth")
	}
	checks(t, "truth", boolean, []string{"true", "false", "True"}, []string{"", "yes", "no", "1", "on"})
}

func TestFilters(t *testing.T) {
	checks(t, "filter", bgpfilter,
		[]string{`aspath ~ "64999"`, `prefix == 192.0.2.0/24 && !(origin == IGP)`, `(aspath ~ "1") || aspath ~ "2"`, "!(aspath ~ \"1\")"},
		[]string{"", "aspath ~", "aspath ~ \"1\" &&", "aspath ~ \"1\" ||", "!", "(", "()", "(!)", ")", "aspath ~ \"(\"", "nonsense == 1"})
}

func TestTemplates(t *testing.T) {
	checks(t, "template", sentence,
		[]string{"", "text", "{{.Prefix}} by {{.Origin}}", "{{with .Site}}at {{.}}{{end}}", "{{range .Path}}{{.}}{{end}}", "{{.RPKI}}", "{{with .Path}}{{index . 0}}{{end}}", "{{if .Site}}a{{else}}b{{end}}"},
		[]string{"{{", "{{.Prefx}}", "{{nofunction}}", "{{if .Sit}}a{{end}}", "{{if true}}{{.No}}{{end}}", `{{printf "%s" .No}}`, "{{end}}", "{{range .Path}}{{.X}}{{end}}", "{{.RPKI.State}}", "{{index .Path 0}}", "{{index .Path 9}}", "{{with .Site}}{{.Prefix}}{{end}}", `{{template "x"}}`})
}

func TestStoreURLs(t *testing.T) {
	r := &reader{dir: "/etc/anywatch"}
	checks(t, "store", r.database,
		[]string{"sqlite:anywatch.db", "sqlite:/var/lib/anywatch.db", "postgres://user@host/db", "postgresql://host:5432/db?sslmode=require"},
		[]string{"", "sqlite:", "sqlite://x", "sqlite:x?mode=ro", "anywatch.db", "mysql://h/d", "postgres:///db", "postgres://host:0/db", "postgres://u:<hidden>@host/db"})
	s, _ := r.database(word{text: "sqlite:anywatch.db"})
	equal(t, "the file", s.Database.Path, "/etc/anywatch/anywatch.db")
	s, _ = r.database(word{text: "sqlite:/var/lib/anywatch.db"})
	equal(t, "an absolute file", s.Database.Path, "/var/lib/anywatch.db")
}

func TestSafeTextsReadBack(t *testing.T) {
	for _, text := range []string{
		"", "plain", "two words", "true", "No", "~", "null", "1", "1.5", "0x1f", "1e3", "12:30:45", "64500:101", "10.0.0.1", "10.0.0.1:53", "::1", "::",
		"2001:db8::", "a: b", "a #b", "#a", "- a", "[a]", "{a}", "*a", "&a", "!a", "%a", "@a", "`a`", "'a'", `"a"`, `a\b`, `a"b'c`, "a\nb", "\t", "é", "日本", "a,b", "-", "?", "|", ">", "<<", "\u2028", "\x00\x7f"[1:],
	} {
		for _, place := range []string{"a: %s\n", "a: [%s, x]\n", "- a: [%s]\n"} {
			root, faults := syntax("f", []byte(fmt.Sprintf(place, safe(text))))
			if len(faults) > 0 {
				t.Errorf("%q written as %s: %v", text, safe(text), faults)
				continue
			}
			n := root
			for n.kind != scalar {
				if n.kind == list {
					n = n.items[0]
				} else {
					n = n.pairs[0].value
				}
			}
			if n.text != text {
				t.Errorf("%q written as %s reads as %q", text, safe(text), n.text)
			}
		}
	}
}
