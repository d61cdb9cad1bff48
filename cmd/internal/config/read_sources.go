package config

import (
	"net/netip"
	"slices"
	"time"

	"anywatch/collector/route"
)

// sources reads where routes come from. A source that the file doesn't name isn't used.
func (r *reader) sources(s *section, asns []route.ASN) Sources {
	defer s.end()
	var out Sources
	if b := s.optional("bgp", "{neighbors: [{address: 10.0.0.1, asn: 64500}]}"); b != nil {
		out.BGP = r.bgp(b, asns)
	}
	if b := s.optional("bmp", `{listen: [":11019"]}`); b != nil {
		out.BMP = r.bmp(b)
	}
	s.each("rislive", "{client: example-noc}", func(l *section) {
		out.RISLive = append(out.RISLive, RISLive{
			URL:         one(l, "url", risLive(), urlOf(false, "ws", "wss")),
			Client:      one(l, "client", "anywatch", label),
			IgnorePeers: many(l, "ignore_peers", address),
		})
	})
	s.each("openbmp", `{brokers: ["127.0.0.1:9092"], topic: routeviews.bmp_raw}`, func(k *section) {
		out.OpenBMP = append(out.OpenBMP, openBMP(k))
	})
	s.each("exabgp", `{command: "socat - UNIX-CONNECT:/run/exabgp.sock"}`, func(e *section) {
		const remedy = "write the command whose output is read"
		e.required("command", remedy)
		out.ExaBGP = append(out.ExaBGP, ExaBGP{Command: one(e, "command", "", filled(remedy))})
	})
	return out
}

// risLive is RIPE's own service.
func risLive() URL {
	const public = "wss://ris-live.ripe.net/v1/ws/"
	return URL{text: NewSecret(public), shown: public}
}

func openBMP(s *section) OpenBMP {
	const remedy = `write at least one, as brokers: ["127.0.0.1:9092"]`
	k := OpenBMP{Brokers: many(s, "brokers", endpoint)}
	if s.required("brokers", remedy) && len(k.Brokers) == 0 && s.sound("brokers") {
		s.fault("brokers", "is empty", remedy)
	}
	s.required("topic", "write the name of the topic, as routeviews.bmp_raw")
	k.Topic = one(s, "topic", "", label)
	k.Group = one(s, "group", "anywatch", label)
	return k
}

// listens reads a list of addresses to listen on. An empty one would be a source that nobody can reach.
func listens(s *section, fallback string) []string {
	if !s.has("listen") {
		return []string{fallback}
	}
	out := many(s, "listen", listen)
	if len(out) == 0 && s.sound("listen") {
		s.fault("listen", "is empty", `write an address and a port, as ["`+fallback+`"], or remove the key`)
	}
	return out
}

func (r *reader) bgp(s *section, asns []route.ASN) *BGP {
	defer s.end()
	b := &BGP{Listen: listens(s, ":179")}
	var ours route.ASN
	if len(asns) > 0 {
		ours = asns[0]
	}
	b.ASN = one(s, "asn", ours, asNumber)
	b.RouterID = one(s, "router_id", netip.Addr{}, routerID)
	first := map[string]map[string]int{"name": {}, "address": {}, "range": {}}
	s.each("neighbors", "{name: rr1, address: 10.0.0.1, asn: 64500}", func(n *section) {
		b.Neighbors = append(b.Neighbors, r.neighbor(n, b.ASN, asns, first))
	})
	return b
}

// neighbor reads one session, or a range of them.
func (r *reader) neighbor(s *section, local route.ASN, asns []route.ASN, first map[string]map[string]int) Neighbor {
	n := Neighbor{
		Name:    one(s, "name", "", label),
		Address: one(s, "address", netip.Addr{}, address),
		Range:   one(s, "range", netip.Prefix{}, prefix),
	}
	n.ASN = one(s, "asn", 0, asNumber)
	n.Password = one(s, "password_file", Secret{}, r.secret)
	n.TTLSecurity = one(s, "ttl_security", 0, number(0, 254))
	n.AddPath = one(s, "add_path", false, boolean)
	n.MaxPeers = one(s, "max_peers", 0, number(1, 1<<20))
	n.MaxPrefixes = one(s, "max_prefixes", 0, number(1, 1<<30))
	n.Scope = one(s, "scope", "", enum(Internal, External))

	switch s.exactlyOne("address", "range") {
	case "address":
		n = addressed(s, n)
	case "range":
		n = ranged(s, n, local)
	}
	for key, lines := range first {
		if s.sound(key) {
			unique(s, key, map[string]string{"name": n.Name, "address": n.Address.String(), "range": n.Range.String()}[key], lines)
		}
	}
	if n.Scope == "" {
		n.Scope = External
		if slices.Contains(asns, n.ASN) {
			n.Scope = Internal
		}
	}
	return n
}

