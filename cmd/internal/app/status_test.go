package app

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"anywatch/cmd/internal/config"
	"anywatch/collector"
)

const askedConfig = `
asns: [64500]
prefixes:
  - {prefix: 192.0.2.0/24, name: dns-a, sites: [ams, nrt]}
  - {prefix: 198.51.100.0/24, announced: never}
  - {prefix: 203.0.113.0/24}
sites:
  - {name: ams, match: [{community: "64500:101"}]}
  - {name: nrt, match: [{community: "64500:102"}]}
  - {name: iad, match: [{community: "64500:109"}]}
sources: {bgp: {listen: ["127.0.0.1:0"], neighbors: [{name: rr1, address: 127.0.0.9, asn: 64500}]}}
detect: {confirm: {external_vantages: 1}}
web: {listen: 127.0.0.1:0}
`

// running starts a daemon that ends with the test.
func running(t *testing.T, text string) *Daemon {
	t.Helper()
	c, err := config.Parse("anywatch.yaml", []byte(text), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(Options{Config: c, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return d
}

// A daemon says how it stands: with its feeds, its sites, and how others see its prefixes.
func TestStatus(t *testing.T) {
	d := running(t, askedConfig)
	show(t, d) // paths of ams and nrt by the reflector, and one from outside
	s, err := AskStatus(t.Context(), "http://"+d.WebAddr(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	if s.Ready || s.ReadyText != "no feed is synchronised yet" || s.Vantages.Known != 2 || s.Routes != 3 || s.Queue.Size != queueSize || s.Version == "" || s.Started.IsZero() {
		t.Errorf("%+v", s)
	}
	if s.RPKI.Configured || s.RPKI.Generated != nil || len(s.Prefixes) != 3 || len(s.Sources) != 1 || s.Sources[0].Name != "bgp" || s.Sources[0].LastMessage != nil {
		t.Errorf("%+v", s)
	}
	a := s.Prefixes[0]
	if *a.Name != "dns-a" || a.Seeing != 1 || a.Of != 1 || a.Showing != 2 || len(a.Sites) != 2 || a.Sites[0].Site != "ams" || a.Sites[0].State != "announced" || a.Sites[0].Since == nil {
		t.Errorf("%+v", a)
	}
	if never := s.Prefixes[1]; never.Announced != "never" || len(never.Sites) != 0 || never.Showing != 0 || never.Name != nil {
		t.Errorf("%+v", never)
	}
	if other := s.Prefixes[2]; len(other.Sites) != 3 || other.Sites[2].State != "unknown" || other.Sites[2].Since != nil {
		t.Errorf("%+v", other)
	}
	if len(s.Feeds) != 1 || s.Feeds[0].Name != "bgp:rr1" || s.Feeds[0].State != "up" || *s.Feeds[0].Vantages != 1 {
		t.Errorf("%+v", s.Feeds)
	}
}

// A daemon whose neighbor never connected awaits it.
func TestStatusOfASilentFeed(t *testing.T) {
	d := running(t, askedConfig)
	s, err := AskStatus(t.Context(), "http://"+d.WebAddr(), "", "")
	if err != nil || len(s.Feeds) != 1 || s.Feeds[0].State != "waiting" || s.Feeds[0].Since != nil || s.Feeds[0].Vantages != nil {
		t.Errorf("%+v, %v", s.Feeds, err)
	}
}

// Of a server nothing is told while all is well: it is up when there is a connection.
func TestStatusOfAServer(t *testing.T) {
	d := running(t, strings.Replace(askedConfig, "sources: {", `sources: {rislive: [{url: "ws://127.0.0.1:1/"}], `, 1))
	state := func() string {
		t.Helper()
		s, err := AskStatus(t.Context(), "http://"+d.WebAddr(), "", "")
		if err != nil || len(s.Feeds) != 2 || s.Feeds[1].Name != "rislive:127.0.0.1:1" || s.Feeds[1].Vantages != nil {
			t.Fatalf("%+v, %v", s.Feeds, err)
		}
		return s.Feeds[1].State
	}
	if got := state(); got != "waiting" {
		t.Errorf("before there is a connection it is %s", got)
	}
	d.feeds.deps.metrics.Source("rislive").Sessions.Add(1)
	if got := state(); got != "up" {
		t.Errorf("with one it is %s", got)
	}
	d.feedLog.note(collector.Event{Kind: collector.FeedDown, Feed: "rislive:127.0.0.1:1", Time: time.Now(), Reason: "silent"})
	if got := state(); got != "down" {
		t.Errorf("when it is silent it is %s", got)
	}
}

// A question may be about one prefix and one of its sites; about what the configuration doesn't have it is refused, with what there is.
func TestStatusOfOne(t *testing.T) {
	d := running(t, askedConfig)
	show(t, d)
	s, err := AskStatus(t.Context(), "http://"+d.WebAddr(), "192.0.2.0/24", "nrt")
	if err != nil || len(s.Prefixes) != 1 || len(s.Prefixes[0].Sites) != 1 || s.Prefixes[0].Sites[0].Site != "nrt" {
		t.Errorf("%+v, %v", s.Prefixes, err)
	}
	for _, c := range []struct{ prefix, site, want string }{
		{"192.0.2.0/25", "", "192.0.2.0/25 is not a prefix of the configuration; there are 192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24"},
		{"nonsense", "", `"nonsense" is not a prefix; `},
		{"192.0.2.0/24", "lhr", `"lhr" is not a site of the configuration; there are ams, nrt, iad`},
		{"192.0.2.0/24", "iad", "192.0.2.0/24 (dns-a) is not to be announced at iad by the configuration; its sites: ams, nrt"},
		{"198.51.100.0/24", "ams", "; its sites: none"},
		{"", "ams", "name the prefix too"},
	} {
		_, err := AskStatus(t.Context(), "http://"+d.WebAddr(), c.prefix, c.site)
		var refused *Refusal
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v", c.prefix, c.site, err)
		}
	}
}

// A route says whose it is and what is wrong with it, and the incident that it opened is among the open ones.
func TestVerdicts(t *testing.T) {
	d := running(t, strings.Replace(askedConfig, "{prefix: 192.0.2.0/24,", "{prefix: 192.0.2.0/24, origins: [64501],", 1))
	show(t, d)
	page := "http://" + d.WebAddr()
	list, now, err := AskIncidents(t.Context(), page, IncidentQuery{})
	if err != nil || len(list) != 1 || list[0].Kind != "origin-hijack" || now.IsZero() || !strings.Contains(string(list[0].Line), `"evidence":[`) {
		t.Fatalf("%+v, %v", list, err)
	}
	if none, _, err := AskIncidents(t.Context(), page, IncidentQuery{Kinds: []string{"zombie", "squatting"}}); err != nil || len(none) != 0 {
		t.Errorf("%+v, %v", none, err)
	}
	if same, _, err := AskIncidents(t.Context(), page, IncidentQuery{Kinds: []string{"zombie", "origin-hijack"}}); err != nil || len(same) != 1 {
		t.Errorf("%+v, %v", same, err)
	}
	got, _, err := AskRoutes(t.Context(), page, "192.0.2.128/25")
	if err != nil || len(got.Routes) != 3 {
		t.Fatalf("%+v, %v", got, err)
	}
	r := got.Routes[0]
	if *r.Site != "ams" || r.RPKI.State != "not-checked" || len(r.Verdicts) != 1 || r.Verdicts[0].Kind != "origin-hijack" || *r.Verdicts[0].Incident != list[0].ID {
		t.Errorf("%+v", r)
	}
	if got.Routes[2].Site != nil {
		t.Errorf("%+v", got.Routes[2])
	}
	if none, _, err := AskRoutes(t.Context(), page, "192.0.3.0/24"); err != nil || len(none.Routes) != 0 {
		t.Errorf("%+v, %v", none, err)
	}
	if s, err := AskStatus(t.Context(), page, "192.0.2.0/24", ""); err != nil || s.Incidents.Critical != 1 || s.Prefixes[0].Showing != 0 || s.Prefixes[0].Seeing != 0 {
		t.Errorf("who shows a hijacker's route does not show ours: %+v, %v", s, err)
	}
}
