package report

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/detector"
	"anywatch/rules"
)

var begin = time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)

// flapping is an engine that saw a route flap five times, and another one once.
func flapping() *detector.Engine {
	t := rules.Defaults()
	t.Flap = rules.Flap{Alert: 3000, Profiles: []rules.Dampening{
		{Name: "cisco", HalfLife: 15 * time.Minute, Suppress: 2000, Reuse: 750, MaxSuppress: time.Hour, Withdraw: 1000, Attribute: 500},
		{Name: "juniper", HalfLife: 15 * time.Minute, Suppress: 3000, Reuse: 750, MaxSuppress: time.Hour, Withdraw: 1000, Reannounce: 1000, Attribute: 500},
	}}
	e := detector.New(detector.Options{Emit: func(detector.Change) {}, Rules: rules.New(rules.Config{
		ASNs: []route.ASN{64500}, Thresholds: t,
		Prefixes: []rules.Prefix{{Prefix: netip.MustParsePrefix("192.0.2.0/24"), Origins: []route.ASN{64500}}, {Prefix: netip.MustParsePrefix("198.51.100.0/24"), Origins: []route.ASN{64500}}},
	})})
	v := collector.NewRegistry().Register(collector.Vantage{Key: collector.Key{Source: "bgp", Router: "rr1"}, Local: 64500})
	at := begin
	tell := func(prefix string, announce bool) {
		u := route.Update{Withdrawn: []route.NLRI{{Prefix: netip.MustParsePrefix(prefix)}}}
		if announce {
			u = route.Update{Announced: u.Withdrawn, Attrs: &route.Attrs{}}
		}
		e.Apply(collector.Event{Kind: collector.Routes, Time: at, Vantage: v, Updates: []route.Update{u}}, at)
	}
	tell("198.51.100.0/24", true)
	tell("198.51.100.0/24", false)
	tell("192.0.2.0/24", true)
	for range 5 {
		at = at.Add(20 * time.Second)
		tell("192.0.2.0/24", false)
		at = at.Add(20 * time.Second)
		tell("192.0.2.0/24", true)
	}
	e.Advance(begin.Add(time.Hour))
	return e
}

func write(t *testing.T, d Document, format string) string {
	t.Helper()
	var b strings.Builder
	if err := d.Write(&b, format); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestFlapsJSON(t *testing.T) {
	text := write(t, Flaps(flapping(), time.Time{}, false), "json")
	var got struct {
		Report   string
		From, To time.Time
		Rows     []struct {
			Prefix                      string
			Site, Vantage               *string
			Flaps, Withdrawals, Changes int
			PenaltyMax                  float64 `json:"penalty_max"`
			Suppressed                  []Suppressed
			Curve                       []Point
		}
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if got.Report != "flaps" || !got.From.Equal(begin) || !got.To.Equal(begin.Add(time.Hour)) || len(got.Rows) != 2 {
		t.Fatalf("got %s", text)
	}
	worst := got.Rows[0]
	if worst.Prefix != "192.0.2.0/24" || worst.Site != nil || *worst.Vantage != "bgp:rr1" || worst.Flaps != 5 || worst.Withdrawals != 5 || worst.Changes != 0 || worst.Curve != nil {
		t.Errorf("the worst: %+v", worst)
	}
	if s := worst.Suppressed; len(s) != 2 || s[0].Profile != "juniper" || s[1].Profile != "cisco" || s[0].From.After(s[1].From) {
		t.Errorf("suppressed: %+v", worst.Suppressed)
	}
}

// TestFormats: the other formats say the same, and a reader of JSON gets it back.
func TestFormats(t *testing.T) {
	e := flapping()
	csv := strings.Split(strings.TrimSpace(write(t, Flaps(e, time.Time{}, false), "csv")), "\n")
	if len(csv) != 3 || csv[0] != "prefix,site,vantage,flaps,withdrawals,changes,penalty_max,penalty_last,first,last,suppressed" ||
		!strings.HasPrefix(csv[1], "192.0.2.0/24,,bgp:rr1,5,5,0,") || !strings.Contains(csv[1], "cisco 2026-11-22T18:02:00Z/") {
		t.Errorf("csv: %q", csv)
	}
	table := write(t, Flaps(e, time.Time{}, false), "table")
	if !strings.Contains(table, "PENALTY MAX") || strings.Count(table, "\n") != 3 {
		t.Errorf("table:\n%s", table)
	}
	if late := write(t, Flaps(e, begin.Add(30*time.Minute), false), "table"); late != "No watched route flapped.\n" {
		t.Errorf("nothing flapped lately, and it says %q", late)
	}
	html := write(t, Flaps(e, time.Time{}, true), "html")
	if strings.Count(html, "<svg") != 1 || !strings.Contains(html, "cisco 2000") || strings.Contains(html, "http") {
		t.Errorf("html:\n%s", html)
	}
	back, err := ReadFlaps([]byte(write(t, Flaps(e, time.Time{}, true), "json")), e.FlapProfiles())
	if err != nil || write(t, back, "html") != html {
		t.Errorf("read back it differs: %v", err)
	}
	if err := back.Write(&strings.Builder{}, "xml"); err == nil || err.Error() != `--format "xml": it is table, json, csv, html` {
		t.Errorf("xml: %v", err)
	}
}
