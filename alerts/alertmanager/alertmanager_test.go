package alertmanager_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"anywatch/alerts"
	"anywatch/alerts/alertmanager"
	"anywatch/alerts/alertstest"
	"anywatch/detector"
)

var now = time.Date(2024, 6, 27, 19, 0, 0, 0, time.UTC)

// alert is strict about what the API documents.
type alert struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
}

// double takes what Alertmanager takes.
type double struct {
	*httptest.Server
	posts  [][]alert
	header http.Header
	status int
}

func start(t *testing.T) *double {
	d := &double{status: http.StatusOK}
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/am/api/v2/alerts" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s with %s", r.Method, r.URL.Path, r.Header.Get("Content-Type"))
		}
		var list []alert
		in := json.NewDecoder(r.Body)
		in.DisallowUnknownFields()
		if err := in.Decode(&list); err != nil {
			t.Errorf("the body: %v", err)
		}
		for _, a := range list {
			if a.Labels["alertname"] == "" || a.StartsAt.IsZero() || !a.EndsAt.After(a.StartsAt) {
				t.Errorf("Alertmanager would refuse or misread %+v", a)
			}
		}
		d.posts, d.header = append(d.posts, list), r.Header
		w.WriteHeader(d.status)
	}))
	t.Cleanup(d.Close)
	return d
}

func sinkTo(t *testing.T, c alertmanager.Config) *alertmanager.Sink {
	t.Helper()
	c.Now, c.Dashboard = func() time.Time { return now }, "https://anywatch.example.net"
	s, err := alertmanager.New("am", c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func tell(t *testing.T, s *alertmanager.Sink, c detector.Change) {
	t.Helper()
	if err := s.Notify(t.Context(), alerts.Notification{Changes: []detector.Change{c}}); err != nil {
		t.Fatal(err)
	}
}

// Labels identify, annotations describe, and the alert outlives the next few resends.
func TestALife(t *testing.T) {
	d := start(t)
	s := sinkTo(t, alertmanager.Config{URL: d.URL + "/am/", Username: "noc", Password: "p"})
	tell(t, s, alertstest.Opened())
	a := d.posts[0][0]
	wantLabels := map[string]string{"alertname": "origin-hijack", "severity": "critical", "incident": "7f3c9b1e2a604d55",
		"prefix": "192.0.2.0/24", "watched": "192.0.2.0/24", "origin": "AS64666"}
	if len(a.Labels) != len(wantLabels) {
		t.Errorf("labels %v; want %v", a.Labels, wantLabels)
	}
	for k, v := range wantLabels {
		if a.Labels[k] != v {
			t.Errorf("label %s is %q; want %q", k, a.Labels[k], v)
		}
	}
	if !strings.HasPrefix(a.Annotations["summary"], "CRITICAL origin-hijack 192.0.2.0/24: ") || !strings.Contains(a.Annotations["description"], "What to do") ||
		a.Annotations["offender"] != "AS64666" || a.Annotations["path"] != "3356 64666" {
		t.Errorf("annotations %v", a.Annotations)
	}
	if !a.EndsAt.Equal(now.Add(5*time.Minute)) || !a.StartsAt.Equal(alertstest.Opened().Incident.Opened) || a.GeneratorURL != "https://anywatch.example.net/incidents/7f3c9b1e2a604d55" {
		t.Errorf("from %s to %s, %s", a.StartsAt, a.EndsAt, a.GeneratorURL)
	}
	if user, password, ok := (&http.Request{Header: d.header}).BasicAuth(); !ok || user != "noc" || password != "p" {
		t.Errorf("authentication %q", d.header.Get("Authorization"))
	}
	tell(t, s, alertstest.Resolved())
	if a := d.posts[1][0]; len(d.posts[1]) != 1 || !a.EndsAt.Equal(*alertstest.Resolved().Incident.Resolved) || a.Labels["incident"] != "7f3c9b1e2a604d55" {
		t.Errorf("the end is %+v", d.posts[1])
	}
}

// A new severity is another set of labels: the alert of the old set ends, also when the first attempt failed.
func TestANewSeverityEndsTheFormerAlert(t *testing.T) {
	d := start(t)
	s := sinkTo(t, alertmanager.Config{URL: d.URL + "/am", Token: "t"})
	tell(t, s, alertstest.Opened())
	less := alertstest.Updated(detector.Warning, 5)
	d.status = http.StatusServiceUnavailable
	err := s.Notify(t.Context(), alerts.Notification{Changes: []detector.Change{less}})
	if e, ok := errors.AsType[*alerts.Error](err); !ok || e.Permanent {
		t.Errorf("503: %v", err)
	}
	d.status = http.StatusOK
	tell(t, s, less)
	last := d.posts[2]
	if len(last) != 2 || last[0].Labels["severity"] != "critical" || !last[0].EndsAt.Equal(now) || last[1].Labels["severity"] != "warning" || !last[1].EndsAt.After(now) {
		t.Errorf("told %+v", last)
	}
	tell(t, s, alertstest.Updated(detector.Warning, 6))
	if n := len(d.posts[3]); n != 1 {
		t.Errorf("the former alert is ended again: %d alerts", n)
	}
	if got := d.header.Get("Authorization"); got != "Bearer t" {
		t.Errorf("authentication %q", got)
	}
}

func TestRefreshPostsInParts(t *testing.T) {
	d := start(t)
	s := sinkTo(t, alertmanager.Config{URL: d.URL + "/am", Resend: 3 * time.Minute})
	var open []detector.Change
	for range 1100 {
		open = append(open, alertstest.Opened())
	}
	if err := s.Refresh(t.Context(), open); err != nil {
		t.Fatal(err)
	}
	if len(d.posts) != 3 || len(d.posts[2]) != 100 || !d.posts[0][0].EndsAt.Equal(now.Add(12*time.Minute)) || s.RefreshEvery() != 3*time.Minute {
		t.Errorf("%d posts, ends %s", len(d.posts), d.posts[0][0].EndsAt)
	}
}

func TestRefusalsArePermanent(t *testing.T) {
	d := start(t)
	d.status = http.StatusUnauthorized
	s := sinkTo(t, alertmanager.Config{URL: strings.Replace(d.URL, "//", "//user:hunter2@", 1) + "/am"})
	err := s.Notify(t.Context(), alerts.Notification{Changes: []detector.Change{alertstest.Opened()}})
	if e, ok := errors.AsType[*alerts.Error](err); !ok || !e.Permanent {
		t.Errorf("401: %v", err)
	}
	alertstest.KeepsSecrets(t, s, "hunter2")
}

func TestWrongConfigurations(t *testing.T) {
	for want, c := range map[string]alertmanager.Config{
		"not an http":  {URL: "127.0.0.1:9093"},
		"both a token": {URL: "http://127.0.0.1", Token: "t", Username: "u"},
		"no time":      {URL: "http://127.0.0.1", Resend: -1},
	} {
		if _, err := alertmanager.New("am", c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v; want %q", c, err, want)
		}
	}
}
