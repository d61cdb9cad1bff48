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
	"slices"
	"strconv"
	"strings"
	"time"

	"anywatch/cmd/internal/store"
	"anywatch/collector/route"
	"anywatch/detector"
)

// Word is what somebody says about an incident, or does with it.
type Word struct {
	Author string `json:"author"`
	Text   string `json:"text"`
}

// wordSize bounds what people say.
const wordSize = 64 << 10

// orders are what people may have the daemon do, by method and path.
func (d *Daemon) orders() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET " + incidentsPath + "/{id}":         d.serveIncident,
		"POST " + incidentsPath + "/{id}/{deed}": d.serveDeed,
		"GET " + silencesPath:                    d.serveSilences,
		"POST " + silencesPath:                   d.addSilence,
		"DELETE " + silencesPath + "/{id}":       d.endSilence,
		"GET " + maintenancePath:                 d.serveMaintenance,
		"POST " + maintenancePath:                d.addMaintenance,
		"DELETE " + maintenancePath + "/{id}":    d.endMaintenance,
		"GET " + eventsPath:                      d.serveEvents,
	}
}

// take reads the JSON of a request into a value, or refuses it.
func take(w http.ResponseWriter, r *http.Request, into any) bool {
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); kind != "application/json" { // which no other site can make a browser send unasked
		refuse(w, http.StatusUnsupportedMediaType, "say it as JSON, with Content-Type: application/json")
		return false
	}
	in := json.NewDecoder(http.MaxBytesReader(w, r.Body, wordSize))
	in.DisallowUnknownFields()
	if err := in.Decode(into); err != nil {
		refuse(w, http.StatusBadRequest, "the request can't be read: "+err.Error())
		return false
	}
	return true
}

// serveDeed answers POST /api/v1/incidents/{id}/acknowledge, unacknowledge, resolve and comment.
func (d *Daemon) serveDeed(w http.ResponseWriter, r *http.Request) {
	id, deed := r.PathValue("id"), r.PathValue("deed")
	var word Word
	if !take(w, r, &word) {
		return
	}
	if word.Author = strings.TrimSpace(word.Author); word.Author == "" {
		refuse(w, http.StatusBadRequest, "the author is missing: who does it is told with it")
		return
	}
	note := store.Note{Incident: id, Time: d.now(), Author: word.Author, Text: word.Text}
	var err error
	switch deed {
	case "acknowledge":
		note.Kind = store.Acknowledged
		d.owner.ask(func(e *detector.Engine) { err = e.Acknowledge(id, word.Author, d.now()) })
	case "unacknowledge":
		note.Kind = store.Unacknowledged
		d.owner.ask(func(e *detector.Engine) { err = e.Acknowledge(id, "", d.now()) })
	case "resolve":
		note.Kind = store.ResolvedByHand
		d.owner.ask(func(e *detector.Engine) { err = e.ResolveByHand(id, word.Author, word.Text, d.now()) })
	case "comment":
		if note.Kind = store.Commented; word.Text == "" {
			refuse(w, http.StatusBadRequest, "a comment says something; its text is missing")
			return
		}
	default:
		refuse(w, http.StatusNotFound, fmt.Sprintf("%q is nothing that can be done with an incident: acknowledge, unacknowledge, resolve or comment", deed))
		return
	}
	if err == nil {
		err = d.store.Note(r.Context(), &note)
	}
	d.done(w, err, "incident "+id)
}

// done answers what became of an order.
func (d *Daemon) done(w http.ResponseWriter, err error, what string) {
	switch {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case errors.Is(err, detector.ErrNotOpen):
		refuse(w, http.StatusNotFound, err.Error()+"; see: anywatch incidents")
	case errors.Is(err, store.ErrNotFound):
		refuse(w, http.StatusNotFound, "there is no "+what)
	case errors.Is(err, store.ErrHeld):
		w.WriteHeader(http.StatusAccepted) // it holds, and is written when the database takes it
	default:
		refuse(w, http.StatusServiceUnavailable, fmt.Sprintf("%s: it could not be kept: %v", what, err))
	}
}

// IncidentHistory is an incident with all that is kept of it.
type IncidentHistory struct {
	Incident      detector.Incident `json:"incident"`
	Changes       []ShownChange     `json:"changes"`
	Notes         []ShownNote       `json:"notes"`
	Notifications []ShownDelivery   `json:"notifications"`
}

// ShownChange is one event of an incident's life.
type ShownChange struct {
	Event    detector.EventName `json:"event"`
	Time     time.Time          `json:"time"`
	Severity detector.Severity  `json:"severity"`
	Changed  []string           `json:"changed"`
	Summary  string             `json:"summary"`
}

// ShownNote is what somebody did or said.
type ShownNote struct {
	Time   time.Time `json:"time"`
	What   string    `json:"what"`
	Author string    `json:"author"`
	Text   string    `json:"text"`
}

// ShownDelivery is what became of a notification.
type ShownDelivery struct {
	Sink     string     `json:"sink"`
	Key      string     `json:"key"`
	State    string     `json:"state"`
	Due      time.Time  `json:"due"`
	Done     *time.Time `json:"done"`
	Attempts int        `json:"attempts"`
	Error    *string    `json:"error"`
}

