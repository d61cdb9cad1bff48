package config

import (
	"net/netip"
	"strconv"

	"anywatch/collector/route"
)

func (s Site) print() group {
	g := group{{"name", s.Name}}
	location := given(group{{"city", s.Location.City}, {"country", s.Location.Country}, {"region", s.Location.Region}})
	if s.Location.Placed {
		location = append(location, field{"lat", degreesText(s.Location.Lat)}, field{"lon", degreesText(s.Location.Lon)})
	}
	if len(location) > 0 {
		g = append(g, field{"location", location})
	}
	g = append(g, field{"match", each(s.Match, Matcher.print)})
	if len(s.Drain) > 0 {
		g = append(g, field{"drain", communityFlow(s.Drain)})
	}
	if s.Health != nil {
		g = append(g, field{"health", s.Health.print()})
	}
	return g
}

func communityFlow(list []route.Community) flow {
	return flowOf(list, func(c route.Community) string { return safe(c.String()) })
}

func degreesText(d float64) plain { return plain(strconv.FormatFloat(d, 'f', -1, 64)) }

func (m Matcher) print() group {
	switch {
	case m.Community != nil:
		return group{{"community", m.Community.String()}}
	case m.LargeCommunity != nil:
		return group{{"large_community", m.LargeCommunity.String()}}
	case m.NextHop.IsValid():
		return group{{"next_hop", prefixText(m.NextHop)}}
	case m.OriginatorID.IsValid():
		return group{{"originator_id", addrText(m.OriginatorID)}}
	case m.Peer.IsValid():
		return group{{"peer", addrText(m.Peer)}}
	case m.ASPath != nil:
		return group{{"as_path", m.ASPath.String()}}
	default:
		return group{{"router", m.Router}}
	}
}

func (h Health) print() group {
	var g group
	switch {
	case h.HTTP != nil:
		g = group{{"http", given(group{{"url", h.HTTP.URL.String()}, {"connect_to", h.HTTP.ConnectTo}, {"status", count(h.HTTP.Status)}})}}
	case h.DNS != nil:
		g = group{{"dns", group{{"server", h.DNS.Server}, {"query", h.DNS.Query}, {"type", plain(h.DNS.Type)}}}}
	case h.TCP != "":
		g = group{{"tcp", group{{"address", h.TCP}}}}
	default:
		g = group{{"icmp", group{{"address", h.ICMP}}}}
	}
	return append(g, field{"interval", span(h.Interval)}, field{"fail_after", count(h.FailAfter)})
}

func (s Sources) print() group {
	g := group{}
	if s.BGP != nil {
		g = append(g, field{"bgp", given(group{
			{"listen", flowOf(s.BGP.Listen, safe)},
			{"asn", plain(asnText(s.BGP.ASN))},
			{"router_id", addrText(s.BGP.RouterID)},
			{"neighbors", each(s.BGP.Neighbors, Neighbor.print)},
		})})
	}
	if s.BMP != nil {
		g = append(g, field{"bmp", group{
			{"listen", flowOf(s.BMP.Listen, safe)},
			{"allow", prefixFlow(s.BMP.Allow)},
			{"vrfs", flowOf(s.BMP.VRFs, safe)},
			{"tls", s.BMP.TLS.print(true)},
		}})
	}
	return append(g,
		field{"rislive", each(s.RISLive, RISLive.print)},
		field{"openbmp", each(s.OpenBMP, OpenBMP.print)},
		field{"exabgp", each(s.ExaBGP, ExaBGP.print)})
}

func (n Neighbor) print() group {
	g := given(group{
		{"name", n.Name},
		{"address", addrText(n.Address)},
		{"range", prefixText(n.Range)},
		{"asn", plain(asnText(n.ASN))},
		{"password_file", n.Password.file},
		{"ttl_security", count(n.TTLSecurity)},
		{"add_path", plain(strconv.FormatBool(n.AddPath))},
	})
	if n.Range.IsValid() {
		g = append(g, field{"max_peers", count(n.MaxPeers)})
	}
	if n.MaxPrefixes > 0 {
		g = append(g, field{"max_prefixes", count(n.MaxPrefixes)})
	}
	return append(g, field{"scope", plain(n.Scope)})
}

