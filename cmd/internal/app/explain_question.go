package app

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"anywatch/collector"
	"anywatch/collector/route"
)

// Question is an announcement that nobody made, or with Held those that a daemon holds.
type Question struct {
	Prefix netip.Prefix
	Held   bool
	Path   string
	Scope  string // external or internal
	// Role is what who shows it is to us, one of Roles (RFC 9234 section 4.1); "" where its session tells none.
	Role string
	// OTC is the AS of the Only-to-Customer attribute (RFC 9234 section 5); "" for none.
	OTC     string
	NextHop string
	// Communities are standard and large ones.
	Communities []string
}

// Roles are what who shows a route may be to us.
var Roles = []string{"customer", "provider", "peer", "rs", "rs-client"}

// role reads what who shows it is to us.
func (q Question) role() (collector.Role, error) {
	switch {
	case q.Role == "":
		return collector.NoRole, nil
	case !slices.Contains(Roles, q.Role):
		return 0, fmt.Errorf("--role %q: it is %s", q.Role, strings.Join(Roles, ", "))
	case q.Scope == "internal":
		return 0, errors.New("--role is of who shows it from outside; leave it out with --scope internal")
	}
	return map[string]collector.Role{
		"customer": collector.Customer, "provider": collector.Provider, "peer": collector.LateralPeer,
		"rs": collector.RouteServer, "rs-client": collector.RouteServerClient,
	}[q.Role], nil
}

// announcement makes the attributes of what is asked about.
func (q Question) announcement() (*route.Attrs, collector.Scope, error) {
	a := &route.Attrs{}
	var err error
	if a.Path, err = route.ParsePath(q.Path); err != nil {
		return nil, 0, fmt.Errorf("--path: %w", err)
	}
	if q.NextHop != "" {
		if a.NextHop, err = netip.ParseAddr(q.NextHop); err != nil {
			return nil, 0, fmt.Errorf("--next-hop %q: it is an address, as 10.0.0.1", q.NextHop)
		}
	}
	if q.OTC != "" {
		if a.OTC, err = route.ParseASN(q.OTC); err != nil {
			return nil, 0, fmt.Errorf("--otc: %w", err)
		}
		a.HasOTC = true
	}
	if err = q.communities(a); err != nil {
		return nil, 0, err
	}
	if _, err = q.role(); err != nil {
		return nil, 0, err
	}
	switch q.Scope {
	case "internal":
		return a, collector.Internal, nil
	case "external", "":
		return a, collector.External, nil
	}
	return nil, 0, fmt.Errorf("--scope %q: it is external or internal", q.Scope)
}

// communities reads them, standard ones and large ones.
func (q Question) communities(a *route.Attrs) error {
	for _, text := range q.Communities {
		if strings.Count(text, ":") == 2 {
			c, err := route.ParseLargeCommunity(text)
			if err != nil {
				return fmt.Errorf("--community: %w", err)
			}
			a.Large = append(a.Large, c)
			continue
		}
		c, err := route.ParseCommunity(text)
		if err != nil {
			return fmt.Errorf("--community: %w", err)
		}
		a.Communities = append(a.Communities, c)
	}
	return nil
}

// query puts the question into the words of the page.
func (q Question) query() url.Values {
	out := url.Values{"prefix": {q.Prefix.String()}}
	if q.Held {
		return out
	}
	out["path"], out["scope"], out["community"] = []string{q.Path}, []string{q.Scope}, q.Communities
	for name, value := range map[string]string{"role": q.Role, "otc": q.OTC, "next_hop": q.NextHop} {
		if value != "" {
			out.Set(name, value)
		}
	}
	return out
}

// questionOf reads the words of the page.
func questionOf(query url.Values) (Question, error) {
	p, err := route.ParsePrefix(query.Get("prefix"))
	if err != nil {
		return Question{}, fmt.Errorf("prefix=%w", err)
	}
	q := Question{
		Prefix: p, Path: query.Get("path"), Scope: query.Get("scope"), Role: query.Get("role"), OTC: query.Get("otc"),
		NextHop: query.Get("next_hop"), Communities: query["community"], Held: true,
	}
	for _, name := range []string{"path", "scope", "role", "otc", "next_hop", "community"} {
		q.Held = q.Held && !query.Has(name)
	}
	return q, nil
}

// vantage is one that nobody has: an empty path there is our own.
func (q Question) vantage(asns []route.ASN, scope collector.Scope, path route.Path) *collector.Vantage {
	v := &collector.Vantage{Key: collector.Key{Source: "hypothetical", PeerAS: asns[0]}, Local: asns[0], Scope: scope}
	v.Role, _ = q.role() // announcement has read it
	if len(path) > 0 && path[0].Kind == route.Sequence && scope == collector.External {
		v.PeerAS = path[0].ASNs[0]
	}
	return v
}
