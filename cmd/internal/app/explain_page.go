package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"anywatch/cmd/internal/config"
	"anywatch/collector/route"
	"anywatch/detector"
	"anywatch/rpki"
)

// explainPath is where the daemon says what it makes of an announcement: ?prefix=…&path=…&community=…&scope=…&role=…&otc=…&next_hop=…,
// or of those that it holds, with the prefix alone.
const explainPath = "/api/v1/explain"

// ExplainedBasis is what a daemon judges a prefix by.
type ExplainedBasis struct {
	// Total counts its VRPs, VRPs are those that matter here and one more that tells that there are any.
	Total     int               `json:"total"`
	VRPs      []basisVRP        `json:"vrps"`
	ASPAs     []basisASPA       `json:"aspas"`
	Generated time.Time         `json:"generated"`
	Open      []basisOfIncident `json:"open"`
}

type basisVRP struct {
	Prefix    netip.Prefix `json:"prefix"`
	MaxLength uint8        `json:"max_length"`
	ASN       route.ASN    `json:"asn"`
	TA        string       `json:"ta"`
}

type basisASPA struct {
	Customer  route.ASN   `json:"customer"`
	Providers []route.ASN `json:"providers"`
}

// basisOfIncident is an open incident in short.
type basisOfIncident struct {
	ID           string    `json:"id"`
	Key          string    `json:"key"` // what makes it the same incident
	Opened       time.Time `json:"opened"`
	Acknowledged *string   `json:"acknowledged"`
	Silenced     *string   `json:"silenced"`
}

// explainBasis takes of a table what the judgement of a prefix and a path needs.
func explainBasis(t *rpki.Table, p netip.Prefix, path route.Path, open []detector.Incident) *ExplainedBasis {
	out := &ExplainedBasis{Total: t.Len(), VRPs: []basisVRP{}, ASPAs: []basisASPA{}, Generated: t.Generated(), Open: []basisOfIncident{}}
	vrps := t.Covering(p)
	if len(vrps) == 0 {
		for v := range t.All() { // without any, the route would not be checked at all
			vrps = append(vrps, v)
			break
		}
	}
	for _, v := range vrps {
		out.VRPs = append(out.VRPs, basisVRP{v.Prefix, v.MaxLength, v.ASN, v.TA})
	}
	asked := make(map[route.ASN]bool)
	for _, s := range path {
		for _, as := range s.ASNs {
			if a, ok := t.Set().ASPA(as); ok && !asked[as] {
				asked[as] = true
				out.ASPAs = append(out.ASPAs, basisASPA{a.Customer, a.Providers})
			}
		}
	}
	for _, i := range open {
		out.Open = append(out.Open, basisOfIncident{i.ID, i.Key, i.Opened, i.Acknowledged, i.Silenced})
	}
	return out
}

// table is the other way round.
func (b *ExplainedBasis) table() (*rpki.Table, error) {
	if b.Total == 0 {
		return nil, nil
	}
	var vrps []rpki.VRP
	for _, v := range b.VRPs {
		vrps = append(vrps, rpki.VRP{Prefix: v.Prefix, MaxLength: v.MaxLength, ASN: v.ASN, TA: v.TA})
	}
	var aspas []rpki.ASPA
	for _, a := range b.ASPAs {
		aspas = append(aspas, rpki.ASPA{Customer: a.Customer, Providers: a.Providers})
	}
	return rpki.NewTable(vrps, aspas, b.Generated)
}

// says tells what VRPs there are.
func (b *ExplainedBasis) says(now time.Time) string {
	if b.Total == 0 {
		return "none: origins are not checked"
	}
	text := fmt.Sprintf("%d", b.Total)
	if !b.Generated.IsZero() {
		text += ", " + detector.HumanDuration(max(now.Sub(b.Generated), 0)) + " old"
	}
	return text
}

// holding finds among the open incidents the one that a finding would be.
func (b *ExplainedBasis) holding(k detector.Key) (h detector.Holding) {
	for _, i := range b.Open {
		if i.Key == k.String() {
			h.Open = &detector.Incident{ID: i.ID, Kind: k.Kind, Opened: i.Opened, Acknowledged: i.Acknowledged, Silenced: i.Silenced}
		}
	}
	return h
}

// serveExplain answers GET /api/v1/explain. It changes nothing.
func (d *Daemon) serveExplain(w http.ResponseWriter, r *http.Request) {
	q, err := questionOf(r.URL.Query())
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	out, err := d.explain(q)
	switch {
	case errors.Is(err, errStopping):
		refuse(w, http.StatusServiceUnavailable, err.Error())
	case err != nil:
		refuse(w, http.StatusBadRequest, strings.NewReplacer("--next-hop", "next_hop", "--", "").Replace(err.Error()))
	default:
		d.answer(w, out)
	}
}

var errStopping = errors.New("the daemon is stopping")

// explain judges what is asked by the rules, VRPs and state in force.
func (d *Daemon) explain(q Question) (*Explanation, error) {
	attrs, scope, err := q.announcement()
	if err != nil {
		return nil, err
	}
	x := explainer{config: d.configuration(), now: d.now(), counts: true}
	var shown []detector.Shown
	d.owner.ask(func(e *detector.Engine) {
		x.rules, x.vrps = e.Basis()
		x.open, x.general = around(e.Open(), q.Prefix)
		if q.Held {
			shown = e.SnapshotAround(q.Prefix)
		}
	})
	if x.rules == nil {
		return nil, errStopping
	}
	x.holding = func(k detector.Key) (h detector.Holding) {
		d.owner.ask(func(e *detector.Engine) { h = e.Holding(k) })
		return h
	}
	out := x.begin(q)
	state := "the daemon's: " + openIncidents(len(x.open)) + " about this"
	out.Configuration, out.State = "the daemon's, in force", &state
	out.Basis = explainBasis(x.vrps, q.Prefix, attrs.Path, x.open)
	out.VRPs = "the daemon's: " + out.Basis.says(x.now)
	if !q.Held {
		out.Routes = append(out.Routes, x.explain(q.vantage(x.rules.ASNs(), scope, attrs.Path), q.Prefix, attrs))
		return out, nil
	}
	x.held(out, shown)
	return out, nil
}

