package app

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"time"

	"anywatch/detector"
)

// incidentsPath is where the daemon tells of the incidents that are open; ?kind= narrows it, and may be repeated.
const incidentsPath = "/api/v1/incidents"

// Incidents are those that are open.
type Incidents struct {
	Time      time.Time           `json:"time"`
	Incidents []detector.Incident `json:"incidents"`
	// Next goes into ?after= for the next page of the history; "" says that there is none.
	Next string `json:"next,omitempty"`
}

// serveIncidents answers GET /api/v1/incidents: those that are open, as the detector has them, or with ?state= what the history has.
func (d *Daemon) serveIncidents(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Has("state") {
		d.formerly(w, r)
		return
	}
	kinds := r.URL.Query()["kind"]
	out := Incidents{Time: d.now().UTC(), Incidents: []detector.Incident{}}
	d.owner.ask(func(e *detector.Engine) {
		for _, i := range e.Open() {
			if len(kinds) == 0 || slices.Contains(kinds, string(i.Kind)) {
				out.Incidents = append(out.Incidents, i)
			}
		}
	})
	d.answer(w, out)
}

// OpenIncident is an open incident as a daemon tells it: the facts by which people look for it, and all of it as it came.
type OpenIncident struct {
	ID       string            `json:"id"`
	Kind     detector.Kind     `json:"kind"`
	Severity detector.Severity `json:"severity"`
	Prefix   *netip.Prefix     `json:"prefix"`
	State    string            `json:"state"`
	Site     *string           `json:"site"`
	// Acknowledged is who has taken it on.
	Acknowledged *string           `json:"acknowledged"`
	Subject      *string           `json:"subject"`
	Vantages     detector.Vantages `json:"vantages"`
	Summary      string            `json:"summary"`
	Started      time.Time         `json:"started"`
	Opened       time.Time         `json:"opened"`
	// Line is the whole incident as JSON.
	Line json.RawMessage `json:"-"`
}

// IncidentQuery is which incidents are asked for; what is left out lets all pass.
type IncidentQuery struct {
	// State is open, resolved or all; "" is open.
	State string
	// Since keeps those that were open within so long.
	Since                  time.Duration
	Kinds, Sites           []string
	Severity, Prefix, Text string
	Limit                  int
}

// None says that nothing was found.
func (q *IncidentQuery) None() string {
	switch q.State {
	case "", "open":
		return "No incident is open."
	case "resolved":
		return "No resolved incident is kept that fits."
	}
	return "No incident is kept that fits."
}

// values writes the query. What is open the detector knows itself; what else is asked for, the history has to find.
func (q *IncidentQuery) values() url.Values {
	v := url.Values{"kind": q.Kinds}
	if (q.State == "" || q.State == "open") && q.Since == 0 && len(q.Sites) == 0 && q.Severity+q.Prefix+q.Text == "" {
		return v
	}
	v.Set("state", cmp.Or(q.State, "open"))
	v["site"] = q.Sites
	for name, value := range map[string]string{"severity": q.Severity, "prefix": q.Prefix, "text": q.Text} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if q.Since > 0 {
		v.Set("since", time.Now().Add(-q.Since).UTC().Format(time.RFC3339))
	}
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	return v
}

// AskIncidents asks a daemon for incidents.
func AskIncidents(ctx context.Context, daemon string, q IncidentQuery) (list []OpenIncident, now time.Time, err error) {
	var got struct {
		Time      time.Time         `json:"time"`
		Incidents []json.RawMessage `json:"incidents"`
	}
	if err := askJSON(ctx, daemon, incidentsPath, q.values(), &got); err != nil {
		return nil, now, err
	}
	for _, line := range got.Incidents {
		i := OpenIncident{Line: line}
		if err := unmarshal(daemon, line, &i); err != nil {
			return nil, now, err
		}
		list = append(list, i)
	}
	return list, got.Time, nil
}
