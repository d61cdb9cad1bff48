package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/detector"
	"anywatch/rules/propose"
)

// routesPath is where the daemon shows what it sees; ?prefix= narrows it to a prefix, what covers it, and its parts.
const routesPath = "/api/v1/routes"

// shownRoutes is what the daemon sees, as the API has it: every vantage, and the routes of watched prefixes and of our ASes. Absent facts are null.
type shownRoutes struct {
	Time     time.Time      `json:"time"`
	ASNs     []route.ASN    `json:"asns"`
	Vantages []shownVantage `json:"vantages"`
	Routes   []shownRoute   `json:"routes"`
}

type shownVantage struct {
	Name         string      `json:"name"`
	Source       string      `json:"source"`
	Router       *string     `json:"router"`
	Peer         *netip.Addr `json:"peer"`
	PeerAS       *route.ASN  `json:"peer_as"`
	RouterID     *netip.Addr `json:"router_id"`
	View         string      `json:"view"`
	Scope        string      `json:"scope"`
	LocalAS      route.ASN   `json:"local_as"`
	AllPaths     bool        `json:"all_paths"`
	Up           bool        `json:"up"`
	Synchronised bool        `json:"synchronised"`
}

// shownRoute is one route. Path lists an AS_SET as a list of its own; as_path says the same as operators write it, confederations included.
type shownRoute struct {
	Prefix       netip.Prefix `json:"prefix"`
	PathID       uint32       `json:"path_id"`
	Vantage      string       `json:"vantage"`
	Scope        string       `json:"scope"`
	LocalAS      route.ASN    `json:"local_as"`
	Path         route.Path   `json:"path"`
	ASPath       string       `json:"as_path"`
	NextHop      *netip.Addr  `json:"next_hop"`
	OriginatorID *netip.Addr  `json:"originator_id"`
	LocalPref    *uint32      `json:"local_pref"`
	Communities  []string     `json:"communities"`
	Large        []string     `json:"large_communities"`
	Since        time.Time    `json:"since"`
	Stale        bool         `json:"stale"`
	Site         *string      `json:"site"`
	RPKI         shownRPKI    `json:"rpki"`
	Verdicts     []Verdict    `json:"verdicts"`
}

// serveRoutes answers GET /api/v1/routes.
func (d *Daemon) serveRoutes(w http.ResponseWriter, r *http.Request) {
	var around netip.Prefix
	if text := r.URL.Query().Get("prefix"); text != "" {
		p, err := route.ParsePrefix(text)
		if err != nil {
			refuse(w, http.StatusBadRequest, err.Error())
			return
		}
		around = p
	}
	var shown []detector.Shown
	j := judge{}
	d.owner.ask(func(e *detector.Engine) {
		j.rules, j.vrps = e.Basis()
		j.open = e.OpenKeys()
		if around.IsValid() {
			shown = e.SnapshotAround(around)
		} else {
			shown = e.Snapshot()
		}
	})
	if j.rules == nil {
		refuse(w, http.StatusServiceUnavailable, "the daemon is stopping")
		return
	}
	d.answer(w, toShown(shown, j, d.configuration().ASNs, d.now()))
}

func toShown(shown []detector.Shown, j judge, asns []route.ASN, now time.Time) shownRoutes {
	out := shownRoutes{Time: now.UTC(), ASNs: asns, Vantages: []shownVantage{}, Routes: []shownRoute{}}
	for _, s := range shown {
		v := s.Vantage
		out.Vantages = append(out.Vantages, shownVantage{
			Name: v.Name(), Source: v.Source, Router: orNull(v.Router), Peer: orNull(v.Peer), PeerAS: orNull(v.PeerAS), RouterID: orNull(v.BGPID),
			View: v.View.String(), Scope: v.Scope.String(), LocalAS: v.Local, AllPaths: v.AllPaths, Up: s.Up, Synchronised: s.Synchronised,
		})
		for _, r := range s.Routes {
			one := toShownRoute(r, v)
			j.judge(&one, v, r)
			out.Routes = append(out.Routes, one)
		}
	}
	return out
}

