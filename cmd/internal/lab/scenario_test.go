package lab_test

import (
	"context"
	"errors"
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"anywatch/cmd/internal/lab"

	"github.com/goccy/go-yaml"
)

// TestScenario holds the demonstration to its promises: the first thing happens within seconds, all is over in time for --exit-after 2m, and
// every incident that opens is resolved later.
func TestScenario(t *testing.T) {
	steps := lab.Scenario()
	open, kinds := map[string]bool{}, map[string]bool{}
	last, first := time.Duration(-1), time.Duration(-1)
	for _, s := range steps {
		if s.At <= last {
			t.Errorf("%q at %s does not come after %s", s.Title, s.At, last)
		}
		last = s.At + time.Duration(max(s.Times-1, 0))*s.Every
		for _, e := range s.Expected {
			if first < 0 {
				first = s.At
			}
			if e.Opens == e.Resolves {
				t.Errorf("%s at %s should either open or resolve", e, s.At)
			}
			if e.Resolves && !open[e.String()] {
				t.Errorf("%s resolves at %s and is not open", e, s.At)
			}
			if !slices.Contains([]string{"info", "warning", "critical"}, e.Severity) {
				t.Errorf("%s at %s has the severity %q", e, s.At, e.Severity)
			}
			open[e.String()], kinds[e.Kind] = e.Opens, true
		}
	}
	for name, still := range open {
		if still {
			t.Errorf("%s is never resolved", name)
		}
	}
	if first > 6*time.Second || last > 100*time.Second {
		t.Errorf("the first incident is at %s, the last step at %s", first, last)
	}
	for _, kind := range []string{
		"origin-hijack", "subprefix-hijack", "unexpected-upstream", "catchment-shift", "announced-unhealthy", "route-leak", "site-missing",
		"healthy-withdrawn", "flapping", "roa-changed", "rpki-invalid", "rpki-stale",
	} {
		if !kinds[kind] {
			t.Errorf("nothing shows %s", kind)
		}
	}
}

// hijacks are the hijacks of the prefix and of a half of it, which suffice to try the judge.
func hijacks() []lab.Step {
	all := lab.Scenario()
	return slices.Concat(all[:3], all[5:7])
}

