package alerts_test

import (
	"net/netip"
	"testing"

	"anywatch/alerts"
	"anywatch/collector/route"
	"anywatch/detector"
)

func prefixes(texts ...string) (list []netip.Prefix) {
	for _, t := range texts {
		list = append(list, netip.MustParsePrefix(t))
	}
	return list
}

func TestRouteMatches(t *testing.T) {
	incident := func(prefix, watched string) detector.Incident {
		i := detector.Incident{Kind: detector.Superprefix, Severity: detector.Warning}
		if prefix != "" {
			p := netip.MustParsePrefix(prefix)
			i.Prefix = &p
		}
		if watched != "" {
			p := netip.MustParsePrefix(watched)
			i.Watched = &p
		}
		return i
	}
	atAMS := incident("192.0.2.0/24", "192.0.2.0/24")
	ams := "ams"
	atAMS.Site = &ams
	several := incident("", "")
	several.Prefixes = prefixes("192.0.2.0/24", "203.0.113.0/24")
	for _, c := range []struct {
		name     string
		route    alerts.Route
		incident detector.Incident
		want     bool
	}{
		{"an empty route takes all", alerts.Route{}, incident("", ""), true},
		{"the severity is the least", alerts.Route{MinSeverity: detector.Warning}, incident("", ""), true},
		{"less severe", alerts.Route{MinSeverity: detector.Critical}, incident("", ""), false},
		{"of the kinds", alerts.Route{Kinds: []detector.Kind{detector.NewPrefix, detector.Superprefix}}, incident("", ""), true},
		{"of another kind", alerts.Route{Kinds: []detector.Kind{detector.NewPrefix}}, incident("", ""), false},
		{"the prefix itself", alerts.Route{Prefixes: prefixes("192.0.2.0/24")}, incident("192.0.2.0/24", ""), true},
		{"inside a listed prefix", alerts.Route{Prefixes: prefixes("10.0.0.0/8", "192.0.2.0/24")}, incident("192.0.2.128/25", ""), true},
		{"a covering prefix, the watched one listed", alerts.Route{Prefixes: prefixes("192.0.2.0/24")}, incident("192.0.0.0/16", "192.0.2.0/24"), true},
		{"a covering prefix of another one", alerts.Route{Prefixes: prefixes("192.0.2.0/24")}, incident("192.0.0.0/16", "192.0.3.0/24"), false},
		{"of the other family", alerts.Route{Prefixes: prefixes("::/0")}, incident("192.0.2.0/24", ""), false},
		{"no prefix, some listed", alerts.Route{Prefixes: prefixes("0.0.0.0/0")}, incident("", ""), false},
		{"one of several prefixes", alerts.Route{Prefixes: prefixes("203.0.113.0/24")}, several, true},
		{"none of several prefixes", alerts.Route{Prefixes: prefixes("198.51.100.0/24")}, several, false},
		{"at the site", alerts.Route{Sites: []string{"nrt", "ams"}}, atAMS, true},
		{"at another site", alerts.Route{Sites: []string{"nrt"}}, atAMS, false},
		{"no site, some listed", alerts.Route{Sites: []string{"nrt"}}, incident("", ""), false},
		{"every condition counts", alerts.Route{Sites: []string{"ams"}, MinSeverity: detector.Critical}, atAMS, false},
	} {
		if got := c.route.Matches(&c.incident); got != c.want {
			t.Errorf("%s: %v; want %v", c.name, got, c.want)
		}
	}
}

// What a sink was told is followed to its end, also when it has become less severe since; what it was not told is not.
func TestAnIncidentIsFollowedToItsEnd(t *testing.T) {
	s := &sink{name: "pager", manner: alone}
	routes := []alerts.Route{{Sink: s, MinSeverity: detector.Critical}}
	warning := severity(detector.Warning)
	inDesk(t, alerts.Config{Routes: routes}, func(d *desk) {
		d.handle(change(opened, "a"), change(opened, "b", warning))
		d.handle(change(updated, "a", warning), change(updated, "b", warning))
		d.handle(change(resolved, "a", warning), change(resolved, "b", warning))
		d.told(s, "opened a | updated a | resolved a")
		d.handle(change(opened, "a", warning, reopened(1)))
		d.told(s, "")
		d.handle(change(updated, "a", reopened(1)))
		d.handle(change(resolved, "a", warning, reopened(1)))
		d.told(s, "updated a(1) | resolved a(1)")
	})
}

// One offender's hijacks are one notification; another's is another.
func TestHijacksOfOneOffenderBelongTogether(t *testing.T) {
	by := func(as route.ASN) func(*detector.Incident) {
		return func(i *detector.Incident) { i.Offender = &as }
	}
	from := func(as route.ASN) func(*detector.Incident) {
		return func(i *detector.Incident) { i.Origin = &as }
	}
	s := &sink{name: "chat"}
	inDesk(t, alerts.Config{Routes: to(s), GroupWait: 1}, func(d *desk) {
		d.handle(change(opened, "a", by(64666)), change(opened, "b", by(64667)), change(opened, "c", by(64666)),
			change(opened, "d", from(64500)), change(opened, "e"), change(opened, "f", from(64500)), change(opened, "g"))
		d.pass(1)
		d.told(s, "opened a, opened c | opened b | opened d, opened f | opened e | opened g")
	})
}
