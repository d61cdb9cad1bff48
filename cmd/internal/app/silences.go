package app

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"anywatch/cmd/internal/store"
	"anywatch/collector/route"
	"anywatch/detector"
	"anywatch/rules"
)

// Where silences and times of planned work are ordered and listed.
const (
	silencesPath    = "/api/v1/silences"
	maintenancePath = "/api/v1/maintenance"
)

// Silence is what mutes incidents for a time. What is empty matches all; of several kinds, prefixes or sites one is enough.
type Silence struct {
	ID     int64     `json:"id"`
	Author string    `json:"author"`
	Reason string    `json:"reason"`
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`

	Incident string   `json:"incident,omitempty"`
	Kinds    []string `json:"kinds,omitempty"`
	Prefixes []string `json:"prefixes,omitempty"`
	Sites    []string `json:"sites,omitempty"`
	Offender string   `json:"offender,omitempty"`
	// Below mutes only what is less severe: warning or critical.
	Below  string            `json:"below,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`
}

// Maintenance is a time of planned work.
type Maintenance struct {
	ID     int64     `json:"id"`
	Author string    `json:"author"`
	Reason string    `json:"reason"`
	Sites  []string  `json:"sites"`
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
}

// check fills in the beginning and tells what is wrong with an order for a time.
func check(author, reason string, from *time.Time, to, now time.Time) error {
	if from.IsZero() {
		*from = now
	}
	switch {
	case strings.TrimSpace(author) == "":
		return fmt.Errorf("the author is missing: people ask who did it")
	case strings.TrimSpace(reason) == "":
		return fmt.Errorf("the reason is missing: people ask why")
	case !to.After(now):
		return fmt.Errorf("it ends in the past: %s", to.UTC().Format(time.RFC3339))
	case !to.After(*from):
		return fmt.Errorf("it ends before it begins")
	}
	return nil
}

// compile makes of a silence what the detector mutes by.
func (s *Silence) compile() (out detector.Silence, err error) {
	out = detector.Silence{ID: strconv.FormatInt(s.ID, 10), Author: s.Author, Reason: s.Reason, From: s.From, To: s.To, Incident: s.Incident, Sites: s.Sites, Labels: s.Labels}
	if out.Prefixes, err = concerned(s.Prefixes); err != nil {
		return out, err
	}
	for _, k := range s.Kinds {
		if !slices.Contains(detector.Kinds(), detector.Kind(k)) && !strings.HasPrefix(k, "rule:") {
			return out, fmt.Errorf("there is no kind %q", k)
		}
		out.Kinds = append(out.Kinds, detector.Kind(k))
	}
	if s.Offender != "" {
		if out.Offender, err = route.ParseASN(s.Offender); err != nil {
			return out, err
		}
	}
	switch s.Below {
	case "":
	case "warning", "critical":
		_ = out.Above.UnmarshalText([]byte(s.Below))
	default:
		return out, fmt.Errorf("below: %q is no severity to stay below of; it is warning or critical", s.Below)
	}
	if s.Incident == "" && len(s.Kinds)+len(s.Prefixes)+len(s.Sites)+len(s.Labels) == 0 && s.Offender == "" && s.Below == "" {
		return out, fmt.Errorf("it would mute everything; say what: an incident, kinds, prefixes, sites, an offender, labels, or a severity to stay below of")
	}
	return out, nil
}

// matchers writes a silence as the store keeps it.
func (s *Silence) matchers() (out []store.Matcher) {
	add := func(field, op string, values ...string) {
		for _, v := range values {
			if v != "" {
				out = append(out, store.Matcher{Field: field, Op: op, Value: v})
			}
		}
	}
	add("id", "=", s.Incident)
	add("kind", "=", s.Kinds...)
	add("prefix", "within", s.Prefixes...)
	add("site", "=", s.Sites...)
	add("offender", "=", s.Offender)
	add("severity", "<", s.Below)
	for name, value := range s.Labels {
		add("label:"+name, "=", value)
	}
	slices.SortFunc(out, func(a, b store.Matcher) int {
		return cmp.Or(cmp.Compare(a.Field, b.Field), cmp.Compare(a.Value, b.Value))
	})
	return out
}

