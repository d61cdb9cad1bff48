package compliance

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"anywatch/collector/route"
	"anywatch/rpki"
)

var epoch = time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)

func TestJudge(t *testing.T) {
	sited := always("192.0.2.0/24", 64500)
	sited.Sites = []string{"ams", "nrt"}
	listed := always("192.0.2.0/24", 64500)
	listed.Listed = []netip.Prefix{pfx("192.0.2.0/25")}
	upTo := always("192.0.2.0/24", 64500)
	upTo.UpTo = 25
	parked := Watched{Prefix: pfx("198.51.100.0/24"), Use: Never}
	for _, c := range []struct {
		name string
		in   Input
		want string
	}{
		{"all agree", Input{Watched: []Watched{sited}, Looked: true, Seen: []Announcement{seen("192.0.2.0/24", 64500, "ams"), seen("192.0.2.0/24", 64500, "nrt")},
			Table: table(t, "192.0.2.0/24-24 AS64500")}, `
			192.0.2.0/24 AS64500 ams seen configured valid
			192.0.2.0/24 AS64500 nrt seen configured valid`},
		{"no VRPs at all: nothing was checked", Input{Watched: []Watched{sited}}, `
			192.0.2.0/24 AS64500 ams configured not-checked
			192.0.2.0/24 AS64500 nrt configured not-checked`},
		{"VRPs, of others", Input{Watched: []Watched{sited}, Table: table(t, "203.0.113.0/24-24 AS64501")}, `
			192.0.2.0/24 AS64500 ams configured not-found roa-missing
			192.0.2.0/24 AS64500 nrt configured not-found roa-missing
			! create ROA 192.0.2.0/24-24 AS64500`},
		{"VRPs of others that were not handed over", Input{Watched: []Watched{always("192.0.2.0/24", 64500)}, VRPs: 600000}, `
			192.0.2.0/24 AS64500 configured not-found roa-missing
			! create ROA 192.0.2.0/24-24 AS64500`},
		{"maxLength wider than announced", Input{Watched: []Watched{always("192.0.2.0/24", 64500)}, Table: table(t, "192.0.2.0/24-32 AS64500")}, `
			192.0.2.0/24 AS64500 configured valid max-length-loose
			! change ROA 192.0.2.0/24-32 AS64500 to maxLength 24`},
		{"maxLength as wide as declared", Input{Watched: []Watched{upTo}, Table: table(t, "192.0.2.0/24-25 AS64500")}, `
			192.0.2.0/24 AS64500 configured valid`},
		{"maxLength wider than declared", Input{Watched: []Watched{upTo}, Table: table(t, "192.0.2.0/24-26 AS64500")}, `
			192.0.2.0/24 AS64500 configured valid max-length-loose
			! change ROA 192.0.2.0/24-26 AS64500 to maxLength 25`},
		{"a declared more-specific without a ROA would be invalid", Input{Watched: []Watched{listed}, Table: table(t, "192.0.2.0/24-24 AS64500")}, `
			192.0.2.0/25 AS64500 configured invalid configured-not-authorised max-length-short
			192.0.2.0/24 AS64500 configured valid
			! create ROA 192.0.2.0/25-25 AS64500`},
		{"one declared half is not both", Input{Watched: []Watched{listed}, Table: table(t, "192.0.2.0/24-25 AS64500")}, `
			192.0.2.0/24 AS64500 configured valid max-length-loose
			192.0.2.0/25 AS64500 configured valid max-length-loose
			! create ROA 192.0.2.0/25-25 AS64500
			! change ROA 192.0.2.0/24-25 AS64500 to maxLength 24`},
		{"an aggregate's ROA", Input{Watched: []Watched{always("192.0.2.0/24", 64500)}, Table: table(t, "192.0.0.0/16-24 AS64500")}, `
			192.0.2.0/24 AS64500 configured valid max-length-loose
			! create ROA 192.0.2.0/24-24 AS64500
			! delete ROA 192.0.0.0/16-24 AS64500`},
		{"another AS is authorised", Input{Watched: []Watched{always("192.0.2.0/24", 64500)}, Table: table(t, "192.0.2.0/24-24 AS64500", "192.0.2.0/24-24 AS64666")}, `
			192.0.2.0/24 AS64666 valid roa-for-unconfigured-origin
			192.0.2.0/24 AS64500 configured valid
			! delete ROA 192.0.2.0/24-24 AS64666`},
		{"an upstream's aggregate lets it announce our prefix", Input{Watched: []Watched{always("192.0.2.0/24", 64500)}, Table: table(t, "192.0.2.0/24-24 AS64500", "192.0.0.0/16-24 AS1299")}, `
			192.0.2.0/24 AS1299 valid roa-for-unconfigured-origin
			192.0.2.0/24 AS64500 configured valid`},
		{"only another AS is authorised", Input{Watched: []Watched{always("192.0.2.0/24", 64500)}, Looked: true,
			Seen: []Announcement{seen("192.0.2.0/24", 64500, "")}, Table: table(t, "192.0.2.0/24-24 AS64666")}, `
			192.0.2.0/24 AS64500 seen configured invalid configured-not-authorised
			192.0.2.0/24 AS64666 valid roa-for-unconfigured-origin
			! create ROA 192.0.2.0/24-24 AS64500
			! delete ROA 192.0.2.0/24-24 AS64666`},
		{"AS0", Input{Watched: []Watched{always("192.0.2.0/24", 64500)}, Table: table(t, "192.0.2.0/24-32 AS0")}, `
			192.0.2.0/24 AS64500 configured invalid configured-not-authorised as0
			! create ROA 192.0.2.0/24-24 AS64500
			! delete ROA 192.0.2.0/24-32 AS0`},
		{"AS0 for a part that nobody is to announce", Input{Watched: []Watched{always("192.0.2.0/24", 64500)},
			Table: table(t, "192.0.2.0/24-24 AS64500", "192.0.2.128/25-25 AS0")}, `
			192.0.2.0/24 AS64500 configured valid`},
		{"a ROA for something inside, and nobody looked", Input{Watched: []Watched{always("192.0.2.0/24", 64500)},
			Table: table(t, "192.0.2.0/24-24 AS64500", "192.0.2.128/25-25 AS64500", "192.0.2.0/25-25 AS64666")}, `
			192.0.2.0/25 AS64666 valid roa-for-unconfigured-origin
			192.0.2.128/25 AS64500 valid roa-unused
			192.0.2.0/24 AS64500 configured valid`},
		{"a ROA for something inside that nobody announces", Input{Watched: []Watched{always("192.0.2.0/24", 64500)}, Looked: true,
			Seen: []Announcement{seen("192.0.2.0/24", 64500, "")}, Table: table(t, "192.0.2.0/24-24 AS64500", "192.0.2.128/25-25 AS64500")}, `
			192.0.2.128/25 AS64500 valid roa-unused
			192.0.2.0/24 AS64500 seen configured valid
			! delete ROA 192.0.2.128/25-25 AS64500`},
		{"a hijack that RPKI tells", Input{Watched: []Watched{always("192.0.2.0/24", 64500)}, Looked: true,
			Seen: []Announcement{seen("192.0.2.0/24", 64500, ""), seen("192.0.2.0/25", 64666, "")}, Table: table(t, "192.0.2.0/24-24 AS64500")}, `
			192.0.2.0/25 AS64666 seen invalid seen-not-configured
			192.0.2.0/24 AS64500 seen configured valid`},
		{"a valid origin that nobody declared", Input{Watched: []Watched{always("192.0.2.0/24", 64500)}, Looked: true,
			Seen: []Announcement{seen("192.0.2.0/24", 64501, "")}, Table: table(t, "192.0.2.0/24-24 AS64501", "192.0.2.0/24-24 AS64500")}, `
			192.0.2.0/24 AS64501 seen valid seen-not-configured roa-for-unconfigured-origin
			192.0.2.0/24 AS64500 configured valid configured-not-seen
			! delete ROA 192.0.2.0/24-24 AS64501`},
		{"an undeclared more-specific of ours keeps its ROA", Input{Watched: []Watched{always("192.0.2.0/24", 64500)}, Looked: true,
			Seen: []Announcement{seen("192.0.2.0/24", 64500, ""), seen("192.0.2.0/25", 64500, "")}, Table: table(t, "192.0.2.0/24-25 AS64500")}, `
			192.0.2.0/25 AS64500 seen valid seen-not-configured max-length-loose
			192.0.2.0/24 AS64500 seen configured valid max-length-loose
			! create ROA 192.0.2.0/25-25 AS64500
			! change ROA 192.0.2.0/24-25 AS64500 to maxLength 24`},
		{"a site too many, and one too few", Input{Watched: []Watched{sited}, Looked: true,
			Seen: []Announcement{seen("192.0.2.0/24", 64500, "ams"), seen("192.0.2.0/24", 64500, "iad")}, Table: table(t, "192.0.2.0/24-24 AS64500")}, `
			192.0.2.0/24 AS64500 iad seen valid seen-not-configured
			192.0.2.0/24 AS64500 nrt configured valid configured-not-seen
			192.0.2.0/24 AS64500 ams seen configured valid`},
		{"seen where sites can't be told apart", Input{Watched: []Watched{sited}, Looked: true, Seen: []Announcement{seen("192.0.2.0/24", 64500, "")},
			Table: table(t, "192.0.2.0/24-24 AS64500")}, `
			192.0.2.0/24 AS64500 seen configured valid
			192.0.2.0/24 AS64500 ams configured valid
			192.0.2.0/24 AS64500 nrt configured valid`},
		{"parked, with nothing that forbids it", Input{Watched: []Watched{parked}, Looked: true, Table: table(t, "192.0.2.0/24-24 AS64500")}, `
			198.51.100.0/24 - not-found as0-missing
			! create ROA 198.51.100.0/24-24 AS0`},
		{"parked, and forbidden", Input{Watched: []Watched{parked}, Looked: true, Table: table(t, "198.51.100.0/24-32 AS0")}, `
			198.51.100.0/24 - valid`},
		{"parked, with a ROA of ours, and squatted", Input{Ours: asns(64500), Watched: []Watched{parked}, Looked: true,
			Seen: []Announcement{seen("198.51.100.0/24", 64666, "")}, Table: table(t, "198.51.100.0/24-24 AS64500")}, `
			198.51.100.0/24 AS64666 seen invalid seen-not-configured
			198.51.100.0/24 AS64500 valid roa-unused
			198.51.100.0/24 - valid as0-missing
			! create ROA 198.51.100.0/24-24 AS0
			! delete ROA 198.51.100.0/24-24 AS64500`},
		{"any origin", Input{Watched: []Watched{{Prefix: pfx("192.0.2.0/24"), Use: Always, AnyOrigin: true}}, Looked: true,
			Seen: []Announcement{seen("192.0.2.0/24", 64501, "")}, Table: table(t, "192.0.2.0/24-24 AS64501", "192.0.2.0/24-24 AS64502")}, `
			192.0.2.0/24 AS64501 seen configured valid`},
		{"any origin, and none", Input{Watched: []Watched{{Prefix: pfx("192.0.2.0/24"), Use: Optional, AnyOrigin: true}}, Looked: true, Table: table(t, "203.0.113.0/24-24 AS1")}, `
			192.0.2.0/24 - configured not-found roa-missing`},
		{"an AS_SET", Input{Watched: []Watched{always("192.0.2.0/24", 64500, 64501)}, Looked: true,
			Seen: []Announcement{{Prefix: pfx("192.0.2.0/24"), Origin: 64500, Set: asns(64500, 64501)}}, Table: table(t, "192.0.2.0/24-24 AS64500", "192.0.2.0/24-24 AS64501")}, `
			192.0.2.0/24 AS64500 seen configured invalid configured-not-authorised as-set-origin
			192.0.2.0/24 AS64501 configured valid configured-not-seen`},
		{"a prefix of ours that is not in the configuration", Input{Ours: asns(64500), Watched: []Watched{always("192.0.2.0/24", 64500)}, Looked: true,
			Seen: []Announcement{seen("192.0.2.0/24", 64500, ""), seen("203.0.113.0/24", 64500, "")}, Table: table(t, "192.0.2.0/24-24 AS64500")}, `
			203.0.113.0/24 AS64500 seen not-found seen-not-configured
			192.0.2.0/24 AS64500 seen configured valid`},
		{"a planned more-specific, and a planned site", Input{Watched: []Watched{sited}, Table: table(t, "192.0.2.0/24-24 AS64500"),
			Planned: []Announcement{seen("192.0.2.0/25", 64500, "ams"), seen("192.0.2.0/24", 64501, "iad")}}, `
			192.0.2.0/25 AS64500 ams invalid max-length-short planned-not-configured planned
			192.0.2.0/24 AS64501 iad invalid planned-not-configured planned
			192.0.2.0/24 AS64500 ams configured valid
			192.0.2.0/24 AS64500 nrt configured valid
			! create ROA 192.0.2.0/25-25 AS64500
			! create ROA 192.0.2.0/24-24 AS64501`},
	} {
		t.Run(c.name, func(t *testing.T) { compare(t, lines(Judge(c.in)), c.want) })
	}
}

