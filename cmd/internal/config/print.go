package config

import (
	"io"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"anywatch/collector/route"
)

// Print writes the effective configuration as YAML: every default, everything inherited, in the order of the documentation. What
// is secret stands there as "<hidden>"; everything else reads back as the same configuration.
func (c *Config) Print(w io.Writer) error {
	var b strings.Builder
	emit(&b, group{
		{"asns", asnFlow(c.ASNs)},
		{"defaults", c.Defaults.print()},
		{"prefixes", each(c.Prefixes, Prefix.print)},
		{"sites", each(c.Sites, Site.print)},
		{"sources", c.Sources.print()},
		{"rpki", c.RPKI.print()},
		{"detect", c.Detect.print()},
		{"rules", each(c.Rules, Rule.print)},
		{"peer_locks", each(c.PeerLocks, PeerLock.print)},
		{"maintenance", each(c.Maintenance, Maintenance.print)},
		{"alerts", group{
			{"group_wait", span(c.Alerts.GroupWait)},
			{"repeat", span(c.Alerts.Repeat)},
			{"sinks", each(c.Alerts.Sinks, Sink.print)},
		}},
		{"store", group{{"url", c.Store.URL.String()}, {"keep", span(c.Store.Keep)}}},
		{"web", group{
			{"listen", c.Web.Listen},
			{"external_url", c.Web.ExternalURL},
			{"tls", c.Web.TLS.print(false)},
			{"users_file", c.Web.Users.Name},
			{"tokens_file", c.Web.Tokens.Name},
		}},
		{"log", group{{"level", c.Log.Level}, {"format", c.Log.Format}}},
	}, "")
	_, err := io.WriteString(w, b.String())
	return err
}

func each[T any](list []T, print func(T) group) groups {
	var out groups
	for _, v := range list {
		out = append(out, print(v))
	}
	return out
}

// given keeps the fields that hold something.
func given(g group) group {
	return slices.DeleteFunc(g, func(f field) bool { return f.value == "" || f.value == plain("") || f.value == nil })
}

func span(d time.Duration) plain { return plain(writeDuration(d)) }

func count(n int) plain { return plain(strconv.Itoa(n)) }

func asnText(a route.ASN) string { return strconv.FormatUint(uint64(a), 10) }

func asnFlow(asns []route.ASN) flow { return flowOf(asns, asnText) }

// prefixText gives "" for none.
func prefixText(p netip.Prefix) string {
	if !p.IsValid() {
		return ""
	}
	return p.String()
}

func prefixFlow(list []netip.Prefix) flow {
	return flowOf(list, func(p netip.Prefix) string { return safe(p.String()) })
}

// addrText gives "" for none.
func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// asSetOf writes AS numbers, or any when there are none.
func asSetOf(asns []route.ASN) any {
	if len(asns) == 0 {
		return plain("any")
	}
	return asnFlow(asns)
}

func (p Policy) print() group {
	return given(group{
		{"origins", asSetOf(p.Origins.ASNs)},
		{"upstreams", asSetOf(p.Upstreams)},
		{"min_sites", count(p.MinSites)},
		{"more_specifics", p.MoreSpecifics.print()},
		{"labels", labelGroup(p.Labels)},
	})
}

// labelGroup writes labels in the order of their names; nil when there are none.
func labelGroup(labels map[string]string) any {
	if len(labels) == 0 {
		return nil
	}
	var g group
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		g = append(g, field{name, labels[name]})
	}
	return g
}

func (m MoreSpecifics) print() any {
	switch {
	case m.UpTo > 0:
		return group{{"up_to", count(m.UpTo)}}
	case len(m.List) > 0:
		return prefixFlow(m.List)
	default:
		return plain("none")
	}
}

func (p Prefix) print() group {
	g := group{
		{"prefix", prefixText(p.Prefix)},
		{"name", p.Name},
		{"sites", flowOf(p.Sites, safe)},
		{"twin", prefixText(p.Twin)},
		{"announced", plain(p.Announced)},
		{"min_sites", count(p.MinSites)},
		{"scope", plain(p.Scope)},
		{"origins", asSetOf(p.Origins.ASNs)},
		{"upstreams", asSetOf(p.Upstreams)},
	}
	if len(p.OriginUpstreams) > 0 {
		var pairs group
		for _, origin := range slices.Sorted(maps.Keys(p.OriginUpstreams)) {
			pairs = append(pairs, field{asnText(origin), asSetOf(p.OriginUpstreams[origin])})
		}
		g = append(g, field{"origin_upstreams", pairs})
	}
	return given(append(g, field{"more_specifics", p.MoreSpecifics.print()}, field{"labels", labelGroup(p.Labels)}))
}

func (r Rule) print() group {
	return group{{"name", r.Name}, {"when", r.Text}, {"severity", plain(r.Severity)}, {"summary", r.SummaryText}}
}

func (m Maintenance) print() group {
	return group{
		{"sites", flowOf(m.Sites, safe)},
		{"from", plain(m.From.Format(time.RFC3339Nano))},
		{"to", plain(m.To.Format(time.RFC3339Nano))},
		{"reason", m.Reason},
	}
}

func (t TLS) print(clients bool) group {
	g := group{{"cert_file", t.Cert.Name}, {"key_file", t.Key.Name}}
	if clients {
		g = append(g, field{"client_ca_file", t.ClientCA.Name})
	}
	return g
}
