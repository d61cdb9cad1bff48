package app

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"anywatch/cmd/internal/config"
	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/detector"
	"anywatch/rules/propose"
)

// A running daemon shows its vantages and routes; a proposal made from them is the one that a recording of the same would give.
func TestAsk(t *testing.T) {
	text := "asns: [64500]\nprefixes: [{prefix: 192.0.2.0/24}]\nweb: {listen: 127.0.0.1:0}\n"
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
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	show(t, d)
	page := "http://" + d.WebAddr()
	wantRoutes(t, page)

	seen, err := Ask(ctx, page, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := propose.Write(seen)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"# From: the daemon at " + page + "; newest record 2026-03-01T18:00:00Z.\n", "asns: [64500]  # told by the daemon's configuration",
		"    - 64496 ", "  - prefix: 192.0.2.0/24  # 1 vantage, and inside\n", `    match: [{community: "64500:101"}]`, `    match: [{community: "64500:102"}]`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if _, err := Ask(ctx, page+"/elsewhere", nil); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("a page that there is not: %v", err)
	}
}

// show tells a daemon of the same path by two sites, and of one outside.
func show(t *testing.T, d *Daemon) {
	t.Helper()
	reg := collector.NewRegistry()
	rr := reg.Register(collector.Vantage{Key: collector.Key{Source: "bgp", Router: "rr1", Peer: netip.MustParseAddr("10.0.0.1"), PeerAS: 64500}, Local: 64500, AllPaths: true})
	out := reg.Register(collector.Vantage{Key: collector.Key{Source: "rislive", Router: "rrc00", Peer: netip.MustParseAddr("10.9.0.1"), PeerAS: 64496}, Local: 64496, Scope: collector.External})
	prefix := netip.MustParsePrefix("192.0.2.0/24")
	for i, v := range []*collector.Vantage{rr, rr, out} {
		hop := netip.AddrFrom4([4]byte{10, 0, byte(i + 1), 1})
		a := &route.Attrs{NextHop: hop, OriginatorID: hop, HasLocalPref: true, LocalPref: 100, Communities: []route.Community{64500<<16 | route.Community(101+i)},
			Large: []route.LargeCommunity{{Global: 64500, Local1: 1, Local2: 5001}}}
		if v == out {
			a = &route.Attrs{Path: route.Path{{Kind: route.Sequence, ASNs: []route.ASN{64496, 64500}}}, NextHop: hop}
		}
		ev := collector.Event{Kind: collector.Routes, Time: time.Date(2026, 3, 1, 18, 0, 0, 0, time.UTC), Vantage: v,
			Updates: []route.Update{{Announced: []route.NLRI{{Prefix: prefix, PathID: uint32(i)}}, Attrs: a}}}
		if err := d.queue.Emit(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
	}
	late := time.After(time.Minute)
	for all := false; !all; { // the queue is emptied in the background
		d.owner.ask(func(e *detector.Engine) { all = e.Routes() == 3 })
		select {
		case <-late:
			t.Fatal("the routes never came")
		default:
		}
	}
}

// wantRoutes looks at the page as another program would.
func wantRoutes(t *testing.T, page string) {
	t.Helper()
	body, err := get(t.Context(), page+routesPath)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	var got struct{ Vantages, Routes []map[string]any }
	if err := json.NewDecoder(body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	if len(got.Routes) != 3 || len(got.Vantages) != 2 {
		t.Fatalf("%v", got)
	}
	want := `{"as_path":"","communities":["64500:101"],"large_communities":["64500:1:5001"],"local_as":64500,"local_pref":100,"next_hop":"10.0.1.1","originator_id":"10.0.1.1",` +
		`"path":[],"path_id":0,"prefix":"192.0.2.0/24","rpki":{"reason":null,"state":"not-checked"},"scope":"internal","since":"2026-03-01T18:00:00Z","site":null,"stale":false,` +
		`"vantage":"bgp:rr1","verdicts":[]}`
	if b, err := json.Marshal(got.Routes[0]); err != nil || string(b) != want {
		t.Errorf("%s, %v", b, err)
	}
	if r := got.Routes[2]; r["local_pref"] != nil || r["originator_id"] != nil || r["as_path"] != "64496 64500" {
		t.Errorf("%v", r)
	}
	if v := got.Vantages[1]; v["scope"] != "external" || v["name"] != "rislive:rrc00/10.9.0.1" || v["router_id"] != nil || v["all_paths"] != false {
		t.Errorf("%v", v)
	}
}

// What answers but is no daemon, or one that talks nonsense, is told, and not believed.
func TestAskRefuses(t *testing.T) {
	const vantage = `"asns":[64500],"vantages":[{"name":"a","scope":"external","local_as":64496}]`
	for answer, want := range map[string]string{
		`<html>`: "can't be read",
		`{}`:     "--asn",
		`{"asns":[64500],"routes":[{"prefix":"192.0.2.0/24","vantage":"b"}]}`:                                        "vantage that it doesn't list",
		`{` + vantage + `,"routes":[{"vantage":"a"}]}`:                                                               "no prefix",
		`{` + vantage + `,"routes":[{"prefix":"192.0.2.0/24","vantage":"a","as_path":"x"}]}`:                         "route 0 (192.0.2.0/24)",
		`{` + vantage + `,"routes":[{"prefix":"192.0.2.0/24","vantage":"a","as_path":"","communities":["1"]}]}`:      "parts",
		`{` + vantage + `,"routes":[{"prefix":"192.0.2.0/24","vantage":"a","as_path":"","large_communities":[""]}]}`: "parts",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) }))
		_, err := Ask(t.Context(), server.URL, nil)
		server.Close()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", answer, err)
		}
	}
	for _, address := range []string{"", "127.0.0.1:8480", "ftp://127.0.0.1/", "http://", "http://%zz"} {
		if _, err := Ask(t.Context(), address, nil); err == nil || !strings.Contains(err.Error(), "http://127.0.0.1:8480") {
			t.Errorf("%q: %v", address, err)
		}
	}
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	if _, err := Ask(t.Context(), server.URL, nil); err == nil || !strings.Contains(err.Error(), "is it running") {
		t.Errorf("nobody listens: %v", err)
	}
	seen, err := Ask(t.Context(), "http://user:secret@127.0.0.1:1", []route.ASN{64500})
	if err == nil || strings.Contains(err.Error(), "secret") || !slices.Equal(seen.ASNs, nil) {
		t.Errorf("%v, %v", seen.ASNs, err)
	}
}
