package report

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/detector"
	"anywatch/rules"
)

// served is an engine that saw vantages served by two sites, one of them from afar, and one go to a third site and back.
func served() *detector.Engine {
	ams, nrt, iad := route.Community(64500<<16|101), route.Community(64500<<16|102), route.Community(64500<<16|103)
	prefix := netip.MustParsePrefix("192.0.2.0/24")
	t := rules.Defaults()
	t.Flap = rules.Flap{Alert: 3000, Profiles: []rules.Dampening{{Name: "cisco", HalfLife: 15 * time.Minute, Suppress: 2000, Reuse: 750, MaxSuppress: time.Hour, Withdraw: 1000, Attribute: 500}}}
	e := detector.New(detector.Options{Emit: func(detector.Change) {}, Rules: rules.New(rules.Config{
		ASNs: []route.ASN{64500}, Thresholds: t,
		Prefixes: []rules.Prefix{{Prefix: prefix, Name: "a<b", Origins: []route.ASN{64500}, Sites: []string{"ams", "nrt", "iad"}}},
		Sites: []rules.Site{
			{Name: "ams", Region: "eu", Lat: 52.37, Lon: 4.90, Placed: true, Match: []rules.Matcher{{Community: &ams}}},
			{Name: "nrt", Region: "ap", Lat: 35.68, Lon: 139.69, Placed: true, Match: []rules.Matcher{{Community: &nrt}}},
			{Name: "iad", Match: []rules.Matcher{{Community: &iad}}},
		},
	})})
	registry := collector.NewRegistry()
	tell := func(minutes int, router string, path route.Path, c ...route.Community) {
		v := registry.Register(collector.Vantage{Key: collector.Key{Source: "rislive", Router: router, PeerAS: 64600}, Scope: collector.External})
		at := begin.Add(time.Duration(minutes) * time.Minute)
		u := route.Update{Announced: []route.NLRI{{Prefix: prefix}}, Attrs: &route.Attrs{Path: path, Communities: c}}
		e.Apply(collector.Event{Kind: collector.Routes, Time: at, Vantage: v, Updates: []route.Update{u}}, at)
	}
	path := route.SequencePath(64600, 64500)
	tell(0, "rrc01", path, ams)
	tell(0, "rrc03.ripe.net", path, ams)
	tell(0, "rrc06", path, ams)
	tell(0, "rrc00", append(route.Path{{Kind: route.Set, ASNs: []route.ASN{64601, 64602}}}, path...))
	tell(0, "rrc23", path, nrt)
	tell(30, "rrc03.ripe.net", path, iad)
	tell(40, "rrc03.ripe.net", path, ams)
	e.Advance(begin.Add(time.Hour))
	return e
}

// TestCatchmentPage: the page of recorded input and that of a daemon are the same, the JSON for programs is without what is only drawn, and
// nothing of the configuration becomes markup.
func TestCatchmentPage(t *testing.T) {
	e := served()
	page := write(t, Catchments(e, time.Time{}, true), "html")
	for _, want := range []string{
		"map of sites and vantages", "shares of the sites of 192.0.2.0/24", "192.0.2.0/24 (a&lt;b)", "Flows between sites", "Changes of site per vantage",
		"<td>rislive:rrc06</td><td>AS64600</td><td>ams, 9291 km, <span class=\"mark\">another region</span></td>", "no known site 20 %", "{64601,64602} 64600 64500",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(page, "a<b") || strings.Contains(page, "NaN") || strings.Contains(page, "http") {
		t.Errorf("the page:\n%s", page)
	}
	sent := write(t, Catchments(e, time.Time{}, true), "json")
	back, err := ReadCatchments([]byte(sent))
	if err != nil || write(t, back, "html") != page {
		t.Errorf("read back it differs: %v", err)
	}
	back.Plain()
	if plain := write(t, back, "json"); plain != write(t, Catchments(e, time.Time{}, false), "json") || strings.Contains(plain, "drawing") || !strings.Contains(sent, "drawing") {
		t.Errorf("plain it differs: %s", plain)
	}
	if _, err := ReadCatchments([]byte("<html>")); err == nil || !strings.HasPrefix(err.Error(), "this is no report of catchments: ") {
		t.Errorf("of no report: %v", err)
	}
}

// TestCatchmentSince: shares before the time asked for are not drawn, but the last of them holds at its beginning.
func TestCatchmentSince(t *testing.T) {
	d := Catchments(served(), begin.Add(35*time.Minute), true).Drawing.(*catchmentDrawing)
	got := d.Prefixes[0].Shares
	if len(got) != 2 || !got[0].At.Equal(begin.Add(35*time.Minute)) || !slices.Equal(got[0].Counts, []int{2, 1, 1, 1}) || !slices.Equal(got[1].Counts, []int{3, 1, 0, 1}) {
		t.Errorf("shares: %+v", got)
	}
}

// TestSitesPage: what a daemon sends gives the same page, and a table says times as people do.
func TestSitesPage(t *testing.T) {
	e := served()
	page := write(t, Sites(e, time.Time{}, true), "html")
	back, err := ReadSites([]byte(write(t, Sites(e, time.Time{}, true), "json")))
	if err != nil || write(t, back, "html") != page {
		t.Errorf("read back it differs: %v", err)
	}
	if back.Plain(); write(t, back, "json") != write(t, Sites(e, time.Time{}, false), "json") {
		t.Error("plain it differs")
	}
	if strings.Count(page, "<rect") != 2 || !strings.Contains(page, "state-missing") {
		t.Errorf("the states of iad are not drawn:\n%s", page)
	}
	if table := write(t, Sites(e, time.Time{}, false), "table"); !strings.Contains(table, "iad   missing") || !strings.Contains(table, "20m") {
		t.Errorf("table:\n%s", table)
	}
	if _, err := ReadSites([]byte("<html>")); err == nil || !strings.HasPrefix(err.Error(), "this is no report of sites: ") {
		t.Errorf("of no report: %v", err)
	}
}

// TestKilometres compares with distances that everybody can look up.
func TestKilometres(t *testing.T) {
	for _, c := range []struct {
		a, b spot
		want float64
	}{
		{spot{52.37, 4.90}, spot{35.68, 139.69}, 9290},
		{spot{51.51, -0.13}, spot{40.71, -74.01}, 5570},
		{spot{0, 179}, spot{0, -179}, 222},
		{spot{90, 0}, spot{-90, 0}, 20015},
		{spot{1, 1}, spot{1, 1}, 0},
	} {
		if got := kilometres(c.a, c.b); got < c.want-5 || got > c.want+5 {
			t.Errorf("%v to %v: %.0f km, it is %.0f", c.a, c.b, got, c.want)
		}
	}
	for _, name := range []string{"rislive:rrc00/192.0.2.1", "rislive:rrc24", "rislive:rrc25.ripe.net/192.0.2.1", "bgp:rrc01", "rislive:elsewhere/192.0.2.1"} {
		if c, ok := collectorOf(name); ok {
			t.Errorf("%s is in %s", name, c.city)
		}
	}
	if c, ok := collectorOf("rislive:rrc15.ripe.net/192.0.2.1"); !ok || c.city != "São Paulo" {
		t.Errorf("rrc15 is in %q", c.city)
	}
}