func TestJudge(t *testing.T) {
	steps := hijacks()
	exact := lab.Seen{Kind: "origin-hijack", Prefix: lab.AnycastV4, Origin: lab.HijackerASN, Severity: "critical"}
	half := lab.Seen{Kind: "subprefix-hijack", Prefix: lab.HalfV4, Origin: lab.HijackerASN, Severity: "critical"}
	missing := lab.Seen{Event: "opened", Kind: "site-missing", Prefix: lab.AnycastV4, Site: "nrt", Severity: "warning"}
	with := func(s lab.Seen, event string) lab.Seen { s.Event = event; return s }
	good := []lab.Seen{with(exact, "opened"), with(exact, "updated"), with(exact, "resolved"), with(half, "opened"), with(half, "resolved")}
	mild := slices.Clone(good)
	mild[3].Severity = "warning"
	for _, c := range []struct {
		name    string
		seen    []lab.Seen
		want    []string
		pending bool
	}{
		{"as expected", good, nil, false},
		{"in another order", []lab.Seen{good[3], good[4], good[0], good[2]}, nil, false},
		{"nothing", nil, []string{
			"origin-hijack of 192.0.2.0/24 from AS64511 should have opened once and opened not at all",
			"origin-hijack of 192.0.2.0/24 from AS64511 should have resolved once and resolved not at all",
			"subprefix-hijack of 192.0.2.128/25 from AS64511 should have opened once and opened not at all",
			"subprefix-hijack of 192.0.2.128/25 from AS64511 should have resolved once and resolved not at all",
		}, true},
		{"one stays open", good[:4], []string{
			"subprefix-hijack of 192.0.2.128/25 from AS64511 should have resolved once and resolved not at all",
		}, true},
		{"one opens three times", append(slices.Clone(good), good[0], good[0]), []string{
			"origin-hijack of 192.0.2.0/24 from AS64511 should have opened once and opened 3 times",
		}, false},
		{"one is less severe", mild, []string{
			"subprefix-hijack of 192.0.2.128/25 from AS64511 should have been critical and was warning",
		}, false},
		{"somebody else", append(slices.Clone(good), lab.Seen{Event: "opened", Kind: "origin-hijack", Prefix: lab.AnycastV4, Origin: 64510}), []string{
			"origin-hijack of 192.0.2.0/24 from AS64510 was not expected",
		}, false},
		{"a site", append(slices.Clone(good), missing), []string{"site-missing of 192.0.2.0/24 at nrt was not expected"}, false},
		{"something without a prefix", append(slices.Clone(good), lab.Seen{Event: "opened", Kind: "feed-lost"}), []string{
			"feed-lost was not expected",
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := lab.Judge(steps, c.seen); !slices.Equal(got, c.want) {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
			if got := lab.Pending(steps, c.seen); got != c.pending {
				t.Errorf("something is pending: %v, want %v", got, c.pending)
			}
		})
	}
}

// TestJudgeSeverities: what opens twice may be more severe the first time.
func TestJudgeSeverities(t *testing.T) {
	changed := lab.Expected{Kind: "roa-changed", Prefix: lab.AnycastV6, Opens: true, Severity: "warning"}
	better := changed
	better.Severity = "info"
	steps := []lab.Step{{Expected: []lab.Expected{changed}}, {Expected: []lab.Expected{better}}}
	seen := func(severities ...string) (out []lab.Seen) {
		for _, s := range severities {
			out = append(out, lab.Seen{Event: "opened", Kind: "roa-changed", Prefix: lab.AnycastV6, Severity: s})
		}
		return out
	}
	for _, c := range []struct {
		seen []lab.Seen
		want []string
	}{
		{seen("warning", "info"), nil},
		{seen("info", "warning"), []string{
			"roa-changed of 2001:db8:53::/48 should have been warning and was info", "roa-changed of 2001:db8:53::/48 should have been info and was warning",
		}},
		{seen("critical"), []string{
			"roa-changed of 2001:db8:53::/48 should have opened twice and opened once", "roa-changed of 2001:db8:53::/48 should have been warning and was critical",
		}},
	} {
		if got := lab.Judge(steps, c.seen); !slices.Equal(got, c.want) {
			t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}

func TestDescription(t *testing.T) {
	n, err := lab.New(lab.Options{BGP: netip.MustParseAddrPort("127.0.0.1:1179"), Block: netip.MustParsePrefix("127.99.3.0/24")})
	must(t, err)
	t.Cleanup(n.Stop)
	d := n.Description()
	d = d.AtSpeed(4)
	text, err := d.Config()
	must(t, err)
	for _, want := range []string{
		"asns: [64500]  ",
		"upstreams: [64496, 64497]  ",
		"  - prefix: 192.0.2.0/24\n    name: dns-a\n    sites: [ams, nrt, iad]\n    twin: 2001:db8:53::/48\n",
		"  - prefix: 198.51.100.0/24\n    name: parked\n    announced: never ",
		"  - name: nrt\n    location: {city: Tokyo, country: JP, region: ap, lat: 35.68, lon: 139.69}\n    match:\n      - community: 64500:102\n" +
			"      - large_community: 64500:1:102\n      - originator_id: 10.0.2.1\n" +
			"    health:\n      http: {url: \"http://127.99.3.12:8053/healthz\"}\n      interval: 1s\n      fail_after: 2\n",
		`    listen: ["127.0.0.1:1179"]`,
		"      - {name: rr1, address: 127.99.3.1, asn: 64500, add_path: true}\n" +
			"      - {name: transit-a, address: 127.99.3.21, asn: 64496, scope: external}\n" +
			"      - {name: transit-b, address: 127.99.3.22, asn: 64497, scope: external}\n",
		`    listen: ["127.99.3.250:11019"]` + "\n" + `    allow: ["127.99.3.1/32"]`,
		`{address: "127.99.3.53:3323", transport: tcp}` + "\n  max_age: 2s  ",
		"\npeer_locks:\n  - {asn: 64497, from: [64500, 64496]} ",
		"resolve_after: 500ms\n",
		"site_missing_after: 1s\n",
		"flap: {half_life: 1s} ",
		"catchment: {shift: 60%, within: 9s} ",
		"group_wait: 0s ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the configuration lacks:\n%s\nit is:\n%s", want, text)
		}
	}
	if err := yaml.Unmarshal([]byte(text), new(map[string]any)); err != nil {
		t.Errorf("the configuration is no YAML: %v", err)
	}
	if strings.Contains(text, "<no value>") || strings.Contains(text, "{{") {
		t.Errorf("the configuration is not filled in:\n%s", text)
	}
}

func TestPlaybackRefuses(t *testing.T) {
	for _, speed := range []float64{-1, math.NaN()} {
		if err := (lab.Playback{Clock: lab.SystemClock{}, Speed: speed}).Play(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "above 0") {
			t.Errorf("speed %v: got %v", speed, err)
		}
	}
	n, err := lab.New(lab.Options{})
	must(t, err)
	t.Cleanup(n.Stop)
	err = lab.Playback{Clock: lab.SystemClock{}, Steps: lab.Scenario()}.Play(t.Context(), n)
	if err == nil || !strings.Contains(err.Error(), "start it first") {
		t.Errorf("a network that was not started: got %v", err)
	}
}

func TestSystemClock(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	clock := lab.SystemClock{}
	before := clock.Now()
	must(t, clock.Wait(ctx, -time.Hour))
	must(t, clock.Wait(ctx, time.Millisecond))
	if passed := clock.Now().Sub(before); passed < time.Millisecond {
		t.Errorf("a wait of 1ms took %s", passed)
	}
	cancel()
	for _, d := range []time.Duration{0, time.Hour} {
		if err := clock.Wait(ctx, d); !errors.Is(err, context.Canceled) {
			t.Errorf("wait of %s after the end: %v", d, err)
		}
	}
}

// TestReadySaysWhatIsLacking: nobody listens where the monitor should be.
func TestReadySaysWhatIsLacking(t *testing.T) {
	n, err := lab.New(lab.Options{})
	must(t, err)
	t.Cleanup(n.Stop)
	must(t, n.Start(t.Context()))
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("that is enough"))
	err = n.Ready(ctx)
	if err == nil || !strings.Contains(err.Error(), "has no BGP session with the monitor at 127.64.") || !strings.HasSuffix(err.Error(), "that is enough") {
		t.Errorf("got %v", err)
	}
}

// TestStartWithoutTime: a start that fails leaves nothing behind.
func TestStartWithoutTime(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n, err := lab.New(lab.Options{})
	must(t, err)
	if err := n.Start(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	again, err := lab.New(lab.Options{Block: netip.PrefixFrom(n.Description().RTR.Addr(), 24)})
	must(t, err)
	again.Stop()
}
