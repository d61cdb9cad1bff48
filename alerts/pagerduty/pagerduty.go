// Package pagerduty is the sink that tells PagerDuty, through version 2 of its Events API. The incident's id is the key by which PagerDuty
// knows that events belong together.
package pagerduty

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/PagerDuty/go-pagerduty"

	"anywatch/alerts"
	"anywatch/alerts/templates"
	"anywatch/detector"
)

// DefaultURL is PagerDuty's own address. Accounts in Europe have https://events.eu.pagerduty.com/v2/enqueue.
const DefaultURL = "https://events.pagerduty.com/v2/enqueue"

// The bounds of the API: the characters of a summary, and the octets of an event, below the 512 KB that PagerDuty takes.
const (
	summaryLimit = 1024
	eventLimit   = 500 << 10
)

// The actions of an event.
const (
	trigger     = "trigger"
	acknowledge = "acknowledge"
	resolve     = "resolve"
)

// Config is where to send, and how.
type Config struct {
	// RoutingKey is the integration key of a service; it is a secret.
	RoutingKey string
	// URL is where events go; "" means DefaultURL.
	URL string
	// Templates write the summary and the text; nil means the default ones.
	Templates *templates.Set
	Dashboard alerts.Dashboard
}

// Sink sends to one service.
type Sink struct {
	name      string
	key       *string // behind a pointer: fmt looks into the unexported fields of what holds a sink, and does not ask its String
	url       *url.URL
	templates *templates.Set
	dashboard alerts.Dashboard
	client    *http.Client
}

// New makes the sink. The error tells what is wrong with the configuration, and shows no secret.
func New(name string, c Config) (*Sink, error) {
	if c.URL == "" {
		c.URL = DefaultURL
	}
	if c.Templates == nil {
		c.Templates = templates.Default()
	}
	u, err := alerts.CheckURL(c.URL)
	if err == nil && strings.TrimSpace(c.RoutingKey) == "" {
		err = errors.New("it has no routing key; PagerDuty shows it as the integration key of the service")
	}
	if err != nil {
		return nil, fmt.Errorf("pagerduty sink %s: %w", name, err)
	}
	return &Sink{name: name, key: &c.RoutingKey, url: u, templates: c.Templates, dashboard: c.Dashboard, client: alerts.NewHTTPClient()}, nil
}

// Name gives the name in the configuration.
func (s *Sink) Name() string { return s.name }

// Manner asks for every change by itself: PagerDuty groups, and an update of an open incident calls nobody again.
func (s *Sink) Manner() alerts.Manner { return alerts.Manner{Alone: true} }

// String names the sink and where it sends to, without the key.
func (s *Sink) String() string {
	return fmt.Sprintf("pagerduty sink %s to %s", s.name, alerts.Endpoint(s.url))
}

// GoString keeps %#v from showing the key.
func (s *Sink) GoString() string { return s.String() }

// Notify sends the events of each change, in order, and stops at the first that does not arrive. A repetition does no harm: it has the same
// key.
func (s *Sink) Notify(ctx context.Context, n alerts.Notification) error {
	for _, c := range n.Changes {
		for _, action := range actions(c) {
			if err := s.send(ctx, c, action); err != nil {
				return fmt.Errorf("pagerduty sink %s: %s of incident %s: %w", s.name, action, c.Incident.ID, err)
			}
		}
	}
	return nil
}

// actions gives what a change asks for. An acknowledged incident is triggered before it is acknowledged, which brings the newest facts and
// opens it if PagerDuty has not heard of it.
func actions(c detector.Change) []string {
	switch {
	case c.Event == detector.Resolved:
		return []string{resolve}
	case c.Incident.Acknowledged != nil:
		return []string{trigger, acknowledge}
	}
	return []string{trigger}
}

func (s *Sink) send(ctx context.Context, c detector.Change, action string) error {
	body, err := s.event(c, action)
	if err != nil {
		return alerts.Permanent(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "", bytes.NewReader(body))
	if err != nil {
		return alerts.Permanent(errors.New("the request could not be made"))
	}
	req.URL = s.url
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "anywatch")
	return alerts.Send(s.client, req)
}

// event writes an event. One that is too large for PagerDuty loses its evidence first, and then its text.
func (s *Sink) event(c detector.Change, action string) ([]byte, error) {
	e := pagerduty.V2Event{RoutingKey: *s.key, Action: action, DedupKey: c.Incident.ID}
	if action != trigger {
		return marshal(e)
	}
	view := templates.NewView(alerts.Notification{Changes: []detector.Change{c}}, s.dashboard)
	title, err := s.templates.Title(view)
	if err != nil {
		return nil, err
	}
	text, err := s.templates.Text(view)
	if err != nil {
		return nil, err
	}
	e.Client, e.ClientURL = "anywatch", view.Link
	if view.Link != "" {
		e.Links = []any{map[string]string{"href": view.Link, "text": "Open in anywatch"}}
	}
	incident := c.Incident
	for _, shrink := range []func(){func() {}, func() { incident.Evidence = nil }, func() { incident.Prefixes, text = nil, templates.Clip(text, 10_000) },
		func() { incident.Why, incident.Actions, incident.RPKI.VRPs = nil, nil, nil }} {
		shrink()
		e.Payload = payload(&incident, title, text)
		if body, err := marshal(e); err != nil || len(body) <= eventLimit {
			return body, err
		}
	}
	return nil, fmt.Errorf("the event is larger than %d octets, even without its evidence", eventLimit)
}

func payload(i *detector.Incident, title, text string) *pagerduty.V2Payload {
	source := i.Matter()
	if source == "" {
		source = "anywatch"
	}
	p := &pagerduty.V2Payload{
		Summary: templates.Clip(title, summaryLimit), Source: alerts.Printable(source), Severity: i.Severity.String(),
		Timestamp: i.Opened.UTC().Format(time.RFC3339), Class: string(i.Kind), Details: map[string]any{"text": text, "incident": i},
	}
	if i.Watched != nil {
		p.Component = i.Watched.String()
	}
	if i.Site != nil {
		p.Group = alerts.Printable(*i.Site)
	}
	return p
}

func marshal(e pagerduty.V2Event) ([]byte, error) {
	body, err := json.Marshal(e)
	if err != nil {
		return nil, errors.New("the event can't be written as JSON")
	}
	return body, nil
}