func (l RISLive) print() group {
	ignore := flowOf(l.IgnorePeers, func(a netip.Addr) string { return safe(a.String()) })
	return group{{"url", l.URL.String()}, {"client", l.Client}, {"ignore_peers", ignore}}
}

func (k OpenBMP) print() group {
	return group{{"brokers", flowOf(k.Brokers, safe)}, {"topic", k.Topic}, {"group", k.Group}}
}

func (e ExaBGP) print() group { return group{{"command", e.Command}} }

func (r RPKI) print() group {
	return group{
		{"caches", each(r.Caches, RTRCache.print)},
		{"files", flowOf(r.Files, func(f File) string { return safe(f.Name) })},
		{"slurm", r.SLURM.Name},
		{"max_age", span(r.MaxAge)},
		{"roa_expiry_warning", span(r.ROAExpiryWarning)},
		{"max_drop", plain(r.MaxDrop.String())},
	}
}

func (c RTRCache) print() group {
	g := group{{"address", c.Address}, {"transport", plain(c.Transport)}, {"version", count(int(c.Version))}}
	if c.Transport == "tls" {
		g = append(g, group{{"server_name", c.ServerName}, {"ca_file", c.CA.Name}, {"cert_file", c.Cert.Name}, {"key_file", c.Key.Name}}...)
	}
	return g
}

func (d Detect) print() group {
	return group{
		{"confirm", group{
			{"vantages", count(d.Confirm.Vantages)},
			{"external_vantages", count(d.Confirm.ExternalVantages)},
			{"within", span(d.Confirm.Within)},
		}},
		{"resolve_after", span(d.ResolveAfter)},
		{"reopen_within", span(d.ReopenWithin)},
		{"initial_sync", span(d.InitialSync)},
		{"stale_after_loss", span(d.StaleAfterLoss)},
		{"stale_vantage_after", span(d.StaleVantageAfter)},
		{"blackhole", communityFlow(d.Blackhole)},
		{"site_missing_after", span(d.SiteMissingAfter)},
		{"feed_silent_after", span(d.FeedSilentAfter)},
		{"visibility", group{{"warning", plain(d.Visibility.Warning.String())}, {"critical", plain(d.Visibility.Critical.String())}}},
		{"flap", d.Flap.print()},
		{"catchment", group{{"shift", plain(d.Catchment.Shift.String())}, {"within", span(d.Catchment.Within)}}},
		{"superprefix", group{{"shortest", group{
			{"ipv4", count(d.Superprefix.ShortestIPv4)},
			{"ipv6", count(d.Superprefix.ShortestIPv6)},
		}}}},
	}
}

func (f Flap) print() group {
	return group{
		{"profile", plain(f.Profile)},
		{"alert", count(f.Alert)},
		{"half_life", span(f.HalfLife)},
		{"suppress", count(f.Suppress)},
		{"reuse", count(f.Reuse)},
		{"max_suppress", span(f.MaxSuppress)},
		{"withdraw", count(f.Withdraw)},
		{"reannounce", count(f.Reannounce)},
		{"attribute", count(f.Attribute)},
	}
}

func (s Sink) print() group {
	var escalate any
	if s.Escalate.To != "" {
		escalate = group{{"after", span(s.Escalate.After)}, {"to", s.Escalate.To}}
	}
	return given(group{
		{"name", s.Name},
		{s.Type(), s.receiver()},
		{"severity", plain(s.Severity)},
		{"kinds", flowOf(s.Kinds, safe)},
		{"prefixes", prefixFlow(s.Prefixes)},
		{"sites", flowOf(s.Sites, safe)},
		{"labels", labelGroup(s.Labels)},
		{"group_by", plain(s.GroupBy)},
		{"escalate", escalate},
	})
}