func TestExpiry(t *testing.T) {
	at := func(d time.Duration) *rpki.Table {
		v := vrp(t, "192.0.2.0/24-24 AS64500")
		v.Expires = epoch.Add(d)
		return tableOf(t, []rpki.VRP{v}, []rpki.ASPA{{Customer: 64500, Providers: asns(1299), Expires: epoch.Add(d)}})
	}
	in := Input{Watched: []Watched{always("192.0.2.0/24", 64500)}, Table: at(time.Hour), Now: epoch, Warn: 24 * time.Hour}
	compare(t, lines(Judge(in)), `192.0.2.0/24 AS64500 configured valid roa-expiring aspa-expiring`)
	in.Table = at(25 * time.Hour)
	compare(t, lines(Judge(in)), `192.0.2.0/24 AS64500 configured valid`)
	in.Table, in.Now = at(time.Hour), time.Time{} // a replay asks for no expiry
	compare(t, lines(Judge(in)), `192.0.2.0/24 AS64500 configured valid`)
}

func TestASPA(t *testing.T) {
	const prefix, customer = "192.0.2.0/24", 64500
	for _, c := range []struct {
		name       string
		configured []route.ASN // upstreams
		seen       []route.ASN
		attested   []route.ASN // providers of its ASPA; nil: none
		state      string
		findings   []Finding
		change     string
	}{
		{name: "complete", configured: asns(1299, 2914), attested: asns(2914, 1299), state: ASPAStateComplete},
		{name: "missing", configured: asns(1299, 2914, 6939), state: ASPAStateMissing, findings: []Finding{ASPAMissing}, change: "create ASPA AS64500 → {1299, 2914, 6939}"},
		{name: "incomplete", configured: asns(1299, 2914), attested: asns(1299), state: ASPAStateIncomplete, findings: []Finding{ASPAIncomplete}, change: "change ASPA AS64500 → {1299, 2914}"},
		{name: "too wide", configured: asns(1299), attested: asns(1299, 3356), state: ASPAStateTooWide, findings: []Finding{ASPATooWide}, change: "change ASPA AS64500 → {1299}"},
		{name: "a provider that is not configured and in use", configured: asns(1299), seen: asns(3356), attested: asns(1299, 3356), state: ASPAStateComplete},
		{name: "an upstream that nobody knows", configured: asns(1299), seen: asns(1299, 64666), attested: asns(1299), state: ASPAStateComplete, findings: []Finding{UpstreamUndeclared}},
		{name: "any upstream: those that are seen", seen: asns(1299, 2914), attested: asns(1299), state: ASPAStateIncomplete, findings: []Finding{ASPAIncomplete}, change: "change ASPA AS64500 → {1299, 2914}"},
		{name: "any upstream: a spare one may be named", seen: asns(1299), attested: asns(1299, 2914), state: ASPAStateComplete},
		{name: "any upstream and no ASPA", seen: asns(2914, 1299), state: ASPAStateMissing, findings: []Finding{ASPAMissing}, change: "create ASPA AS64500 → {1299, 2914}"},
		{name: "no upstream known", state: ASPAStateUnknown},
		{name: "AS0 says that there is no provider", configured: asns(1299), attested: asns(0), state: ASPAStateIncomplete, findings: []Finding{ASPAIncomplete}, change: "change ASPA AS64500 → {1299}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := always(prefix, customer)
			if c.configured != nil {
				w.Upstreams = map[route.ASN][]route.ASN{customer: c.configured}
			}
			aspas := []rpki.ASPA{{Customer: 64999, Providers: asns(1)}}
			if c.attested != nil {
				aspas = append(aspas, rpki.ASPA{Customer: customer, Providers: c.attested})
			}
			r := Judge(Input{Watched: []Watched{w}, Looked: true, Seen: []Announcement{seen(prefix, customer, "", c.seen...)},
				Table: tableOf(t, []rpki.VRP{vrp(t, "192.0.2.0/24-24 AS64500")}, aspas)})
			if got := r.ASPAs[0]; got.State != c.state || !slices.Equal(got.Findings, c.findings) {
				t.Errorf("%s %v, expected %s %v", got.State, got.Findings, c.state, c.findings)
			}
			if !slices.Equal(r.Rows[0].Findings, c.findings) || len(r.Rows[0].Advice) != len(c.findings) {
				t.Errorf("the row has %v, %q", r.Rows[0].Findings, r.Rows[0].Advice)
			}
			change := ""
			if len(r.Changes) > 0 {
				change = r.Changes[0].String()
			}
			if change != c.change || len(r.Changes) > 1 {
				t.Errorf("changes: %v, expected %q", r.Changes, c.change)
			}
		})
	}
}

