// Package alertmanager is the sink that posts to a Prometheus Alertmanager, through version 2 of its API. What is open is posted again and
// again, because an Alertmanager resolves what it does not hear of any more.
package alertmanager

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"anywatch/alerts"
	"anywatch/alerts/templates"
	"anywatch/detector"
)

// DefaultResend is how often what is open is posted again.
const DefaultResend = time.Minute

// lives is how many times Resend an alert stays open in Alertmanager when nothing more is heard of it: Prometheus does the same.
const lives = 4

// shortestLife keeps an alert open over a restart, whatever Resend is.
const shortestLife = 5 * time.Minute

// batch bounds the alerts of one request; Alertmanager takes megabytes, but a request should be done in time.
const batch = 500

// Config is where to post, and how.
type Config struct {
	// URL is the root of Alertmanager, such as http://127.0.0.1:9093. It may carry a user and a password.
	URL string
	// Username and Password are sent as basic authentication; Token as a bearer's. At most one of the two ways.
	Username, Password, Token string
	// Resend is how often what is open is posted again; 0 means DefaultResend.
	Resend time.Duration
	// Templates write the annotations; nil means the default ones.
	Templates *templates.Set
	Dashboard alerts.Dashboard
	// Now is the clock; nil means the machine's.
	Now func() time.Time
}

// Sink posts to one Alertmanager.
type Sink struct {
	name   string
	config *Config // behind a pointer: fmt looks into the unexported fields of what holds a sink, and does not ask its String
	url    *url.URL
	client *http.Client
	// told are the labels under which Alertmanager knows each open incident: when they change, the alert of the old ones must be ended.
	told map[string]labels
}