func toShownRoute(r detector.Route, v *collector.Vantage) shownRoute {
	a := r.Attrs
	out := shownRoute{
		Prefix: r.Prefix, PathID: r.PathID, Vantage: v.Name(), Scope: v.Scope.String(), LocalAS: v.Local, Path: a.Path, ASPath: a.Path.String(),
		NextHop: orNull(a.NextHop), OriginatorID: orNull(a.OriginatorID), Communities: []string{}, Large: []string{}, Since: r.Shown.UTC(), Stale: r.Stale,
	}
	if a.HasLocalPref {
		out.LocalPref = &a.LocalPref
	}
	for _, c := range a.Communities {
		out.Communities = append(out.Communities, c.String())
	}
	for _, c := range a.Large {
		out.Large = append(out.Large, c.String())
	}
	return out
}

// orNull gives nil for what is absent.
func orNull[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// orZero is the other way round.
func orZero[T any](v *T) (out T) {
	if v != nil {
		out = *v
	}
	return out
}

// wireRoute is a route as it is read back. Its path as a list has no way back, and is passed over: as_path says the same.
type wireRoute struct {
	shownRoute
	Path json.RawMessage `json:"path"`
}

// Ask asks a running daemon what it sees. It holds routes of what its configuration watches, and of the ASes that it names as ours; without
// asns, those are ours here too.
func Ask(ctx context.Context, daemon string, asns []route.ASN) (propose.Seen, error) {
	var got struct {
		shownRoutes
		Routes []wireRoute `json:"routes"`
	}
	if err := askJSON(ctx, daemon, routesPath, nil, &got); err != nil {
		return propose.Seen{}, err
	}
	seen := propose.Seen{ASNs: asns, From: []string{"the daemon at " + redacted(daemon)}}
	if len(asns) == 0 {
		seen.ASNs, seen.Told = got.ASNs, "told by the daemon's configuration"
	}
	return seen, fromShown(got.Vantages, got.Routes, &seen)
}

// fromShown reads vantages and routes back.
func fromShown(vantages []shownVantage, routes []wireRoute, seen *propose.Seen) error {
	if len(seen.ASNs) == 0 {
		return errors.New("the daemon names no AS of its own; name yours with --asn N")
	}
	byName := make(map[string]*propose.Vantage)
	for _, v := range vantages {
		p := &propose.Vantage{
			Name: v.Name, External: v.Scope == "external", Local: v.LocalAS, Router: orZero(v.Router), Peer: orZero(v.Peer), RouterID: orZero(v.RouterID),
			Named: v.Source == "bgp", LocRIB: v.View == "loc-rib", AllPaths: v.AllPaths, Sent: v.View == "out-pre" || v.View == "out-post", Table: v.Synchronised,
		}
		byName[v.Name] = p
		seen.Vantages = append(seen.Vantages, p)
	}
	for i, r := range routes {
		v := byName[r.Vantage]
		if v == nil || !r.Prefix.IsValid() {
			return fmt.Errorf("the daemon's answer: route %d has no prefix, or is of a vantage that it doesn't list", i)
		}
		a, err := r.attrs()
		if err != nil {
			return fmt.Errorf("the daemon's answer: route %d (%s): %w", i, r.Prefix, err)
		}
		if r.Since.After(seen.Newest) {
			seen.Newest = r.Since
		}
		seen.Routes = append(seen.Routes, propose.Route{Vantage: v, Prefix: r.Prefix.Masked(), Attrs: a})
	}
	return nil
}

func (r *wireRoute) attrs() (a *route.Attrs, err error) {
	a = &route.Attrs{NextHop: orZero(r.NextHop), OriginatorID: orZero(r.OriginatorID), HasLocalPref: r.LocalPref != nil, LocalPref: orZero(r.LocalPref)}
	if a.Path, err = route.ParsePath(r.ASPath); err != nil {
		return nil, err
	}
	for _, text := range r.Communities {
		c, err := route.ParseCommunity(text)
		if err != nil {
			return nil, err
		}
		a.Communities = append(a.Communities, c)
	}
	for _, text := range r.Large {
		c, err := route.ParseLargeCommunity(text)
		if err != nil {
			return nil, err
		}
		a.Large = append(a.Large, c)
	}
	return a, nil
}