// A source that has no ASPA of anybody may come over a protocol that carries none: then nothing is said to be missing.
func TestASPANotChecked(t *testing.T) {
	w := always("192.0.2.0/24", 64500)
	w.Upstreams = map[route.ASN][]route.ASN{64500: asns(1299)}
	r := Judge(Input{Watched: []Watched{w}, Table: table(t, "192.0.2.0/24-24 AS64500")})
	if a := r.ASPAs[0]; a.State != ASPAStateUnknown || len(a.Findings) > 0 || len(r.Changes) > 0 || len(a.Advice) != 1 {
		t.Errorf("%+v, %v", a, r.Changes)
	}
}

func TestScore(t *testing.T) {
	in := Input{Watched: []Watched{always("192.0.2.0/24", 64500), always("198.51.100.0/24", 64500), always("203.0.113.0/24", 64500)},
		Table: table(t, "192.0.2.0/24-24 AS64500", "198.51.100.0/24-25 AS64500")}
	for _, c := range []struct {
		name string
		with func(in *Input)
		want float64
	}{
		{"valid, loose, not found", func(*Input) {}, 71.6}, // (100+75+40)/3
		{"and a stranger", func(in *Input) {
			in.Table = table(t, "192.0.2.0/24-24 AS64500", "192.0.2.0/24-24 AS1", "198.51.100.0/24-25 AS64500")
		}, 63.3},
		{"one invalid", func(in *Input) { in.Table = table(t, "192.0.2.0/24-24 AS64500", "198.51.100.0/24-25 AS1") }, 46.6},
		{"with an ASPA that is missing", func(in *Input) {
			in.Table, in.ASPAs = table(t, "192.0.2.0/24-24 AS64500", "198.51.100.0/24-24 AS64500", "203.0.113.0/24-24 AS64500"), 7
			in.Seen = []Announcement{seen("192.0.2.0/24", 64500, "", 1299)}
		}, 80},
		{"all well", func(in *Input) {
			in.Table = table(t, "192.0.2.0/24-24 AS64500", "198.51.100.0/24-24 AS64500", "203.0.113.0/24-24 AS64500")
		}, 100},
	} {
		in := in
		c.with(&in)
		if got := Judge(in).Score; !got.Counted || got.Percent != c.want {
			t.Errorf("%s: %+v, expected %v", c.name, got, c.want)
		}
	}
	in.Table = nil
	if got := Judge(in).Score; got.Counted {
		t.Errorf("without VRPs: %+v", got)
	}
}

func TestCompare(t *testing.T) {
	in := Input{Watched: []Watched{always("192.0.2.0/24", 64500)}, Looked: true, Seen: []Announcement{seen("192.0.2.0/24", 64500, "ams")},
		Planned: []Announcement{seen("192.0.2.0/25", 64500, "nrt")}, Table: table(t, "192.0.2.0/24-24 AS64500")}
	before := Judge(in)
	in.Table = table(t, "192.0.2.0/24-25 AS64666", "192.0.2.0/25-25 AS64500")
	got := Compare(before, Judge(in))
	if len(got) != 2 {
		t.Fatalf("%+v", got)
	}
	if a := got[0]; a.Site != "ams" || a.Before != rpki.Valid || a.After != rpki.Invalid || !a.Changed() || len(a.VRPsAfter) != 1 {
		t.Errorf("%+v", a)
	}
	if p := got[1]; !p.Planned || p.Before != rpki.Invalid || p.After != rpki.Valid {
		t.Errorf("%+v", p)
	}
}