// addressed completes a neighbor with one address. Its AS says whether the session is internal, so there is no default.
func addressed(s *section, n Neighbor) Neighbor {
	s.required("asn", "write the AS of the neighbor, as asn: 64500")
	if n.Name == "" {
		n.Name = n.Address.String()
	}
	if s.has("max_peers") {
		s.fault("max_peers", "stands beside address, which is one peer", "remove it, or write range instead of address")
	}
	return n
}

// ranged completes a neighbor that stands for a range. Without an AS its peers are of our own.
func ranged(s *section, n Neighbor, local route.ASN) Neighbor {
	if !s.has("asn") {
		n.ASN = local
	}
	if n.Name == "" {
		n.Name = n.Range.String()
	}
	if n.MaxPeers == 0 {
		n.MaxPeers = 500
	}
	return n
}

func (r *reader) bmp(s *section) *BMP {
	defer s.end()
	return &BMP{
		Listen: listens(s, ":11019"),
		Allow:  many(s, "allow", prefixOrAddress),
		VRFs:   many(s, "vrfs", label),
		TLS:    r.tls(s.sub("tls", "{cert_file: bmp.crt, key_file: bmp.key}"), true),
	}
}

// tls reads the files of a TLS server; a certificate and its key belong together.
func (r *reader) tls(s *section, clients bool) TLS {
	defer s.end()
	t := TLS{Cert: one(s, "cert_file", File{}, r.existing), Key: one(s, "key_file", File{}, r.existing)}
	if clients {
		t.ClientCA = one(s, "client_ca_file", File{}, r.existing)
	}
	if !s.sound("cert_file") || !s.sound("key_file") || s.unknown() {
		return t
	}
	switch {
	case !t.Cert.IsZero() && t.Key.IsZero():
		s.fault("cert_file", "stands without key_file", "name the file of the private key too")
	case t.Cert.IsZero() && !t.Key.IsZero():
		s.fault("key_file", "stands without cert_file", "name the file of the certificate too")
	case t.Cert.IsZero() && !t.ClientCA.IsZero():
		s.fault("client_ca_file", "stands without cert_file and key_file", "name the files of the certificate and its key too")
	}
	return t
}

// hostName takes the name that a certificate is for; "" is that of the address.
func hostName(w word) (string, *problem) {
	if w.text == "" {
		return "", nil
	}
	return label(w)
}

// cache reads one RPKI-to-Router cache. What is about certificates goes with TLS alone.
func (r *reader) cache(s *section) RTRCache {
	s.required("address", "write the host and port of the cache, as 127.0.0.1:3323")
	c := RTRCache{
		Address:    one(s, "address", "", endpoint),
		Transport:  one(s, "transport", "tcp", enum("tcp", "tls")),
		Version:    1,
		ServerName: one(s, "server_name", "", hostName),
		CA:         one(s, "ca_file", File{}, r.existing),
		Cert:       one(s, "cert_file", File{}, r.existing),
		Key:        one(s, "key_file", File{}, r.existing),
	}
	if one(s, "version", "1", enum("1", "2")) == "2" {
		c.Version = 2
	}
	for _, key := range []string{"ca_file", "server_name", "cert_file", "key_file"} {
		if c.Transport == "tcp" && s.has(key) && s.sound("transport") {
			s.fault(key, "does nothing without TLS", "add transport: tls, or remove the key")
		}
	}
	switch {
	case !s.sound("cert_file") || !s.sound("key_file"):
	case !c.Cert.IsZero() && c.Key.IsZero():
		s.fault("cert_file", "stands without key_file", "name the file of the private key too")
	case c.Cert.IsZero() && !c.Key.IsZero():
		s.fault("key_file", "stands without cert_file", "name the file of the certificate too")
	}
	return c
}

// rpki reads where validated payloads come from, and how old they may be.
func (r *reader) rpki(s *section) RPKI {
	defer s.end()
	var out RPKI
	s.each("caches", "{address: 127.0.0.1:3323}", func(c *section) {
		out.Caches = append(out.Caches, r.cache(c))
	})
	out.Files = many(s, "files", func(w word) (File, *problem) {
		if w.text == "" {
			return File{}, &problem{"is empty", "name a file, or remove the entry"}
		}
		return r.existing(w)
	})
	out.SLURM = one(s, "slurm", File{}, r.existing)
	out.MaxAge = one(s, "max_age", 2*time.Hour, positive)
	out.ROAExpiryWarning = one(s, "roa_expiry_warning", 24*time.Hour, duration)
	out.MaxDrop = one(s, "max_drop", 20, percent)
	return out
}
