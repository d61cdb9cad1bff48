package filter

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	bgpfix "github.com/bgpfix/bgpfix/filter"

	"anywatch/collector/route"
)

// seen is the route that most expressions are asked about.
func seen(t testing.TB) *route.Attrs {
	path, err := route.ParsePath("3356 64999 {64501,64502} 64500 64500")
	if err != nil {
		t.Fatal(err)
	}
	return &route.Attrs{
		Path: path, NextHop: netip.MustParseAddr("10.0.0.1"), Origin: route.EGP, MED: 50, HasMED: true, LocalPref: 200, HasLocalPref: true,
		HasOTC: true, OTC: 3356, Communities: []route.Community{64500<<16 | 101, route.Blackhole}, Large: []route.LargeCommunity{{Global: 64500, Local1: 1, Local2: 2}},
		Extended: []route.ExtCommunity{{0, 2, 0xFB, 0xF4, 0, 0, 0, 7}},
	}
}

func ask(t testing.TB, text, prefix string, a *route.Attrs) bool {
	t.Helper()
	f, err := Compile(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	s := NewSubject()
	if err := s.Load(netip.MustParsePrefix(prefix), a); err != nil {
		t.Fatal(err)
	}
	fits, err := f.Match(s)
	if err != nil {
		t.Fatal(err)
	}
	return fits
}

// Every attribute, both ways: what fits the route, and what does not.
func TestMatch(t *testing.T) {
	for _, c := range []struct{ fits, not string }{
		{"prefix == 192.0.2.0/24", "prefix == 192.0.2.0/25"},
		{"prefix < 192.0.0.0/16", "prefix < 192.0.2.0/24"},
		{"prefix <= 192.0.2.0/24", "prefix <= 192.0.2.0/25"},
		{"prefix > 192.0.2.0/25", "prefix > 192.0.2.0/24"},
		{"reach ~ 192.0.0.0/8", "reach ~ 2001:db8::/32"},
		{"ipv4", "ipv6"},
		{"af == ipv4/unicast", "af == ipv6/unicast"},
		{"af == ipv4", "af == ipv6"},
		{"aspath == 64999", "aspath == 64998"},
		{"aspath == 64502", "aspath == 64503"}, // a member of a set
		{`aspath ~ "3356,64999"`, `aspath ~ "64999,3356"`},
		{`aspath ~ "\\b64999\\b"`, `aspath ~ "\\b4999\\b"`},
		{`aspath == "3356,64999,[64501,64502],64500,64500"`, `aspath == "3356,64999"`},
		{"aspath[0] == 3356", "aspath[1] == 3356"},
		{"aspath[-1] == 64500", "aspath[-1] == 3356"},
		{"aspath[*] > 64998", "aspath[*] > 64999"},
		{"as_origin == 64500", "as_origin != 64500"},
		{"as_upstream == 64500", "as_upstream == 64501"}, // prepending is not collapsed
		{"as_peer <= 3356", "as_peer < 3356"},
		{"aspath_len == 5", "aspath_len > 5"},
		{"aspath_hops == 4", "aspath_hops == 5"},
		{"nexthop == 10.0.0.1", "nexthop == 10.0.0.2"},
		{"nexthop ~ 10.0.0.0/8", "nexthop ~ 11.0.0.0/8"},
		{"origin == egp", "origin == igp"},
		{"med == 50", "med > 50"},
		{"local_pref >= 200", "local_pref < 200"},
		{"otc == 3356", "otc == 64500"},
		{`community == "64500:101"`, `community == "64500:102"`},
		{"community == 65535:666", "community == 65535:0"},
		{`community ~ "\\b64500:1"`, `community ~ "\\b4500:1"`},
		{`large_community == "64500:1:2"`, `large_community == "64500:1:3"`},
		{"ext_community", "!ext_community"},
		{`ext_community ~ "TARGET"`, `ext_community ~ "ORIGIN"`},
		{"update && med == 50", "update && med == 51"},
		{"med == 1 || med == 50", "med == 1 || med == 2"},
		{"(med == 50 && ipv6) || origin == egp", "med == 50 && (ipv6 || origin == igp)"},
		{"!(med == 1)", "!(med == 50)"},
		{"! med == 1", "! med == 50"},
		{"med != 1", "med != 50"},
		{"med == 50\n  && ipv4", "med == 50\n\t&& ipv6"},
	} {
		if !ask(t, c.fits, "192.0.2.0/24", seen(t)) {
			t.Errorf("%s does not match", c.fits)
		}
		if ask(t, c.not, "192.0.2.0/24", seen(t)) {
			t.Errorf("%s matches", c.not)
		}
	}
}

// What a route has not is neither equal to something nor different from it; only ! around the whole comparison turns that round.
func TestAbsent(t *testing.T) {
	bare := &route.Attrs{}
	for _, text := range []string{
		"aspath", "as_origin == 64500", "as_origin != 64500", "aspath_len == 0", "nexthop", "med == 0", "med != 5", "local_pref", "otc",
		`community != "64500:1"`, `large_community ~ "1"`, "ext_community", "med != 5 || otc != 5",
	} {
		if ask(t, text, "192.0.2.0/24", bare) {
			t.Errorf("%s matches a route without attributes", text)
		}
	}
	for _, text := range []string{"!aspath", "!(med == 5)", "!community", "!(as_origin == 64500)", "origin == igp", "!otc && ipv4"} {
		if !ask(t, text, "192.0.2.0/24", bare) {
			t.Errorf("%s does not match a route without attributes", text)
		}
	}
}

func TestSixAndConfederations(t *testing.T) {
	path, err := route.ParsePath("(64512 64513) 3356 64500")
	if err != nil {
		t.Fatal(err)
	}
	a := &route.Attrs{Path: path, NextHop: netip.MustParseAddr("fe80::1%eth0")}
	for _, text := range []string{"ipv6", "prefix ~ 2001:db8::/32", "nexthop ~ fe80::/10", "as_peer == 3356", `aspath == "3356,64500"`, "!aspath == 64512"} {
		if !ask(t, text, "2001:db8:53::/48", a) {
			t.Errorf("%s does not match", text)
		}
	}
	mapped := &route.Attrs{NextHop: netip.MustParseAddr("::ffff:10.0.0.1")}
	if !ask(t, "nexthop == 10.0.0.1", "2001:db8:53::/48", mapped) {
		t.Error("an IPv4 next hop written as IPv6 is not recognised")
	}
	if path, _ = route.ParsePath("(64512)"); ask(t, "aspath", "2001:db8:53::/48", &route.Attrs{Path: path}) {
		t.Error("a path that stays inside a confederation is seen")
	}
}

// A subject that is loaded again remembers nothing of the route before.
func TestLoadAgain(t *testing.T) {
	s := NewSubject()
	expressions := []string{"aspath == 64999", "med", "nexthop", "community", "large_community", "ext_community", "otc", "local_pref", "prefix == 192.0.2.0/24", "ipv4"}
	matches := func() (out []string) {
		for _, text := range expressions {
			f, err := Compile(text)
			if err != nil {
				t.Fatal(err)
			}
			if fits, err := f.Match(s); err != nil {
				t.Fatal(err)
			} else if fits {
				out = append(out, text)
			}
		}
		return out
	}
	for range 3 {
		if err := s.Load(netip.MustParsePrefix("192.0.2.0/24"), seen(t)); err != nil {
			t.Fatal(err)
		}
		if got := matches(); len(got) != len(expressions) {
			t.Errorf("matches only %q", got)
		}
		if err := s.Load(netip.MustParsePrefix("2001:db8::/48"), &route.Attrs{}); err != nil {
			t.Fatal(err)
		}
		if got := matches(); len(got) != 0 {
			t.Errorf("still matches %q", got)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "it is empty; write a comparison, as aspath == 64999"},
		{"aspath ~", `at character 8, near "~": && or || is missing here, or the operator has no value; `},
		{`aspath ~ "64999`, `the operator has no value, or the quotes are not closed; `},
		{`aspath ~ "1" &&`, "at character 16: it ends where something should follow; "},
		{"!", "at character 2: it ends where something should follow; "},
		{"(med == 5", "the parentheses do not match; close every ( with a )"},
		{"med == 5)", `at character 9, near ")": the parentheses do not match; `},
		{"()", "is not an attribute of a route; "},
		{"med == 5 && nonsense == 1", `at character 13, near "nonsense == 1": "nonsense" is not an attribute of a route; the attributes are prefix, `},
		{"med == 5 && aspath==64999", `at character 13, near "aspath==64999": an operator needs spaces around it; write it as in aspath == 64999`},
		{"med[1] == 5", `at character 1, near "med[1] == 5": the index is wrong`},
		{"med ~ 5", "this operator does not go with this attribute; "},
		{"med == five", "invalid value: five (expected integer); "},
		{"med == 5 otc == 5", `at character 10, near "otc == 5": && or || is missing here`},
		{"community == 64500", "this value does not go with this attribute; "},
		{`aspath ~ "("`, "invalid regex: error parsing regexp: missing closing ): `(`; "},
		{"aspath == 64500.5", "invalid value: 64500.5; "},
		{"unreach", `at character 1, near "unreach": a rule sees announced routes and no withdrawals; write prefix`},
		{"ipv4 && !(med == 5 || keepalive)", `at character 23, near "keepalive)": a rule sees announced routes and no other messages; leave it out`},
		{"!update", "a rule sees announced routes and no other messages; "},
		{"type == OPEN", "no other messages; "},
		{"tag[source] == x", "a property of messages in a bgpfix pipe"},
		{"dir == L", "a property of messages in a bgpfix pipe"},
		{"seq > 5", "a property of messages in a bgpfix pipe"},
		{"time > 2026-01-01", "a rule judges what is announced, whenever that was; "},
		{"json[attrs] == 5", "rules do not look into the JSON of messages; "},
		{"attr[med] == 5", "rules do not look into the JSON of messages; "},
		{"af == ipv4/flowspec", "only unicast routes are watched; write ipv4 or ipv6"},
		{"af == 25", "only IPv4 and IPv6 are watched; "},
		{"reach", "every route has a prefix; "},
		{"prefix == 192.0.2.1/24", "192.0.2.1/24 has bits set after its length; write 192.0.2.0/24"},
		{`med == 5 && prefix ~ "192.0.2.1/24"`, `at character 13, near "prefix ~ \"192.0.2.1/24\"": 192.0.2.1/24 has bits set`},
		{"nexthop ~ 10.0.0.1/8", "10.0.0.1/8 has bits set after its length; write 10.0.0.0/8"},
		{"aspath == AS64999", "a whole path is written with commas, and numbers without AS; "},
		{`aspath == "3356 64500"`, "a whole path is written with commas"},
		{"aspath == 4294967296", "an AS number is at most 4294967295; "},
		{`aspath ~ "3356 64500"`, "neither with spaces nor with _; "},
		{`aspath ~ "_64999_"`, "neither with spaces nor with _; "},
		{`aspath ~ "\b64999"`, `at character 11, near "\\b64999\"": inside quotes a backslash is swallowed; `},
		{`community ~ "^64500:"`, "^ and $ stand for the ends of the whole list of communities; "},
		{`community ~ "(64500:1$|1)"`, "^ and $ stand for the ends"},
		{`community ~ "1:1, 1:2"`, "there are no spaces in the list of communities; "},
		{"!!ipv4", `at character 2, near "!ipv4": a second ! does not undo the first; leave both out`},
		{"! ! ipv4", "a second ! does not undo the first; "},
		{"ipv6 && med == 5 || otc", "&& and || stand beside each other; put one of the two in parentheses, as in (a && b) || c"},
		{"ipv6 || (med == 5 || otc && ipv4)", "&& and || stand beside each other; "},
		{strings.Repeat("(", 5000), "it has 5000 octets; write at most 4096, or two rules"},
	} {
		f, err := Compile(c.text)
		var wrong *Error
		switch {
		case err == nil:
			t.Errorf("%q is taken as %v", c.text, f)
		case !errors.As(err, &wrong) || wrong.What == "" || wrong.Remedy == "":
			t.Errorf("%q: the error %v does not say what is wrong and what would be right", c.text, err)
		case !strings.Contains(err.Error(), c.want):
			t.Errorf("%q:\n got %s\nwant %s", c.text, err, c.want)
		}
	}
}

// When the library gives up on a route, that is an error of this one answer.
func TestPanicStaysInside(t *testing.T) {
	broken := &Filter{text: "med", tree: &bgpfix.Filter{First: &bgpfix.Expr{Attr: -1}}}
	s := NewSubject()
	if err := s.Load(netip.MustParsePrefix("192.0.2.0/24"), seen(t)); err != nil {
		t.Fatal(err)
	}
	fits, err := broken.Match(s)
	if fits || err == nil || !strings.Contains(err.Error(), `the filter "med" failed on a route: `) {
		t.Errorf("matched %t, error %v", fits, err)
	}
	if ask(t, "med == 50", "192.0.2.0/24", seen(t)) != true {
		t.Error("another filter is affected")
	}
}

func TestOddRoutes(t *testing.T) {
	s := NewSubject()
	for _, a := range []*route.Attrs{
		{Path: route.Path{{Kind: route.Set}, {Kind: route.Sequence}}},
		{Path: route.Path{{Kind: 9, ASNs: []route.ASN{1}}}},
		{Extended: []route.ExtCommunity{{}, {0x80, 6}, {0xff, 0xff, 1, 2, 3, 4, 5, 6}}},
	} {
		if err := s.Load(netip.MustParsePrefix("192.0.2.0/24"), a); err != nil {
			t.Errorf("%+v: %v", a, err)
		}
		for _, text := range []string{"aspath[-3] == 1", "aspath", `ext_community ~ "x"`, "aspath_hops == 1"} {
			f, err := Compile(text)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Match(s); err != nil {
				t.Error(err)
			}
		}
	}
}

// Whatever is written, it is refused in words or evaluates without harm, and the same way twice.
func FuzzCompileAndMatch(f *testing.F) {
	for _, text := range []string{
		"", "aspath == 64999", `aspath ~ "\\b1" && !(med == 5 || otc)`, "(((", "!!", "community == x", "prefix < 10.0.0.0/8", "af == 1", "as_origin[", `"`, "med != -1",
		"nexthop ~ ::/0", "time > 1", "ext_community == {}", "large_community == 1:2:3", "update || update", "aspath[*] <= 0x10", "\xff\x00",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Compile(text)
		if err != nil {
			var wrong *Error
			if !errors.As(err, &wrong) || wrong.What == "" || wrong.Remedy == "" || wrong.At < 0 || wrong.At > len(text)+1 {
				t.Errorf("%q: %#v", text, err)
			}
			return
		}
		s := NewSubject()
		for _, p := range []string{"192.0.2.0/24", "2001:db8::/32"} {
			var answers [2]bool
			for i := range answers {
				if err := s.Load(netip.MustParsePrefix(p), seen(t)); err != nil {
					t.Fatal(err)
				}
				if answers[i], err = c.Match(s); err != nil {
					t.Errorf("%q: %v", text, err)
				}
			}
			if answers[0] != answers[1] {
				t.Errorf("%q answers differently the second time", text)
			}
		}
	})
}

// BenchmarkMatch: what one rule costs on one route that is loaded already, and what loading costs.
func BenchmarkMatch(b *testing.B) {
	s, p, a := NewSubject(), netip.MustParsePrefix("192.0.2.0/24"), seen(b)
	b.Run("load", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := s.Load(p, a); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, text := range []string{"aspath == 64998", `aspath ~ "64998"`, `community == "1:2"`} {
		f, err := Compile(text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if fits, err := f.Match(s); fits || err != nil {
					b.Fatal(fits, err)
				}
			}
		})
	}
}
