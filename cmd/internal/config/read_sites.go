package config

import (
	"math"
	"net/netip"
	"time"

	"anywatch/collector/route"
)

// sites reads the list of them, and gives their names for what refers to them.
func (r *reader) sites(root *section) ([]Site, names) {
	sites, known, first := []Site(nil), names{what: "site", unsure: root.misspelt("sites")}, map[string]int{}
	root.each("sites", "{name: ams, match: [{community: 64500:101}]}", func(s *section) {
		site := Site{Name: known.add(s, first)}
		site.Location = location(s.sub("location", "{city: Amsterdam, country: NL}"))
		s.each("match", "{community: 64500:101}", func(m *section) {
			site.Match = append(site.Match, matcher(m))
		})
		site.Drain = communities(s, "drain")
		if h := s.optional("health", "{tcp: {address: 192.0.2.1:53}}"); h != nil {
			site.Health = health(h)
		}
		sites = append(sites, site)
	})
	known.unsure = known.unsure || !root.sound("sites")
	return sites, known
}

// communities reads a list of them.
func communities(s *section, key string) (out []route.Community) {
	for _, c := range many(s, key, community) {
		if c != nil {
			out = append(out, *c)
		}
	}
	return out
}

func location(s *section) Location {
	defer s.end()
	l := Location{City: one(s, "city", "", text), Country: one(s, "country", "", text), Region: one(s, "region", "", text)}
	l.Lat = one(s, "lat", 0, degrees(90))
	l.Lon = one(s, "lon", 0, degrees(180))
	switch {
	case s.has("lat") && s.has("lon"):
		l.Placed = true
	case s.has("lat") && !s.misspelt("lon"):
		s.fault("lat", "stands without lon", "write both, or neither")
	case s.has("lon") && !s.misspelt("lat"):
		s.fault("lon", "stands without lat", "write both, or neither")
	}
	return l
}

// matcher reads one condition.
func matcher(s *section) Matcher {
	m := Matcher{
		Community:      one(s, "community", nil, community),
		LargeCommunity: one(s, "large_community", (*route.LargeCommunity)(nil), largeCommunity),
		NextHop:        one(s, "next_hop", netip.Prefix{}, prefixOrAddress),
		OriginatorID:   one(s, "originator_id", netip.Addr{}, routerID),
		Peer:           one(s, "peer", netip.Addr{}, address),
		Router:         one(s, "router", "", label),
		ASPath:         one(s, "as_path", nil, expression),
	}
	s.exactlyOne(s.asked...)
	return m
}

// health reads a probe and how often it runs.
func health(s *section) *Health {
	defer s.end()
	h := &Health{}
	if p := s.optional("http", "{url: https://192.0.2.1/healthz}"); p != nil {
		h.HTTP = &HTTPProbe{ConnectTo: one(p, "connect_to", "", host), Status: one(p, "status", 200, number(100, 599))}
		p.required("url", "write the address to ask for, as https://192.0.2.1/healthz")
		h.HTTP.URL = one(p, "url", URL{}, urlOf(false, "http", "https"))
		p.end()
	}
	if p := s.optional("dns", "{server: 10.0.1.53, query: example.net, type: SOA}"); p != nil {
		h.DNS = dnsProbe(p)
	}
	if p := s.optional("tcp", "{address: 10.0.1.53:53}"); p != nil {
		p.required("address", "write an address with a port, as 10.0.1.53:53")
		h.TCP = one(p, "address", "", endpoint)
		p.end()
	}
	if p := s.optional("icmp", "{address: 10.0.1.53}"); p != nil {
		p.required("address", "write an address, as 10.0.1.53")
		h.ICMP = one(p, "address", "", hostOnly)
		p.end()
	}
	probes := s.asked
	h.Interval = one(s, "interval", 10*time.Second, positive)
	h.FailAfter = one(s, "fail_after", 3, number(1, math.MaxInt32))
	s.exactlyOne(probes...)
	return h
}

func dnsProbe(s *section) *DNSProbe {
	defer s.end()
	s.required("server", "write the address of the server, as 10.0.1.53")
	s.required("query", "write the name to ask for, as example.net")
	return &DNSProbe{
		Server: one(s, "server", "", host),
		Query:  one(s, "query", "", label),
		Type:   one(s, "type", "SOA", enum("SOA", "A", "AAAA", "NS", "TXT", "MX", "CNAME", "PTR", "SRV", "CAA")),
	}
}
