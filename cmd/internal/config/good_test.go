package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"anywatch/collector/route"

	"github.com/goccy/go-yaml"
)

func load(t *testing.T, name string) *Config {
	t.Helper()
	c, err := Load(filepath.Join("testdata", "good", name))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func parsed(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("test.yaml", []byte(text), "testdata/good")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s is %v, expected %v", what, got, want)
	}
}

func printed(t *testing.T, c *Config) string {
	t.Helper()
	var b bytes.Buffer
	if err := c.Print(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The smallest configuration gets every default that the documentation states.
func TestDefaults(t *testing.T) {
	c := load(t, "minimal.yaml")
	p := c.Prefixes[0]
	equal(t, "origins", p.Origins, Origins{ASNs: []route.ASN{64500}})
	equal(t, "upstreams", p.Upstreams, []route.ASN(nil))
	equal(t, "min_sites", p.MinSites, 1)
	equal(t, "more_specifics", p.MoreSpecifics, MoreSpecifics{})
	equal(t, "announced", p.Announced, Always)
	equal(t, "scope", p.Scope, Global)
	equal(t, "sources", c.Sources, Sources{})
	equal(t, "rpki", c.RPKI, RPKI{MaxAge: 2 * time.Hour, ROAExpiryWarning: 24 * time.Hour, MaxDrop: 20})
	equal(t, "alerts", c.Alerts, Alerts{GroupWait: 5 * time.Second, Repeat: 4 * time.Hour})
	equal(t, "store.url", c.Store.URL.Reveal(), "sqlite:anywatch.db")
	equal(t, "store.database", c.Store.Database, File{"anywatch.db", "testdata/good/anywatch.db"})
	equal(t, "store.keep", c.Store.Keep, 90*24*time.Hour)
	equal(t, "web", c.Web, Web{Listen: "127.0.0.1:8480"})
	equal(t, "log", c.Log, Log{Level: "info", Format: "text"})
	equal(t, "detect", c.Detect, Detect{
		Confirm:      Confirm{Vantages: 1, ExternalVantages: 2, Within: time.Minute},
		ResolveAfter: time.Minute, ReopenWithin: 30 * time.Minute, InitialSync: 2 * time.Minute, StaleAfterLoss: 5 * time.Minute, StaleVantageAfter: 6 * time.Hour,
		SiteMissingAfter: 20 * time.Second, FeedSilentAfter: 90 * time.Second,
		Visibility: Visibility{Warning: 80, Critical: 50},
		Flap: Flap{Profile: "rfc7196", Alert: 3000, HalfLife: 15 * time.Minute, Suppress: 6000, Reuse: 750, MaxSuppress: time.Hour,
			Withdraw: 1000, Reannounce: 0, Attribute: 500},
		Catchment:   Catchment{Shift: 25, Within: 10 * time.Minute},
		Superprefix: Superprefix{ShortestIPv4: 8, ShortestIPv6: 19},
	})
}

// A prefix carries what it inherits, unless it says otherwise.
func TestInheritance(t *testing.T) {
	c := load(t, "full.yaml")
	a, v6, parked, local := c.Prefixes[0], c.Prefixes[1], c.Prefixes[2], c.Prefixes[3]
	equal(t, "asns", c.ASNs, []route.ASN{64500, 64501, 65546})
	equal(t, "inherited origins", a.Origins, Origins{ASNs: []route.ASN{64500}})
	equal(t, "inherited upstreams", a.Upstreams, []route.ASN{1299, 2914})
	equal(t, "inherited min_sites", a.MinSites, 2)
	equal(t, "inherited more_specifics", a.MoreSpecifics, MoreSpecifics{UpTo: 26})
	equal(t, "twin", a.Twin, netip.MustParsePrefix("2001:db8:53::/48"))
	equal(t, "own sites", a.Sites, []string{"ams", "nrt"})
	equal(t, "every site", parked.Sites, []string{"ams", "nrt", "iad", "lhr"})
	equal(t, "own list", v6.MoreSpecifics, MoreSpecifics{List: []netip.Prefix{netip.MustParsePrefix("2001:db8:53:1::/64")}})
	equal(t, "never", parked.Announced, Never)
	equal(t, "any origin", local.Origins, Origins{Any: true})
	equal(t, "any upstream", local.Upstreams, []route.ASN(nil))
	equal(t, "no more-specifics", local.MoreSpecifics, MoreSpecifics{})
	equal(t, "pairs", local.OriginUpstreams, map[route.ASN][]route.ASN{64501: {3356, 174}, 64502: nil})
}

// What defaults allow to be announced more specifically holds for the prefixes that it can hold for.
func TestDefaultMoreSpecificsFit(t *testing.T) {
	c := parsed(t, `
asns: [1]
defaults: {more_specifics: [192.0.2.0/25, 198.51.100.0/25]}
prefixes: [{prefix: 192.0.2.0/24}, {prefix: 198.51.100.0/24}]`)
	equal(t, "the part of the first", c.Prefixes[0].MoreSpecifics.List, []netip.Prefix{netip.MustParsePrefix("192.0.2.0/25")})
	c = parsed(t, "asns: [1]\ndefaults: {more_specifics: {up_to: 25}}\nprefixes: [{prefix: 192.0.2.0/24}, {prefix: 2001:db8::/32}]")
	equal(t, "IPv4", c.Prefixes[0].MoreSpecifics, MoreSpecifics{UpTo: 25})
	equal(t, "IPv6, whose prefixes are longer", c.Prefixes[1].MoreSpecifics, MoreSpecifics{})
}

func TestNeighbors(t *testing.T) {
	c := load(t, "full.yaml")
	n := c.Sources.BGP.Neighbors
	equal(t, "password", n[0].Password.Reveal(), "example-md5-key")
	equal(t, "scope of our own AS", n[0].Scope, Internal)
	equal(t, "AS of a range", n[1].ASN, route.ASN(64501))
	equal(t, "name of a range", n[1].Name, "2001:db8::/64")
	equal(t, "peers of a range", n[1].MaxPeers, 500)
	equal(t, "scope of a range", n[1].Scope, Internal)
	equal(t, "scope as given", n[2].Scope, Internal)
	equal(t, "scope as given", n[3].Scope, External)
	equal(t, "scope of another AS", n[4].Scope, External)
	equal(t, "peers as given", n[4].MaxPeers, 10)
	c = parsed(t, "asns: [7, 8]\nprefixes: [{prefix: 192.0.2.0/24}]\nsources: {bgp: {}, bmp: {}}")
	equal(t, "own AS", c.Sources.BGP.ASN, route.ASN(7))
	equal(t, "bgp.listen", c.Sources.BGP.Listen, []string{":179"})
	equal(t, "bmp.listen", c.Sources.BMP.Listen, []string{":11019"})
}

func TestFlapParametersReplaceTheProfile(t *testing.T) {
	f := load(t, "full.yaml").Detect.Flap
	equal(t, "flap", f, Flap{Profile: "juniper", Alert: 2000, HalfLife: 15 * time.Minute, Suppress: 3000, Reuse: 750, MaxSuppress: time.Hour,
		Withdraw: 1000, Reannounce: 1000, Attribute: 0})
}

// Text that some YAML readers take for numbers, times or truth stays text.
func TestYAMLTraps(t *testing.T) {
	c := load(t, "full.yaml")
	m := c.Sites[0].Match
	equal(t, "community", m[0].Community.String(), "64500:10")
	equal(t, "an address as next_hop", m[3].NextHop, netip.MustParsePrefix("2001:db8::1/128"))
	equal(t, "peer", m[5].Peer, netip.MustParseAddr("::1"))
	equal(t, "blanks in as_path", m[7].ASPath.String(), " 64501 ")
	equal(t, "Norway", c.Sites[2].Location.Country, "NO")
	equal(t, "a route distinguisher", c.Sources.BMP.VRFs[1], "64500:1")
	equal(t, "12.5%", c.RPKI.MaxDrop.Fraction(), 0.125)
}

func TestAliasesAndMergeKeys(t *testing.T) {
	c := load(t, "aliases.yaml")
	one, two := c.Prefixes[0], c.Prefixes[1]
	equal(t, "names", []string{one.Name, two.Name}, []string{"one", "two"})
	equal(t, "prefix", two.Prefix, netip.MustParsePrefix("198.51.100.0/24"))
	equal(t, "merged", two.MinSites, 0)
	equal(t, "merged last", two.Scope, Local)
	equal(t, "an aliased item", c.Alerts.Sinks[0].Prefixes, []netip.Prefix{one.Prefix})
}

func TestCarriageReturnsAndByteOrderMark(t *testing.T) {
	equal(t, "name", load(t, "other-editors.yaml").Prefixes[0].Name, "dns")
}

// The effective configuration reads back as itself, also for a strict reader of another kind.
func TestPrintReadsBack(t *testing.T) {
	files, _ := filepath.Glob("testdata/good/*.yaml")
	for _, path := range files {
		first := printed(t, load(t, filepath.Base(path)))
		var any map[string]any
		if err := yaml.Unmarshal([]byte(first), &any); err != nil {
			t.Fatalf("%s: %v\n%s", path, err, first)
		}
		// In place of the hidden secrets stands something that can be written there.
		again, err := Parse(path, []byte(strings.ReplaceAll(first, hidden, "h")), filepath.Dir(path))
		if err != nil {
			t.Fatalf("%v\n%s", err, first)
		}
		second := printed(t, again)
		if want := strings.ReplaceAll(first, hidden, "h"); hideAgain(second) != hideAgain(want) {
			t.Errorf("%s reads back as another:\n%s\n%s", path, first, second)
		}
	}
}

// hideAgain makes a hidden secret and its stand-in alike.
func hideAgain(s string) string {
	return strings.NewReplacer(`"`+hidden+`"`, "h", hidden, "h", `"`, "").Replace(s)
}

func TestPrintIsInTheOrderOfTheDocumentation(t *testing.T) {
	var sections []string
	for _, line := range strings.Split(printed(t, load(t, "full.yaml")), "\n") {
		if key, _, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(line, " ") {
			sections = append(sections, key)
		}
	}
	want := "asns defaults prefixes sites sources rpki detect rules peer_locks maintenance alerts store web log"
	equal(t, "sections", strings.Join(sections, " "), want)
}

// No way of writing a configuration shows a secret.
func TestSecretsStayHidden(t *testing.T) {
	c := load(t, "full.yaml")
	shown := printed(t, c)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		shown += fmt.Sprintf(verb, c)
		shown += fmt.Sprintf(verb, c.Alerts.Sinks)
		shown += fmt.Sprintf(verb, struct{ inner Sink }{c.Alerts.Sinks[4]})
		for _, s := range c.Alerts.Sinks {
			if s.Webhook != nil {
				shown += fmt.Sprintf(verb, *s.Webhook)
			}
		}
		shown += fmt.Sprintf(verb, c.Store)
		shown += fmt.Sprintf(verb, c.Sources.BGP.Neighbors)
	}
	js, err := json.Marshal([]any{c.Alerts, c.Store, c.Sources, c.Sites})
	if err != nil {
		t.Fatal(err)
	}
	ym, err := yaml.Marshal([]any{c.Alerts.Sinks, c.Store, c.Sources.BGP})
	if err != nil {
		t.Fatal(err)
	}
	shown += string(js) + string(ym)
	for _, secret := range []string{"sEcReT", "example-md5-key", "xoxb-example", "T0/B0"} {
		for _, form := range []string{secret, fmt.Sprintf("%x", secret)} {
			if i := strings.Index(shown, form); i >= 0 {
				t.Errorf("%s is shown: %s", secret, shown[max(0, i-80):min(len(shown), i+80)])
			}
		}
	}
	equal(t, "the revealed", c.Alerts.Sinks[4].Webhook.URL.Reveal(), "http://127.0.0.1:9701/sEcReT")
	equal(t, "the trimmed", c.Alerts.Sinks[0].Slack.WebhookURL.Reveal(), "https://hooks.example.net/T0/B0/example")
}

func TestURLsShowWhatIsNoSecret(t *testing.T) {
	c := load(t, "full.yaml")
	for _, u := range []struct{ got, want string }{
		{c.Store.URL.String(), "postgres://anywatch:<hidden>@db.example.net/anywatch?password=<hidden>"},
		{c.Alerts.Sinks[2].Alertmanager.URL.String(), "https://user:<hidden>@am.example.net:9093/am"},
		{c.Alerts.Sinks[4].Webhook.URL.String(), "http://127.0.0.1:9701/<hidden>"},
		{c.Alerts.Sinks[7].Syslog.Address.String(), "unix:///dev/log"},
		{c.Sources.RISLive[0].URL.String(), "wss://ris-live.ripe.net/v1/ws/"},
		{parsed(t, "asns: [1]\nprefixes: [{prefix: 192.0.2.0/24}]\nstore: {url: postgres://user@host/db}").Store.URL.String(), "postgres://user@host/db"},
	} {
		equal(t, "shown", u.got, u.want)
	}
}

// Only what stands in the file is noticed, at its first place.
func TestUnused(t *testing.T) {
	equal(t, "of the smallest", len(Unused(load(t, "minimal.yaml"))), 0)
	c := parsed(t, `asns: [1]
prefixes:
  - {prefix: 192.0.2.0/24, announced: never}
  - {prefix: 198.51.100.0/24, announced: optional}
  - {prefix: 203.0.113.0/24, announced: always}
web: {users_file: "", tls: {cert_file: ""}}
maintenance: []
alerts: {sinks: [{name: f, file: {path: f}}, {name: p, exec: {command: [p]}}]}
detect: {flap: {alert: 1}}
`)
	var got []string
	for _, n := range Unused(c) {
		got = append(got, fmt.Sprintf("%d %s", n.Line, n.Key))
		if n.Text == "" || !strings.Contains(n.String(), n.Key) {
			t.Errorf("says nothing: %q", n)
		}
	}
	idleOnes := []string{"4 prefixes[1].announced", "8 alerts.sinks[1].exec", "9 detect.flap"}
	for _, key := range idleOnes {
		pattern := strings.NewReplacer("[1]", "[]").Replace(strings.Fields(key)[1])
		known := slices.ContainsFunc(idle, func(f feature) bool { return f.pattern == pattern })
		if known != slices.Contains(got, key) {
			t.Errorf("%s: in the table %v, noticed in %q", key, known, got)
		}
	}
	for _, key := range got {
		if !slices.Contains(idleOnes, key) {
			t.Errorf("noticed without reason: %s", key)
		}
	}
}

// Each line of the table of idle features is a key that the loader knows: a key that it doesn't would be a fault before.
func TestIdleFeaturesAreKeys(t *testing.T) {
	data, err := os.ReadFile("testdata/good/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	root, _ := syntax("full.yaml", data)
	found := givenKeys(root)
	for _, f := range idle {
		if _, ok := found[f.pattern]; !ok {
			t.Errorf("%s is not in the file that has every key", f.pattern)
		}
	}
}
