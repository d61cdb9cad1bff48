package pagerduty_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"anywatch/alerts"
	"anywatch/alerts/alertstest"
	"anywatch/alerts/pagerduty"
	"anywatch/detector"
)

const key = "R0123456789abcdef0123456789abcdef"

// event is what the Events API v2 documents, and nothing else.
type event struct {
	RoutingKey string `json:"routing_key"`
	Action     string `json:"event_action"`
	DedupKey   string `json:"dedup_key"`
	Client     string `json:"client"`
	ClientURL  string `json:"client_url"`
	Links      []struct {
		Href string `json:"href"`
		Text string `json:"text"`
	} `json:"links"`
	Payload *struct {
		Summary   string         `json:"summary"`
		Source    string         `json:"source"`
		Severity  string         `json:"severity"`
		Timestamp string         `json:"timestamp"`
		Component string         `json:"component"`
		Group     string         `json:"group"`
		Class     string         `json:"class"`
		Details   map[string]any `json:"custom_details"`
	} `json:"payload"`
}

// wrong says what PagerDuty would refuse.
func (e event) wrong() string {
	switch {
	case e.RoutingKey != key:
		return "routing_key"
	case len(e.DedupKey) > 255 || e.DedupKey == "":
		return "dedup_key"
	case !slices.Contains([]string{"trigger", "acknowledge", "resolve"}, e.Action):
		return "event_action"
	case e.Action != "trigger":
		if e.Payload != nil {
			return "payload of " + e.Action
		}
		return ""
	case e.Payload == nil:
		return "no payload"
	case e.Payload.Summary == "" || len([]rune(e.Payload.Summary)) > 1024 || e.Payload.Source == "":
		return "summary or source"
	case !slices.Contains([]string{"critical", "error", "warning", "info"}, e.Payload.Severity):
		return "severity"
	}
	if _, err := time.Parse(time.RFC3339, e.Payload.Timestamp); err != nil {
		return "timestamp"
	}
	return ""
}

// double is the Events API.
type double struct {
	*httptest.Server
	events []event
	refuse func(w http.ResponseWriter) bool
}

func start(t *testing.T) *double {
	d := &double{}
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.URL.Path != "/v2/enqueue" || r.Header.Get("Content-Type") != "application/json" || len(body) > 512_000 {
			t.Errorf("%s, %s, %d octets, %v", r.URL.Path, r.Header.Get("Content-Type"), len(body), err)
		}
		if d.refuse != nil && d.refuse(w) {
			return
		}
		var e event
		in := json.NewDecoder(strings.NewReader(string(body)))
		in.DisallowUnknownFields()
		if err := in.Decode(&e); err != nil || e.wrong() != "" {
			t.Errorf("PagerDuty would refuse %s: %v in %.2000s", e.wrong(), err, body)
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		d.events = append(d.events, e)
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprintf(w, `{"status":"success","message":"Event processed","dedup_key":%q}`, e.DedupKey)
	}))
	t.Cleanup(d.Close)
	return d
}

func (d *double) sink(t *testing.T) *pagerduty.Sink {
	t.Helper()
	s, err := pagerduty.New("pager", pagerduty.Config{RoutingKey: key, URL: d.URL + "/v2/enqueue", Dashboard: "https://anywatch.example.net"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func note(changes ...detector.Change) alerts.Notification {
	return alerts.Notification{Changes: changes}
}

func TestALife(t *testing.T) {
	d := start(t)
	by, site := "kim: asked AS3356", "ams"
	acknowledged := alertstest.Updated(detector.Critical, 5)
	acknowledged.Incident.Acknowledged, acknowledged.Incident.Site = &by, &site
	if err := d.sink(t).Notify(t.Context(), note(alertstest.Opened(), acknowledged, alertstest.Resolved())); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range d.events {
		got = append(got, e.Action)
		if e.DedupKey != "7f3c9b1e2a604d55" {
			t.Errorf("the key of %s is %q", e.Action, e.DedupKey)
		}
	}
	if want := []string{"trigger", "trigger", "acknowledge", "resolve"}; !slices.Equal(got, want) {
		t.Fatalf("sent %q; want %q", got, want)
	}
	e := d.events[0]
	if !strings.HasPrefix(e.Payload.Summary, "CRITICAL origin-hijack 192.0.2.0/24: ") || e.Payload.Source != "192.0.2.0/24" || e.Payload.Severity != "critical" ||
		e.Payload.Class != "origin-hijack" || e.Payload.Component != "192.0.2.0/24" || e.Payload.Timestamp != "2024-06-27T18:51:09Z" || e.Payload.Details["incident"] == nil {
		t.Errorf("payload %+v", *e.Payload)
	}
	if len(e.Links) != 1 || e.Links[0].Href != "https://anywatch.example.net/incidents/7f3c9b1e2a604d55" || e.Links[0].Text == "" || e.Client != "anywatch" {
		t.Errorf("links %+v, client %q", e.Links, e.Client)
	}
	if g := d.events[1].Payload.Group; g != "ams" {
		t.Errorf("the group is %q", g)
	}
}

// An incident that is too large for PagerDuty is told without what makes it so; the double checks the size.
func TestLargeIncidents(t *testing.T) {
	d := start(t)
	evidence, why, both := alertstest.Opened(), alertstest.Opened(), alertstest.Opened()
	for range 5000 {
		evidence.Incident.Evidence = append(evidence.Incident.Evidence, evidence.Incident.Evidence[0])
	}
	for range 1000 {
		why.Incident.RPKI.VRPs = append(why.Incident.RPKI.VRPs, strings.Repeat("v", 1000))
	}
	both.Incident.Evidence, both.Incident.RPKI = evidence.Incident.Evidence, why.Incident.RPKI
	if err := d.sink(t).Notify(t.Context(), note(evidence, why, both)); err != nil {
		t.Fatal(err)
	}
	if len(d.events) != 3 {
		t.Errorf("%d events", len(d.events))
	}
}

func TestRateLimitAndRefusal(t *testing.T) {
	d := start(t)
	s := d.sink(t)
	for status, permanent := range map[int]bool{429: false, 500: false, 400: true, 401: true, 404: true} {
		d.refuse = func(w http.ResponseWriter) bool {
			w.Header().Set("Retry-After", "60")
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"status":"invalid event","message":"%s"}`, key)
			return true
		}
		err := s.Notify(t.Context(), note(alertstest.Opened()))
		e, ok := errors.AsType[*alerts.Error](err)
		if !ok || e.Permanent != permanent || !permanent && e.RetryAfter != time.Minute {
			t.Errorf("%d: %v, %+v", status, err, e)
		}
		alertstest.KeepsSecrets(t, s, key)
	}
	if len(d.events) != 0 {
		t.Errorf("told %d", len(d.events))
	}
}

func TestWrongConfigurations(t *testing.T) {
	for want, c := range map[string]pagerduty.Config{
		"no routing key": {RoutingKey: " "},
		"not an http":    {RoutingKey: key, URL: "events"},
	} {
		if _, err := pagerduty.New("pager", c); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), key) {
			t.Errorf("%v; want %q", err, want)
		}
	}
}