// serveIncident answers GET /api/v1/incidents/{id}.
func (d *Daemon) serveIncident(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	h, err := d.store.Incident(r.Context(), id)
	if err != nil {
		d.done(w, err, "incident "+id)
		return
	}
	out := IncidentHistory{Incident: h.Incident, Changes: []ShownChange{}, Notes: []ShownNote{}, Notifications: []ShownDelivery{}}
	for _, c := range h.Changes {
		out.Changes = append(out.Changes, ShownChange{c.Event, c.Time, c.Incident.Severity, append([]string{}, c.Changed...), c.Incident.Summary})
	}
	for _, n := range h.Notes {
		out.Notes = append(out.Notes, ShownNote{n.Time.UTC(), string(n.Kind), n.Author, n.Text})
	}
	for _, n := range h.Notifications {
		s := ShownDelivery{Sink: n.Sink, Key: n.Key, State: n.State.String(), Due: n.Due.UTC(), Attempts: n.Attempts, Error: orNull(n.Error)}
		if !n.Done.IsZero() {
			s.Done = new(n.Done.UTC())
		}
		out.Notifications = append(out.Notifications, s)
	}
	d.answer(w, out)
}

// formerly answers GET /api/v1/incidents with ?state=resolved or all, and the other filters, from the history.
func (d *Daemon) formerly(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f, page, err := incidentFilter(q)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	list, next, err := d.store.Incidents(r.Context(), f, page)
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, "the history can't be read: "+err.Error())
		return
	}
	out := Incidents{Time: d.now().UTC(), Incidents: make([]detector.Incident, len(list)), Next: next}
	for i, c := range list {
		out.Incidents[i] = c.Incident
	}
	d.answer(w, out)
}

// incidentFilter reads what of the history is asked for.
func incidentFilter(q url.Values) (f store.Filter, page store.Page, err error) {
	page = store.Page{After: q.Get("after"), Limit: 100}
	if text := q.Get("limit"); text != "" {
		if page.Limit, err = strconv.Atoi(text); err != nil || page.Limit < 1 || page.Limit > 1000 {
			return f, page, fmt.Errorf("limit=%s: it is a number from 1 to 1000", text)
		}
	}
	switch state := q.Get("state"); state {
	case "open", "resolved":
		f.States = []string{state}
	case "all":
	default:
		return f, page, fmt.Errorf("state=%s: it is open, resolved or all", state)
	}
	for _, k := range q["kind"] {
		f.Kinds = append(f.Kinds, detector.Kind(k))
	}
	f.Sites, f.Subject, f.Text = q["site"], q.Get("subject"), q.Get("text")
	if text := q.Get("severity"); text != "" {
		if !slices.Contains([]string{"info", "warning", "critical"}, text) {
			return f, page, fmt.Errorf("severity=%s: it is info, warning or critical", text)
		}
		_ = f.Severity.UnmarshalText([]byte(text))
	}
	if text := q.Get("prefix"); text != "" {
		if f.Prefix, err = route.ParsePrefix(text); err != nil {
			return f, page, err
		}
		f.Match = store.Related
	}
	for _, t := range []struct {
		name string
		into *time.Time
	}{{"since", &f.Since}, {"until", &f.Until}} {
		if text := q.Get(t.name); text != "" {
			if *t.into, err = time.Parse(time.RFC3339, text); err != nil {
				return f, page, fmt.Errorf("%s=%s: a time is written as 2026-11-22T18:00:00Z", t.name, text)
			}
		}
	}
	return f, page, nil
}

// send has a daemon do something, and reads its answer where there is one to read.
func send(ctx context.Context, daemon, method, path string, body, into any) error {
	page, err := daemonPage(daemon, path, nil)
	if err != nil {
		return err
	}
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, page.String(), strings.NewReader(string(text)))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	client := &http.Client{Transport: &http.Transport{ResponseHeaderTimeout: patience, DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("no daemon answers: %w; is it running, and is this its web.listen?", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		if says, ok := refusal(resp); ok {
			return &Refusal{says}
		}
		return fmt.Errorf("%s answers %s: is it a daemon of this version?", req.URL.Redacted(), resp.Status)
	}
	if into == nil || resp.StatusCode == http.StatusNoContent {
		return nil
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("the daemon at %s stopped answering: %w", redacted(daemon), err)
	}
	return unmarshal(daemon, b, into)
}

// Do has a daemon do something with an incident: acknowledge, unacknowledge, resolve or comment.
func Do(ctx context.Context, daemon, deed, id string, w Word) error {
	return send(ctx, daemon, http.MethodPost, incidentsPath+"/"+url.PathEscape(id)+"/"+deed, w, nil)
}

// AskIncident asks a daemon for all that it keeps of an incident, and gives it as it came too.
func AskIncident(ctx context.Context, daemon, id string) (h IncidentHistory, raw []byte, err error) {
	if raw, err = askPage(ctx, daemon, incidentsPath+"/"+url.PathEscape(id), nil); err != nil {
		return h, nil, err
	}
	return h, raw, unmarshal(daemon, raw, &h)
}

// concerned reads prefixes from their texts.
func concerned(texts []string) (out []netip.Prefix, err error) {
	for _, text := range texts {
		p, err := route.ParsePrefix(text)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}