// silenceOf reads a silence as the store keeps it.
func silenceOf(k store.Silence) Silence {
	s := Silence{ID: k.ID, Author: k.Author, Reason: k.Reason, From: k.Starts.UTC(), To: k.Ends.UTC()}
	for _, m := range k.Matchers {
		switch name, isLabel := strings.CutPrefix(m.Field, "label:"); {
		case isLabel:
			if s.Labels == nil {
				s.Labels = make(map[string]string)
			}
			s.Labels[name] = m.Value
		case m.Field == "id":
			s.Incident = m.Value
		case m.Field == "kind":
			s.Kinds = append(s.Kinds, m.Value)
		case m.Field == "prefix":
			s.Prefixes = append(s.Prefixes, m.Value)
		case m.Field == "site":
			s.Sites = append(s.Sites, m.Value)
		case m.Field == "offender":
			s.Offender = m.Value
		case m.Field == "severity":
			s.Below = m.Value
		}
	}
	return s
}

// silences gives those that are in force, or will be.
func (d *Daemon) silences(ctx context.Context) (out []Silence, err error) {
	kept, err := d.store.Silences(ctx, d.now())
	out = make([]Silence, len(kept))
	for i, k := range kept {
		out[i] = silenceOf(k)
	}
	return out, err
}

// listen has the detector mute what is to be muted.
func (d *Daemon) listen(ctx context.Context) error {
	muted, err := d.muted(ctx)
	if err == nil {
		d.owner.ask(func(e *detector.Engine) { e.SetSilences(muted, d.now()) })
	}
	return err
}

// muted gives the silences as the detector takes them.
func (d *Daemon) muted(ctx context.Context) (compiled []detector.Silence, err error) {
	list, err := d.silences(ctx)
	if err != nil {
		return nil, err
	}
	for i := range list {
		s, err := list[i].compile()
		if err != nil {
			d.log.Warn("a silence that was kept can't be used", "silence", list[i].ID, "why", err)
			continue
		}
		compiled = append(compiled, s)
	}
	return compiled, nil
}

func (d *Daemon) serveSilences(w http.ResponseWriter, r *http.Request) {
	list, err := d.silences(r.Context())
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, "silences can't be read: "+err.Error())
		return
	}
	d.answer(w, map[string]any{"silences": list})
}

func (d *Daemon) addSilence(w http.ResponseWriter, r *http.Request) {
	var s Silence
	if !take(w, r, &s) {
		return
	}
	s.ID = 0
	err := check(s.Author, s.Reason, &s.From, s.To, d.now())
	if err == nil {
		_, err = s.compile()
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "the silence can't be: "+err.Error())
		return
	}
	kept := store.Silence{Matchers: s.matchers(), Author: s.Author, Reason: s.Reason, Created: d.now(), Starts: s.From, Ends: s.To}
	if err = d.store.PutSilence(r.Context(), &kept); err == nil {
		err = d.listen(r.Context())
	}
	if err != nil {
		d.done(w, err, "silence")
		return
	}
	d.answer(w, silenceOf(kept))
}

func (d *Daemon) endSilence(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err == nil {
		err = d.store.DeleteSilence(r.Context(), id)
	} else {
		err = store.ErrNotFound
	}
	if err == nil {
		err = d.listen(r.Context())
	}
	d.done(w, err, "silence "+r.PathValue("id"))
}

// maintenances gives the times of planned work that were ordered and are not over.
func (d *Daemon) maintenances(ctx context.Context) ([]Maintenance, error) {
	kept, err := d.store.Maintenances(ctx, d.now())
	out := make([]Maintenance, len(kept))
	for i, k := range kept {
		out[i] = Maintenance{ID: k.ID, Author: k.Author, Reason: k.Reason, Sites: k.Sites, From: k.From.UTC(), To: k.To.UTC()}
	}
	return out, err
}

