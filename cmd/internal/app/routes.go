package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"anywatch/collector/route"
	"anywatch/detector"
	"anywatch/rules/propose"
)

// routesPath is where the daemon shows what it sees.
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
}

// serveRoutes answers GET /api/v1/routes.
func (d *Daemon) serveRoutes(w http.ResponseWriter, _ *http.Request) {
	var shown []detector.Shown
	d.owner.ask(func(e *detector.Engine) { shown = e.Snapshot() })
	w.Header().Set("Content-Type", "application/json")
	out := toShown(shown, d.configuration().ASNs, d.now())
	if err := json.NewEncoder(w).Encode(out); err != nil {
		d.log.Debug("the routes could not be sent whole", "error", err)
	}
}

func toShown(shown []detector.Shown, asns []route.ASN, now time.Time) shownRoutes {
	out := shownRoutes{Time: now.UTC(), ASNs: asns, Vantages: []shownVantage{}, Routes: []shownRoute{}}
	for _, s := range shown {
		v := s.Vantage
		out.Vantages = append(out.Vantages, shownVantage{
			Name: v.Name(), Source: v.Source, Router: orNull(v.Router), Peer: orNull(v.Peer), PeerAS: orNull(v.PeerAS), RouterID: orNull(v.BGPID),
			View: v.View.String(), Scope: v.Scope.String(), LocalAS: v.Local, AllPaths: v.AllPaths, Up: s.Up, Synchronised: s.Synchronised,
		})
		for _, r := range s.Routes {
			out.Routes = append(out.Routes, toShownRoute(r, v.Name(), v.Scope.String(), v.Local))
		}
	}
	return out
}

func toShownRoute(r detector.Route, vantage, scope string, local route.ASN) shownRoute {
	a := r.Attrs
	out := shownRoute{
		Prefix: r.Prefix, PathID: r.PathID, Vantage: vantage, Scope: scope, LocalAS: local, Path: a.Path, ASPath: a.Path.String(),
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
	u, err := url.Parse(daemon)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return propose.Seen{}, fmt.Errorf("--url %q is not the address of a daemon; write it as http://127.0.0.1:8480", daemon)
	}
	body, err := get(ctx, u.JoinPath(routesPath).String())
	if err != nil {
		return propose.Seen{}, err
	}
	defer body.Close()
	var got struct {
		shownRoutes
		Routes []wireRoute `json:"routes"`
	}
	if err := json.NewDecoder(body).Decode(&got); err != nil {
		return propose.Seen{}, fmt.Errorf("the daemon at %s: its answer can't be read: %w", u.Redacted(), err)
	}
	seen := propose.Seen{ASNs: asns, From: []string{"the daemon at " + u.Redacted()}}
	if len(asns) == 0 {
		seen.ASNs, seen.Told = got.ASNs, "told by the daemon's configuration"
	}
	return seen, fromShown(got.Vantages, got.Routes, &seen)
}

// get fetches a page of a daemon.
func get(ctx context.Context, page string) (io.ReadCloser, error) {
	const patience = 30 * time.Second // to begin with the answer
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, page, nil)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: &http.Transport{ResponseHeaderTimeout: patience, DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("no daemon answers: %w; is it running, and is this its web.listen?", err)
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("%s answers %s: is it a daemon of this version?", req.URL.Redacted(), resp.Status)
	}
	return resp.Body, nil
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
