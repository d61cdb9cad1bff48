package app

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"anywatch/alerts"
	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/detector"
)

// pen is a sink that writes down what it is told, and refuses while it is told to.
type pen struct {
	mu     sync.Mutex
	lines  []string
	news   chan struct{}
	refuse bool
}

func newPen() *pen { return &pen{news: make(chan struct{}, 1000)} }

func (p *pen) Name() string          { return "pen" }
func (p *pen) Manner() alerts.Manner { return alerts.Manner{Alone: true} }

func (p *pen) Notify(_ context.Context, n alerts.Notification) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse {
		return errors.New("the pen is dry")
	}
	for _, c := range n.Changes {
		p.lines = append(p.lines, strings.TrimSpace(string(c.Event)+" "+string(c.Incident.Kind)+" "+c.Incident.Matter()+" "+strings.Join(c.Changed, "; ")))
		p.news <- struct{}{}
	}
	return nil
}

// wrote waits for as many lines as are wanted, and compares.
func (p *pen) wrote(t *testing.T, want ...string) {
	t.Helper()
	for range want {
		select {
		case <-p.news:
		case <-time.After(20 * time.Second):
			p.mu.Lock()
			t.Fatalf("told only %q; want %q", p.lines, want)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if got := strings.Join(p.lines, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("told\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	p.lines = nil
}

const watched = `
asns: [64500]
prefixes: [{prefix: 192.0.2.0/24, name: dns-a, sites: [ams]}, {prefix: 198.51.100.0/24, announced: optional}]
sites: [{name: ams, match: [{community: "64500:101"}]}]
detect: {confirm: {external_vantages: 1}, resolve_after: 0s, site_missing_after: 1h, initial_sync: 2s}
alerts: {group_wait: 0s}
web: {listen: 127.0.0.1:0}
`

// session is a daemon that runs until it is ended, on a folder that the next one finds.
type session struct {
	*Daemon
	t      *testing.T
	pen    *pen
	cancel context.CancelFunc
	ended  chan error
}

func begin(t *testing.T, dir string, p *pen) *session {
	t.Helper()
	d, err := New(Options{Config: parsed(t, watched, dir), Log: slog.New(slog.DiscardHandler), Now: time.Now, Sinks: []alerts.Route{{Sink: p}}})
	if err != nil {
		t.Fatal(err)
	}
	s := &session{Daemon: d, t: t, pen: p, ended: make(chan error, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	s.cancel = cancel
	go func() { s.ended <- d.Run(ctx) }()
	return s
}

func (s *session) end() {
	s.t.Helper()
	s.cancel()
	if err := <-s.ended; err != nil {
		s.t.Error(err)
	}
}

func (s *session) url() string { return "http://" + s.WebAddr() }

// event tells an event of a transit.
func (s *session) event(ev collector.Event) {
	ev.Vantage = s.vantages.Register(collector.Vantage{Key: collector.Key{Source: "bgp", Router: "transit", Peer: netip.MustParseAddr("10.9.0.1")}, Local: 64501, Scope: collector.External})
	ev.Time = time.Now()
	s.owner.ask(func(e *detector.Engine) { e.Apply(ev, ev.Time) })
}

func (s *session) announce(prefix string) {
	n := []route.NLRI{{Prefix: netip.MustParsePrefix(prefix)}}
	s.event(collector.Event{Kind: collector.Routes, Updates: []route.Update{{Announced: n, Attrs: &route.Attrs{Path: route.SequencePath(64501, 64511)}}}})
}

func (s *session) synchronised() { s.event(collector.Event{Kind: collector.Synchronised}) }

func TestPeopleAndTheirIncidents(t *testing.T) {
	s := begin(t, t.TempDir(), newPen())
	defer s.end()
	ctx := t.Context()
	s.synchronised()
	s.announce("192.0.2.0/24")
	s.pen.wrote(t, "opened origin-hijack 192.0.2.0/24")
	list, _, err := AskIncidents(ctx, s.url(), IncidentQuery{})
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	id := list[0].ID
	if err := Do(ctx, s.url(), "acknowledge", id, Word{Author: "alice", Text: "on it"}); err != nil {
		t.Fatal(err)
	}
	s.pen.wrote(t, "updated origin-hijack 192.0.2.0/24 acknowledged by alice")
	if err := Do(ctx, s.url(), "comment", id, Word{Author: "bob", Text: "called the upstream"}); err != nil {
		t.Fatal(err)
	}
	if err := Do(ctx, s.url(), "resolve", id, Word{Author: "alice", Text: "ours after all"}); err != nil {
		t.Fatal(err)
	}
	s.pen.wrote(t, "resolved origin-hijack 192.0.2.0/24")
	h, _, err := AskIncident(ctx, s.url(), id)
	if err != nil {
		t.Fatal(err)
	}
	if len(h.Changes) != 3 || len(h.Notes) != 3 || h.Notes[1].Text != "called the upstream" || len(h.Notifications) != 3 || h.Incident.State != "resolved" {
		t.Errorf("%+v", h)
	}
	for deed, want := range map[string]string{"acknowledge": "no open incident has this id", "dance": "nothing that can be done", "comment": "its text is missing"} {
		if err := Do(ctx, s.url(), deed, id, Word{Author: "eve"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", deed, err, want)
		}
	}
	if err := Do(ctx, s.url(), "comment", "1234", Word{Author: "eve", Text: "x"}); err == nil || !strings.Contains(err.Error(), "there is no incident 1234") {
		t.Errorf("a comment on nothing: %v", err)
	}
	if err := Do(ctx, s.url(), "comment", id, Word{Text: "x"}); err == nil || !strings.Contains(err.Error(), "author is missing") {
		t.Errorf("a comment by nobody: %v", err)
	}
}

func TestSilencesAndMaintenance(t *testing.T) {
	dir, p := t.TempDir(), newPen()
	s := begin(t, dir, p)
	ctx := t.Context()
	s.synchronised()
	in := time.Now().Add(time.Hour).Truncate(time.Second)
	made, err := AddSilence(ctx, s.url(), Silence{Author: "alice", Reason: "drill", To: in, Prefixes: []string{"192.0.2.0/24"}, Kinds: []string{"origin-hijack"}})
	if err != nil || made.ID == 0 {
		t.Fatalf("%+v, %v", made, err)
	}
	for want, bad := range map[string]Silence{
		"author is missing": {Reason: "x", To: in, Sites: []string{"ams"}}, "reason is missing": {Author: "x", To: in, Sites: []string{"ams"}},
		"ends in the past": {Author: "x", Reason: "x", Sites: []string{"ams"}}, "mute everything": {Author: "x", Reason: "x", To: in},
		"no kind": {Author: "x", Reason: "x", To: in, Kinds: []string{"hijck"}}, "no severity to stay below": {Author: "x", Reason: "x", To: in, Below: "loud"},
	} {
		if _, err := AddSilence(ctx, s.url(), bad); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v; want %q", bad, err, want)
		}
	}
	s.announce("192.0.2.0/24")
	s.announce("198.51.100.0/24")
	p.wrote(t, "opened origin-hijack 198.51.100.0/24")
	if _, err := AddMaintenance(ctx, s.url(), Maintenance{Author: "alice", Reason: "router", Sites: []string{"nowhere"}, To: in}); err == nil || !strings.Contains(err.Error(), `no site "nowhere"`) {
		t.Errorf("a maintenance nowhere: %v", err)
	}
	if _, err := AddMaintenance(ctx, s.url(), Maintenance{Author: "alice", Reason: "router", Sites: []string{"ams"}, To: in}); err != nil {
		t.Fatal(err)
	}
	s.end()

	s = begin(t, dir, p)
	defer s.end()
	list, err := AskSilences(ctx, s.url())
	if err != nil || len(list) != 1 || !list[0].To.Equal(in) || list[0].Prefixes[0] != "192.0.2.0/24" {
		t.Fatalf("%+v, %v", list, err)
	}
	planned, err := AskMaintenance(ctx, s.url())
	if err != nil || len(planned) != 1 || planned[0].Sites[0] != "ams" {
		t.Fatalf("%+v, %v", planned, err)
	}
	s.announce("192.0.2.0/24")
	if err := EndSilence(ctx, s.url(), strconv.FormatInt(list[0].ID, 10)); err != nil {
		t.Fatal(err)
	}
	p.wrote(t, "updated origin-hijack 192.0.2.0/24 silenced no more")
	if err := EndSilence(ctx, s.url(), "77"); err == nil || !strings.Contains(err.Error(), "there is no silence 77") {
		t.Errorf("a silence that is not there: %v", err)
	}
	if err := EndMaintenance(ctx, s.url(), strconv.FormatInt(planned[0].ID, 10)); err != nil {
		t.Error(err)
	}
}

// A restart tells what was not told, nothing twice, and what ended meanwhile.
func TestTheNextRunGoesOn(t *testing.T) {
	dir, p := t.TempDir(), newPen()
	s := begin(t, dir, p)
	s.synchronised()
	s.announce("192.0.2.0/24")
	p.wrote(t, "opened origin-hijack 192.0.2.0/24")
	p.mu.Lock()
	p.refuse = true
	p.mu.Unlock()
	s.announce("198.51.100.0/24")
	s.end()
	p.refuse = false

	s = begin(t, dir, p)
	p.wrote(t, "opened origin-hijack 198.51.100.0/24")
	s.announce("198.51.100.0/24")
	s.synchronised()
	p.wrote(t, "resolved origin-hijack 192.0.2.0/24")
	s.end()
}

// Whoever listens hears changes as they happen, and a page of somebody else's orders nothing.
func TestListeners(t *testing.T) {
	s := begin(t, t.TempDir(), newPen())
	defer s.end()
	ctx, cancel := context.WithCancel(t.Context())
	heard := make(chan string, 10)
	done := make(chan error, 1)
	go func() {
		done <- Follow(ctx, s.url(), func(line string) error { heard <- line; return nil })
	}()
	for listening := false; !listening; {
		s.hub.mu.Lock()
		listening = len(s.hub.listeners) > 0
		s.hub.mu.Unlock()
	}
	s.synchronised()
	s.announce("192.0.2.0/24")
	if line := <-heard; !strings.Contains(line, `"kind":"origin-hijack"`) {
		t.Errorf("heard %s", line)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url()+silencesPath, strings.NewReader(`{}`))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("an order from another site is answered with %s", resp.Status)
	}
}

// Who stood next to our origin in an earlier run is no news in the next.
func TestLinksAreRemembered(t *testing.T) {
	dir, p := t.TempDir(), newPen()
	s := begin(t, dir, p)
	s.synchronised()
	n := []route.NLRI{{Prefix: netip.MustParsePrefix("192.0.2.0/24")}}
	s.event(collector.Event{Kind: collector.Routes, Updates: []route.Update{{Announced: n, Attrs: &route.Attrs{Path: route.SequencePath(64501, 64500)}}}})
	before := s.links()
	if len(before) != 1 || before[0].Origin != 64500 || before[0].Neighbor != 64501 {
		t.Fatalf("%+v", before)
	}
	s.end()
	s = begin(t, dir, p)
	defer s.end()
	var after struct{ Links []detector.Link }
	if err := askJSON(t.Context(), s.url(), linksPath, nil, &after); err != nil || len(after.Links) != 1 || !after.Links[0].First.Equal(before[0].First) {
		t.Errorf("%+v, %v; before %+v", after.Links, err, before)
	}
}