// alert is what the API takes (postableAlert of its openapi.yaml).
type alert struct {
	Labels       labels            `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
}

type labels map[string]string

// New makes the sink. The error tells what is wrong with the configuration, and shows no secret.
func New(name string, c Config) (*Sink, error) {
	u, err := alerts.CheckURL(c.URL)
	switch {
	case err != nil:
		return nil, fmt.Errorf("alertmanager sink %s: %w", name, err)
	case c.Token != "" && (c.Username != "" || c.Password != "" || u.User != nil):
		return nil, fmt.Errorf("alertmanager sink %s: it has both a token and a user; give one of them", name)
	case c.Resend < 0:
		return nil, fmt.Errorf("alertmanager sink %s: resending every %s is no time; give one above 0", name, c.Resend)
	}
	if c.Resend == 0 {
		c.Resend = DefaultResend
	}
	if c.Templates == nil {
		c.Templates = templates.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	target := *u
	target.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), "/api/v2/alerts") + "/api/v2/alerts"
	target.RawPath = ""
	return &Sink{name: name, config: &c, url: &target, client: alerts.NewHTTPClient(), told: make(map[string]labels)}, nil
}

// Name gives the name in the configuration.
func (s *Sink) Name() string { return s.name }

// Manner asks for every change by itself, at once: Alertmanager groups.
func (s *Sink) Manner() alerts.Manner { return alerts.Manner{Alone: true} }

// RefreshEvery is how often what is open is posted again.
func (s *Sink) RefreshEvery() time.Duration { return s.config.Resend }

// String names the sink and where it posts to, without secrets.
func (s *Sink) String() string {
	return fmt.Sprintf("alertmanager sink %s to %s", s.name, alerts.Endpoint(s.url))
}

// GoString keeps %#v from showing secrets.
func (s *Sink) GoString() string { return s.String() }

// Notify posts the changes.
func (s *Sink) Notify(ctx context.Context, n alerts.Notification) error {
	latest := n.Latest()
	if err := s.send(ctx, latest); err != nil {
		return err
	}
	for _, c := range latest {
		if c.Event == detector.Resolved {
			delete(s.told, c.Incident.ID)
		} else {
			s.told[c.Incident.ID] = identify(&c.Incident)
		}
	}
	return nil
}

// Refresh posts what is open again.
func (s *Sink) Refresh(ctx context.Context, open []detector.Change) error { return s.send(ctx, open) }

func (s *Sink) send(ctx context.Context, changes []detector.Change) error {
	var list []alert
	for _, c := range changes {
		made, err := s.alerts(c)
		if err != nil {
			return alerts.Permanent(fmt.Errorf("alertmanager sink %s: incident %s: %w", s.name, c.Incident.ID, err))
		}
		list = append(list, made...)
	}
	for part := range slices.Chunk(list, batch) {
		if err := s.post(ctx, part); err != nil {
			return fmt.Errorf("alertmanager sink %s: %w", s.name, err)
		}
	}
	return nil
}

// alerts gives the alert of a change, and before it the end of the one that it replaces.
func (s *Sink) alerts(c detector.Change) ([]alert, error) {
	i := &c.Incident
	view := templates.NewView(alerts.Notification{Changes: []detector.Change{c}}, s.config.Dashboard)
	title, err := s.config.Templates.Title(view)
	if err != nil {
		return nil, err
	}
	text, err := s.config.Templates.Text(view)
	if err != nil {
		return nil, err
	}
	now := s.config.Now().UTC()
	a := alert{
		Labels: identify(i), Annotations: annotate(i, title, text), StartsAt: i.Opened.UTC(),
		EndsAt: now.Add(max(lives*s.config.Resend, shortestLife)), GeneratorURL: view.Link,
	}
	if c.Event == detector.Resolved {
		a.EndsAt = ending(i, now)
	}
	known := s.told[i.ID]
	if known == nil || known.equal(a.Labels) {
		return []alert{a}, nil
	}
	former := a
	former.Labels, former.EndsAt = known, now
	return []alert{former, a}, nil
}

// ending is when a resolved incident ended: never in the future, which would leave the alert open.
func ending(i *detector.Incident, now time.Time) time.Time {
	if i.Resolved != nil && i.Resolved.Before(now) {
		return i.Resolved.UTC()
	}
	return now
}

// identify gives the labels. They say which incident it is, and stay as they are through its life but for the severity, by which routes of
// Alertmanager choose; what describes it stands in the annotations.
func identify(i *detector.Incident) labels {
	l := labels{"alertname": string(i.Kind), "severity": i.Severity.String(), "incident": i.ID}
	set := func(name string, value *string) {
		if value != nil && *value != "" {
			l[name] = strings.ToValidUTF8(*value, "\uFFFD")
		}
	}
	text := func(v fmt.Stringer) *string { s := v.String(); return &s }
	if i.Prefix != nil {
		set("prefix", text(i.Prefix))
	}
	if i.Watched != nil {
		set("watched", text(i.Watched))
	}
	if i.Origin != nil {
		set("origin", text(i.Origin))
	}
	set("site", i.Site)
	set("subject", i.Subject)
	for name, value := range i.Labels {
		if _, ours := l[name]; !ours && labelName.MatchString(name) {
			set(name, &value)
		}
	}
	return l
}

// labelName is what Prometheus takes as the name of a label.
var labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

func (l labels) equal(other labels) bool {
	if len(l) != len(other) {
		return false
	}
	for name, value := range l {
		if v, ok := other[name]; !ok || v != value {
			return false
		}
	}
	return true
}

// annotate gives the texts. summary and description are the names that templates of others look for.
func annotate(i *detector.Incident, title, text string) map[string]string {
	a := map[string]string{"summary": title, "description": text}
	set := func(name, value string) {
		if value != "" {
			a[name] = value
		}
	}
	if i.Offender != nil {
		set("offender", i.Offender.String())
	}
	if i.Path != nil {
		set("path", i.Path.String())
	}
	set("rpki", i.RPKI.State)
	set("why", strings.Join(i.Why, "; "))
	set("actions", strings.Join(i.Actions, "; "))
	if i.Acknowledged != nil {
		set("acknowledged", *i.Acknowledged)
	}
	return a
}

func (s *Sink) post(ctx context.Context, list []alert) error {
	body, err := json.Marshal(list)
	if err != nil {
		return alerts.Permanent(errors.New("the alerts can't be written as JSON"))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "", bytes.NewReader(body))
	if err != nil {
		return alerts.Permanent(errors.New("the request could not be made"))
	}
	req.URL = s.url
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "anywatch")
	switch {
	case s.config.Token != "":
		req.Header.Set("Authorization", "Bearer "+s.config.Token)
	case s.config.Username != "" || s.config.Password != "":
		req.SetBasicAuth(s.config.Username, s.config.Password)
	}
	return alerts.Send(s.client, req)
}
