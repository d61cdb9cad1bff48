package app

import (
	"context"
	"log/slog"
	"net"
	"reflect"
	"testing"
	"time"

	"anywatch/cmd/internal/config"
	"anywatch/cmd/internal/health"
	"anywatch/detector"
)

func parse(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := config.Parse("anywatch.yaml", []byte(text), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestChecks(t *testing.T) {
	c := parse(t, `
asns: [64500]
prefixes: [{prefix: 192.0.2.0/24}]
sites:
  - {name: ams, match: [{community: 64500:101}], health: {http: {url: "https://noc:secret@192.0.2.1/healthz", connect_to: ams-ns1.example.net}}}
  - {name: nrt, match: [{community: 64500:102}], health: {dns: {server: 10.0.1.53, query: example.net}, interval: 30s, fail_after: 1}}
  - {name: iad, match: [{community: 64500:103}]}
  - {name: fra, match: [{community: 64500:104}], health: {tcp: {address: "10.0.4.53:53"}}}
  - {name: gru, match: [{community: 64500:105}], health: {icmp: {address: 10.0.5.53}}}
`)
	want := []health.Check{
		{Site: "ams", Probe: health.HTTP{URL: "https://noc:secret@192.0.2.1/healthz", Shown: "https://noc:<hidden>@192.0.2.1/healthz", ConnectTo: "ams-ns1.example.net", Status: 200}, Interval: 10 * time.Second, FailAfter: 3},
		{Site: "nrt", Probe: health.DNS{Server: "10.0.1.53", Query: "example.net", Type: "SOA"}, Interval: 30 * time.Second, FailAfter: 1},
		{Site: "fra", Probe: health.TCP{Address: "10.0.4.53:53"}, Interval: 10 * time.Second, FailAfter: 3},
		{Site: "gru", Probe: health.ICMP{Address: "10.0.5.53"}, Interval: 10 * time.Second, FailAfter: 3},
	}
	if got := checks(c); !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v, want\n%+v", got, want)
	}
}

// The daemon probes what is configured, tells the engine, and follows a reload.
func TestDaemonProbes(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	sites := func(list string) *config.Config {
		return parse(t, "asns: [64500]\nprefixes: [{prefix: 192.0.2.0/24}]\nweb: {listen: 127.0.0.1:0}\nsites:\n"+list)
	}
	const ams, nrt = `  - {name: ams, match: [{community: 64500:101}], health: {tcp: {address: "`, `  - {name: nrt, match: [{community: 64500:102}]`
	check := ams + l.Addr().String() + `"}, interval: 100ms}}` + "\n"
	d, err := New(Options{Config: sites(check + nrt + "}\n"), Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	d.awaitHealth(t, func(h []detector.Health) bool {
		return len(h) == 1 && h[0].Site == "ams" && h[0].State == detector.HealthUp
	})
	if err := d.Reload(ctx, sites(nrt+`, health: {tcp: {address: "`+l.Addr().String()+`"}, interval: 100ms}}`+"\n"+check)); err != nil {
		t.Fatal(err)
	}
	d.awaitHealth(t, func(h []detector.Health) bool {
		return len(h) == 2 && h[0].Site == "nrt" && h[0].State == detector.HealthUp && h[1].State == detector.HealthUp
	})
	if err := d.Reload(ctx, sites(nrt+"}\n")); err != nil {
		t.Fatal(err)
	}
	d.awaitHealth(t, func(h []detector.Health) bool { return len(h) == 0 })
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// awaitHealth waits until the engine knows of the services what it should.
func (d *Daemon) awaitHealth(t *testing.T, is func([]detector.Health) bool) {
	t.Helper()
	var got []detector.Health
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		d.owner.ask(func(e *detector.Engine) { got = e.Health() })
		if is(got) {
			return
		}
	}
	t.Fatalf("the engine knows %+v", got)
}
