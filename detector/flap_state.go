package detector

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/rules"
)

// FlapStateVersion is the version of the format that FlapState is kept in.
const FlapStateVersion = 1

// ErrOtherProfiles says that penalties were counted by other parameters than those in force: they can't be compared, and are of no use.
var ErrOtherProfiles = errors.New("the penalties were counted by other parameters")

// FlapState is all that is known of flaps, to be kept from one run to the next as JSON. Its times are absolute, so what is kept decays by itself
// while nothing runs. Vantages stand in it by what makes them the same, because their numbers change from run to run.
type FlapState struct {
	Version int `json:"version"`
	// Clock is when the state was taken.
	Clock time.Time `json:"clock"`
	// Profiles are the parameters that the merits were counted by, in their order.
	Profiles  []string       `json:"profiles"`
	Vantages  []keptVantage  `json:"vantages"`
	Routes    []keptFlaps    `json:"routes"`
	Sites     []keptFlaps    `json:"sites"` // prefixes at sites as a whole
	Hot       []keptHeat     `json:"hot"`
	Incidents []keptIncident `json:"incidents"`
}

// keptFlaps is the flap history of a route, or of a prefix at a site.
type keptFlaps struct {
	Vantage     int               `json:"vantage,omitzero"` // its place in the list of vantages; means nothing for a site as a whole
	Prefix      netip.Prefix      `json:"prefix"`
	PathID      uint32            `json:"path_id,omitzero"`
	Site        string            `json:"site,omitzero"`
	Withdrawn   bool              `json:"withdrawn"`
	Withdrawals int               `json:"withdrawals"`
	Changes     int               `json:"changes"`
	Reannounced int               `json:"reannounced"`
	Peak        float64           `json:"peak"`
	First       time.Time         `json:"first"`
	Last        time.Time         `json:"last"`
	Merits      []keptMerit       `json:"merits"` // one per profile
	Past        []keptSuppression `json:"past,omitempty"`
	Curve       []keptPenalty     `json:"curve"`
	Evidence    *keptEvidence     `json:"evidence,omitempty"`
}

type keptMerit struct {
	Value      float64   `json:"value"`
	At         time.Time `json:"at"`
	Suppressed bool      `json:"suppressed,omitzero"`
	From       time.Time `json:"from,omitzero"`
}

