package app

import (
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
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
	Site     *string           `json:"site"`
	Subject  *string           `json:"subject"`
	Vantages detector.Vantages `json:"vantages"`
	Summary  string            `json:"summary"`
	Started  time.Time         `json:"started"`
	Opened   time.Time         `json:"opened"`
	// Line is the whole incident as JSON.
	Line json.RawMessage `json:"-"`
}

// AskIncidents asks a daemon for the incidents that are open: of these kinds, or of all without any.
func AskIncidents(ctx context.Context, daemon string, kinds []string) (list []OpenIncident, now time.Time, err error) {
	var got struct {
		Time      time.Time         `json:"time"`
		Incidents []json.RawMessage `json:"incidents"`
	}
	if err := askJSON(ctx, daemon, incidentsPath, url.Values{"kind": kinds}, &got); err != nil {
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
