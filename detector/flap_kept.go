package detector

import (
	"net/netip"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
)

// keptVantage is a vantage: what makes it the same one, and what else was known of it.
type keptVantage struct {
	Source   string     `json:"source"`
	Router   string     `json:"router,omitzero"`
	Peer     netip.Addr `json:"peer,omitzero"`
	PeerAS   route.ASN  `json:"peer_as,omitzero"`
	PeerType uint8      `json:"peer_type,omitzero"`
	RD       uint64     `json:"rd,omitzero"`
	BGPID    netip.Addr `json:"bgp_id,omitzero"`
	View     string     `json:"view"`
	Scope    string     `json:"scope"`
	Local    route.ASN  `json:"local,omitzero"`
	AllPaths bool       `json:"all_paths,omitzero"`
}

func keepVantage(v *collector.Vantage) keptVantage {
	return keptVantage{
		Source: v.Source, Router: v.Router, Peer: v.Peer, PeerAS: v.PeerAS, PeerType: v.PeerType, RD: v.RD, BGPID: v.BGPID,
		View: v.View.String(), Scope: v.Scope.String(), Local: v.Local, AllPaths: v.AllPaths,
	}
}

// key gives what makes the vantage the same one; false when its view is none that there is.
func (k *keptVantage) key() (collector.Key, bool) {
	key := collector.Key{Source: k.Source, Router: k.Router, Peer: k.Peer, PeerAS: k.PeerAS, PeerType: k.PeerType, RD: k.RD, BGPID: k.BGPID}
	for v := collector.Session; v <= collector.LocRIB; v++ {
		if v.String() == k.View {
			key.View = v
			return key, true
		}
	}
	return key, false
}

func (k keptVantage) vantage() collector.Vantage {
	key, _ := k.key() // it was checked
	v := collector.Vantage{Key: key, Scope: collector.Internal, Local: k.Local, AllPaths: k.AllPaths}
	if k.Scope == collector.External.String() {
		v.Scope = collector.External
	}
	return v
}

// keptEvidence is a route as a vantage showed it. Its path is written as text, which tells sequences, sets and confederations apart.
type keptEvidence struct {
	Vantage     string       `json:"vantage"`
	Time        time.Time    `json:"time"`
	Prefix      netip.Prefix `json:"prefix"`
	Path        string       `json:"path"`
	NextHop     *netip.Addr  `json:"next_hop,omitempty"`
	Communities []string     `json:"communities"`
	Withdrawn   bool         `json:"withdrawn,omitzero"`
}

func keepEvidence(e Evidence) *keptEvidence {
	return &keptEvidence{e.Vantage, e.Time.UTC(), e.Prefix, e.Path.String(), e.NextHop, e.Communities, e.Withdrawn}
}

func (k *keptEvidence) evidence() Evidence {
	path, _ := route.ParsePath(k.Path) // it was checked
	return Evidence{k.Vantage, k.Time, k.Prefix, path, k.NextHop, k.Communities, k.Withdrawn}
}

// keptIncident is the life of an incident so far, and what was last said of it.
type keptIncident struct {
	Prefix   netip.Prefix `json:"prefix"`
	Site     string       `json:"site,omitzero"`
	ID       string       `json:"id"`
	Started  time.Time    `json:"started"`
	Opened   time.Time    `json:"opened"`
	Updated  time.Time    `json:"updated"`
	Clear    time.Time    `json:"clear,omitzero"`    // since when it is over; zero while it is not
	Resolved time.Time    `json:"resolved,omitzero"` // zero while it is open
	Reopened int          `json:"reopened,omitzero"`
	Cause    string       `json:"cause,omitzero"` // why it is over
	Void     bool         `json:"void,omitzero"`

	Severity Severity        `json:"severity"`
	Since    time.Time       `json:"since"`
	About    string          `json:"about,omitzero"`
	Says     string          `json:"says"`
	Was      string          `json:"was"`
	Why      []string        `json:"why"`
	Actions  []string        `json:"actions"`
	Evidence []*keptEvidence `json:"evidence"`
	Seeing   int             `json:"seeing"`
	Of       int             `json:"of"`
	Peak     int             `json:"peak"`
}

func keepIncident(r *record, c *Condition) keptIncident {
	return keptIncident{
		Prefix: r.key.Prefix, Site: r.key.Site, ID: r.id, Started: r.started.UTC(), Opened: r.opened.UTC(), Updated: r.updated.UTC(), Clear: r.clear.UTC(),
		Resolved: r.resolved.UTC(), Reopened: r.reopened, Cause: r.cause.says, Void: r.cause.void,
		Severity: c.Severity, Since: c.Since.UTC(), About: c.About, Says: c.Says, Was: c.Was, Why: c.Why, Actions: c.Actions,
		Evidence: each(c.Evidence, keepEvidence), Seeing: c.Seeing, Of: c.Of, Peak: c.peak,
	}
}

// goOn gives an incident that was restored already what it is about: nothing of it is told again.
func (e *Engine) goOn(r *record, c *Condition, k *keptIncident) {
	if !k.Clear.IsZero() {
		c.how = gone
	}
	succeed(r, c)
	r.clear, r.cause = k.Clear, cause{k.Cause, k.Void}
	switch {
	case r.state != open:
	case c.how == gone:
		e.resolveLater(r)
	default:
		e.coolSoon(r.key)
	}
}

// restoreIncident goes on with the life of an incident: what is open is told again, what is resolved may come back.
func (e *Engine) restoreIncident(k *keptIncident) {
	key := Key{Kind: Flapping, Prefix: k.Prefix, Site: k.Site}
	c := &Condition{
		Key: key, Severity: k.Severity, Since: k.Since, About: k.About, Says: k.Says, Was: k.Was, Why: k.Why, Actions: k.Actions,
		Evidence: each(k.Evidence, (*keptEvidence).evidence), Watched: e.rules.Judge(k.Prefix), Seeing: k.Seeing, Of: k.Of, peak: k.Peak, how: there,
	}
	if r := e.ledger.records[key]; r != nil && r.id == k.ID {
		e.goOn(r, c, k)
		return
	}
	r := &record{
		key: key, matter: c, state: open, id: k.ID, started: k.Started, opened: k.Opened, updated: k.Updated, clear: k.Clear, resolved: k.Resolved,
		reopened: k.Reopened, cause: cause{k.Cause, k.Void},
	}
	e.ledger.records[key] = r
	if !r.clear.IsZero() {
		c.how = gone
	}
	if !r.resolved.IsZero() {
		r.state, r.said = resolved, r.statement()
		e.retireLater(r)
		return
	}
	c.Why = append(c.Why, "it was open when anywatch was stopped, and is told again since anywatch was started")
	e.say(Opened, r)
	if c.how == gone {
		e.resolveLater(r)
	} else {
		e.coolSoon(key)
	}
}