type keptSuppression struct {
	Profile string    `json:"profile"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
}

type keptPenalty struct {
	At    time.Time `json:"at"`
	Value float64   `json:"value"`
}

// keptHeat names the routes that exceeded the alert and have not all cooled down since, by their places in the list of routes.
type keptHeat struct {
	Prefix netip.Prefix `json:"prefix"`
	Site   string       `json:"site,omitzero"`
	Routes []int        `json:"routes"`
}

// FlapState takes the state of all flaps. The engine changes nothing of what it gives.
func (e *Engine) FlapState() *FlapState {
	s := &FlapState{
		Version: FlapStateVersion, Clock: e.clock.UTC(), Profiles: keptProfiles(e.rules.Flap.Profiles),
		Vantages: []keptVantage{}, Routes: []keptFlaps{}, Sites: []keptFlaps{}, Hot: []keptHeat{}, Incidents: []keptIncident{},
	}
	number := s.keepVantages(e.flaps)
	place := make(map[*flapRecord]int)
	for _, key := range slices.SortedFunc(maps.Keys(e.flaps.routes), flapKey.compare) {
		rec := e.flaps.routes[key]
		place[rec] = len(s.Routes)
		k := keepFlaps(rec)
		k.Vantage, k.Evidence = number[key.vantage], keepEvidence(rec.shown.evidence())
		s.Routes = append(s.Routes, k)
	}
	for _, rec := range e.flaps.sites {
		s.Sites = append(s.Sites, keepFlaps(rec))
	}
	slices.SortFunc(s.Sites, func(a, b keptFlaps) int { return cmp.Or(a.Prefix.Compare(b.Prefix), cmp.Compare(a.Site, b.Site)) })
	for _, key := range slices.SortedFunc(maps.Keys(e.flaps.hot), Key.compare) {
		h := keptHeat{Prefix: key.Prefix, Site: key.Site, Routes: []int{}}
		for _, rec := range e.flaps.hot[key] {
			if n, ok := place[rec]; ok { // else it was pushed out by others
				h.Routes = append(h.Routes, n)
			}
		}
		s.Hot = append(s.Hot, h)
	}
	for _, r := range e.ledger.sorted() {
		if c, ok := r.matter.(*Condition); ok && r.key.Kind == Flapping && r.state != pending {
			s.Incidents = append(s.Incidents, keepIncident(r, c))
		}
	}
	return s
}

// Empty tells that there is nothing worth keeping.
func (s *FlapState) Empty() bool { return len(s.Routes)+len(s.Sites)+len(s.Incidents) == 0 }

func (k flapKey) compare(o flapKey) int {
	return cmp.Or(k.nlri.Prefix.Compare(o.nlri.Prefix), cmp.Compare(k.vantage, o.vantage), cmp.Compare(k.nlri.PathID, o.nlri.PathID))
}

// keptProfiles writes parameters so that two that are equal read equal: the name says whose they are, and all of them count.
func keptProfiles(list []rules.Dampening) []string {
	return each(list, func(p rules.Dampening) string {
		return fmt.Sprintf("%s: half-life %s, suppress %d, reuse %d, max-suppress %s, withdraw %d, reannounce %d, attribute %d",
			p.Name, p.HalfLife, p.Suppress, p.Reuse, p.MaxSuppress, p.Withdraw, p.Reannounce, p.Attribute)
	})
}

// keepVantages lists the vantages that have a history, in the order of their numbers, and tells the place of each.
func (s *FlapState) keepVantages(f *flaps) map[collector.VantageID]int {
	known := make(map[collector.VantageID]*collector.Vantage)
	for _, rec := range f.routes {
		known[rec.v.ID] = rec.v
	}
	number := make(map[collector.VantageID]int, len(known))
	for _, id := range slices.Sorted(maps.Keys(known)) {
		number[id] = len(s.Vantages)
		s.Vantages = append(s.Vantages, keepVantage(known[id]))
	}
	return number
}

func keepFlaps(f *flapRecord) keptFlaps {
	return keptFlaps{
		Prefix: f.nlri.Prefix, PathID: f.nlri.PathID, Site: f.site, Withdrawn: f.withdrawn,
		Withdrawals: f.withdrawals, Changes: f.changes, Reannounced: f.reannounced, Peak: f.peak, First: f.first.UTC(), Last: f.last.UTC(),
		Merits: each(f.merits, func(m merit) keptMerit { return keptMerit{m.value, m.at.UTC(), m.suppressed, m.from.UTC()} }),
		Past:   each(f.past, func(p Suppression) keptSuppression { return keptSuppression{p.Profile, p.From.UTC(), p.To.UTC()} }),
		Curve:  each(f.curve, func(p Penalty) keptPenalty { return keptPenalty{p.At.UTC(), p.Value} }),
	}
}

// record makes a flap history of what was kept. What claims to be of the future, since somebody set the clock back, counts as of now: else it would
// not decay until then.
func (k *keptFlaps) record(now time.Time) *flapRecord {
	curve := k.Curve[max(0, len(k.Curve)-curvePoints):]
	return &flapRecord{
		nlri: route.NLRI{Prefix: k.Prefix, PathID: k.PathID}, site: k.Site, withdrawn: k.Withdrawn,
		withdrawals: k.Withdrawals, changes: k.Changes, reannounced: k.Reannounced, peak: k.Peak, first: k.First, last: min2(k.Last, now),
		merits: each(k.Merits, func(m keptMerit) merit { return merit{m.Value, min2(m.At, now), m.Suppressed, m.From} }),
		past:   each(k.Past, func(p keptSuppression) Suppression { return Suppression(p) }),
		curve:  each(curve, func(p keptPenalty) Penalty { return Penalty(p) }),
	}
}

// RestoreFlaps puts in force what was kept by the run before, before the first event is applied: histories, and the incidents that were made of
// them. An incident that was open is told again under its id, at the time when the state was taken, and goes on from there: what came due in between
// happens now, each thing at its own time. The error is ErrOtherProfiles when the parameters are not those that the penalties were counted by; then
// nothing is restored.
func (e *Engine) RestoreFlaps(s *FlapState, vantages *collector.Registry, now time.Time) error {
	if in := keptProfiles(e.rules.Flap.Profiles); len(in) == 0 || !slices.Equal(s.Profiles, in) {
		return fmt.Errorf("%w: then %q, now %q", ErrOtherProfiles, s.Profiles, in)
	}
	e.Advance(min2(s.Clock, now))
	e.flaps = newFlaps()
	routes := e.restoreRoutes(s, vantages, now)
	for i := range s.Sites {
		k := &s.Sites[i]
		if e.rules.SiteNumber(k.Site) != rules.NoSite {
			e.flaps.sites[prefixSite{k.Prefix, k.Site}] = k.record(now)
		}
	}
	for _, h := range s.Hot {
		key := Key{Kind: Flapping, Prefix: h.Prefix, Site: h.Site}
		e.flaps.hot[key] = each(h.Routes, func(n int) *flapRecord { return routes[n] })
		e.coolSoon(key)
	}
	for i := range s.Incidents {
		e.restoreIncident(&s.Incidents[i])
	}
	e.Advance(now)
	e.began = now // everything else begins with this run
	return nil
}

func (e *Engine) restoreRoutes(s *FlapState, vantages *collector.Registry, now time.Time) []*flapRecord {
	known := each(s.Vantages, func(k keptVantage) *collector.Vantage { return vantages.Register(k.vantage()) })
	routes := make([]*flapRecord, len(s.Routes))
	for i := range s.Routes {
		k := &s.Routes[i]
		rec := k.record(now)
		rec.v = known[k.Vantage]
		if k.Evidence != nil {
			rec.shown = trace{kept: new(k.Evidence.evidence())}
		}
		routes[i], e.flaps.routes[flapKey{rec.v.ID, rec.nlri}] = rec, rec
		if rec.withdrawn {
			e.flaps.goes(rec)
		}
	}
	return routes
}

// coolSoon looks at once whether all routes of the prefix and site have cooled down, and from then on as often as it takes.
func (e *Engine) coolSoon(key Key) {
	flaps := e.flaps
	e.timers.set(e.clock.Add(time.Millisecond), func() {
		if e.flaps == flaps {
			e.cool(key)
		}
	})
}

// each turns every element of a list into something else; no elements stay none.
func each[A, B any](list []A, f func(A) B) []B {
	if len(list) == 0 {
		return nil
	}
	out := make([]B, len(list))
	for i, a := range list {
		out[i] = f(a)
	}
	return out
}