func (x *explainer) begin(q Question) *Explanation {
	return &Explanation{Time: x.now.UTC(), Prefix: q.Prefix, Hypothetical: !q.Held, Routes: []ExplainedCase{}, Conditions: x.conditions()}
}

func openIncidents(n int) string {
	switch n {
	case 0:
		return "no incident is open"
	case 1:
		return "one incident is open"
	}
	return fmt.Sprintf("%d incidents are open", n)
}

// around picks the incidents that have to do with a prefix, and those that have to do with none.
func around(open []detector.Incident, p netip.Prefix) (about, general []detector.Incident) {
	for _, i := range open {
		switch {
		case i.Prefix == nil && i.Watched == nil && len(i.Prefixes) == 0:
			general = append(general, i)
		case i.Prefix != nil && i.Prefix.Overlaps(p) || i.Watched != nil && i.Watched.Overlaps(p) || slices.ContainsFunc(i.Prefixes, p.Overlaps):
			about = append(about, i)
		}
	}
	return about, general
}

// held judges each route that is held. Those of which the same is said are told together, by the first of them.
func (x *explainer) held(out *Explanation, shown []detector.Shown) {
	place := make(map[string]int)
	findings := make(map[detector.Key]detector.Holding)
	ask := x.holding
	x.holding = func(k detector.Key) detector.Holding { // one question for many vantages
		h, known := findings[k]
		if !known {
			h = ask(k)
			findings[k] = h
		}
		return h
	}
	for _, s := range shown {
		for _, r := range s.Routes {
			one := x.explain(s.Vantage, r.Prefix, r.Attrs)
			one.Stale = r.Stale
			same := one.sameness()
			if i, known := place[same]; known {
				out.Routes[i].Vantages = append(out.Routes[i].Vantages, s.Vantage.Name())
				continue
			}
			place[same] = len(out.Routes)
			one.Vantages = append(one.Vantages, s.Vantage.Name())
			out.Routes = append(out.Routes, one)
		}
	}
	slices.SortStableFunc(out.Routes, func(a, b ExplainedCase) int {
		return cmp.Or(cmp.Compare(min(1, len(b.Incidents)), min(1, len(a.Incidents))), a.Prefix.Compare(b.Prefix))
	})
}

// sameness is equal for announcements of which the same is said, but for the way that they took.
func (c *ExplainedCase) sameness() string {
	var b strings.Builder
	fmt.Fprintln(&b, c.Prefix, c.Scope, orZero(c.Role), c.Stale, c.RPKISays, orZero(c.Site), orZero(c.SiteSays), c.Notes)
	for _, o := range c.Incidents {
		fmt.Fprintln(&b, o.Kind, o.Severity, o.Summary, o.Incident != nil)
	}
	for _, o := range c.Others {
		fmt.Fprintln(&b, o.Kind, o.Not)
	}
	return b.String()
}

// Explain judges an announcement that nobody made by a configuration. With a daemon, its VRPs and incidents complete what the file says; the answer
// of the daemon itself comes beside it.
func Explain(ctx context.Context, c *config.Config, file, daemon string, q Question, now time.Time) (own, asked *Explanation, err error) {
	attrs, scope, err := q.announcement()
	if err != nil {
		return nil, nil, err
	}
	x := explainer{config: c, rules: Rules(c), now: now}
	if daemon == "" {
		if x.vrps, err = LoadVRPs(c, now); err != nil {
			return nil, nil, err
		}
		own = x.begin(q)
		own.VRPs = fileVRPs(c, x.vrps, now)
	} else {
		if asked, err = AskExplain(ctx, daemon, q); err != nil {
			return nil, nil, err
		}
		if asked.Basis == nil {
			return nil, nil, fmt.Errorf("the daemon at %s does not say what its judgement rests on: is it of this version?", redacted(daemon))
		}
		if x.vrps, err = asked.Basis.table(); err != nil {
			return nil, nil, fmt.Errorf("the daemon at %s: its VRPs can't be read: %w", redacted(daemon), err)
		}
		x.holding = asked.Basis.holding
		own = x.begin(q)
		own.Conditions = asked.Conditions
		own.VRPs, own.State = "of the daemon at "+redacted(daemon)+": "+asked.Basis.says(now), asked.State
	}
	own.Configuration = file
	own.Routes = append(own.Routes, x.explain(q.vantage(c.ASNs, scope, attrs.Path), q.Prefix, attrs))
	return own, asked, nil
}

// fileVRPs says which VRPs the files of a configuration give, and what is left out.
func fileVRPs(c *config.Config, t *rpki.Table, now time.Time) string {
	b := explainBasis(t, netip.PrefixFrom(netip.IPv4Unspecified(), 0), nil, nil)
	text := b.says(now)
	if b.Total > 0 {
		text += ", of the files that it names"
	}
	if len(c.RPKI.Caches) > 0 {
		text += "; its caches are not asked here: --url has the daemon's VRPs used"
	}
	return text
}

// AskExplain asks a daemon what it makes of an announcement.
func AskExplain(ctx context.Context, daemon string, q Question) (*Explanation, error) {
	out := new(Explanation)
	return out, askJSON(ctx, daemon, explainPath, q.query(), out)
}