// planned gives what is ordered as the rules take it. What can't be read counts as none, and is said.
func (d *Daemon) planned(ctx context.Context) (out []rules.Maintenance) {
	list, err := d.maintenances(ctx)
	if err != nil {
		d.log.Error("planned work can't be read; only that of the configuration counts", "error", err)
	}
	for _, m := range list {
		out = append(out, rules.Maintenance{Sites: m.Sites, From: m.From, To: m.To, Reason: m.Reason})
	}
	return out
}

// plan puts the planned work that is ordered now in force.
func (d *Daemon) plan(ctx context.Context) {
	d.mu.Lock()
	defer d.mu.Unlock()
	set := rulesWith(d.config, d.planned(ctx))
	d.owner.ask(func(e *detector.Engine) { e.SetRules(set, d.now()) })
}

func (d *Daemon) serveMaintenance(w http.ResponseWriter, r *http.Request) {
	list, err := d.maintenances(r.Context())
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, "planned work can't be read: "+err.Error())
		return
	}
	d.answer(w, map[string]any{"maintenance": list})
}

func (d *Daemon) addMaintenance(w http.ResponseWriter, r *http.Request) {
	var m Maintenance
	if !take(w, r, &m) {
		return
	}
	err := check(m.Author, m.Reason, &m.From, m.To, d.now())
	known := make(map[string]bool)
	for _, s := range d.configuration().Sites {
		known[s.Name] = true
	}
	for _, s := range m.Sites {
		if err == nil && !known[s] {
			err = fmt.Errorf("there is no site %q", s)
		}
	}
	if err == nil && len(m.Sites) == 0 {
		err = fmt.Errorf("it names no site")
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "the maintenance can't be: "+err.Error())
		return
	}
	kept := store.Maintenance{Sites: m.Sites, Author: m.Author, Reason: m.Reason, Created: d.now(), From: m.From, To: m.To}
	if err = d.store.PutMaintenance(r.Context(), &kept); err != nil {
		d.done(w, err, "maintenance")
		return
	}
	d.plan(r.Context())
	m.ID = kept.ID
	d.answer(w, m)
}

func (d *Daemon) endMaintenance(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err == nil {
		err = d.store.DeleteMaintenance(r.Context(), id)
	} else {
		err = store.ErrNotFound
	}
	if err == nil {
		d.plan(r.Context())
	}
	d.done(w, err, "maintenance "+r.PathValue("id"))
}

// AskSilences asks a daemon for the silences that are in force, or will be.
func AskSilences(ctx context.Context, daemon string) ([]Silence, error) {
	var out struct{ Silences []Silence }
	err := askJSON(ctx, daemon, silencesPath, nil, &out)
	return out.Silences, err
}

// AddSilence has a daemon mute incidents, and gives the silence with its number.
func AddSilence(ctx context.Context, daemon string, s Silence) (out Silence, err error) {
	err = send(ctx, daemon, http.MethodPost, silencesPath, s, &out)
	return out, err
}

// EndSilence ends a silence.
func EndSilence(ctx context.Context, daemon, id string) error {
	return send(ctx, daemon, http.MethodDelete, silencesPath+"/"+url.PathEscape(id), nil, nil)
}

// AskMaintenance asks a daemon for the planned work that was ordered and is not over.
func AskMaintenance(ctx context.Context, daemon string) ([]Maintenance, error) {
	var out struct{ Maintenance []Maintenance }
	err := askJSON(ctx, daemon, maintenancePath, nil, &out)
	return out.Maintenance, err
}

// AddMaintenance orders planned work, and gives it with its number.
func AddMaintenance(ctx context.Context, daemon string, m Maintenance) (out Maintenance, err error) {
	err = send(ctx, daemon, http.MethodPost, maintenancePath, m, &out)
	return out, err
}

// EndMaintenance ends planned work.
func EndMaintenance(ctx context.Context, daemon, id string) error {
	return send(ctx, daemon, http.MethodDelete, maintenancePath+"/"+url.PathEscape(id), nil, nil)
}
