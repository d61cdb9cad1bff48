package app

import (
	"fmt"
	"io"
	"log/slog"
	"reflect"

	"anywatch/alerts"
	"anywatch/alerts/alertmanager"
	"anywatch/alerts/chat"
	"anywatch/alerts/email"
	"anywatch/alerts/exec"
	"anywatch/alerts/file"
	"anywatch/alerts/pagerduty"
	"anywatch/alerts/slack"
	"anywatch/alerts/syslog"
	"anywatch/alerts/templates"
	"anywatch/alerts/webhook"
	"anywatch/cmd/internal/config"
	"anywatch/detector"
)

// sinkSet keeps the sinks in use by their names, so that a reload which leaves one as it was keeps it: what it remembers, messages to be
// updated in place, an open file, is not lost.
type sinkSet map[string]sinkInUse

type sinkInUse struct {
	config    config.Sink
	dashboard alerts.Dashboard
	sink      alerts.Sink
}

// routes makes the sinks of a configuration, reusing those that did not change, and says who hears what. old may be nil.
func (old sinkSet) routes(c *config.Config, log *slog.Logger) ([]alerts.Route, sinkSet, error) {
	var routes []alerts.Route
	set := make(sinkSet)
	dashboard := alerts.Dashboard(c.Web.ExternalURL)
	for _, s := range c.Alerts.Sinks {
		use, known := old[s.Name]
		if !known || use.dashboard != dashboard || !reflect.DeepEqual(receiver(use.config), receiver(s)) {
			made, err := newSink(s, dashboard)
			if err != nil {
				return nil, nil, fmt.Errorf("alerts.sinks %s: %w", s.Name, err)
			}
			use = sinkInUse{s, dashboard, made}
		}
		set[s.Name] = use
		routes = append(routes, routeTo(use.sink, s, c.Rules))
	}
	return routes, set, nil
}

// receiver takes off a sink what decides only what it hears of: a sink that hears of something else remembers what it said.
func receiver(s config.Sink) config.Sink {
	s.Severity, s.Kinds, s.Prefixes, s.Sites, s.Labels, s.GroupBy, s.Escalate = "", nil, nil, nil, nil, "", config.Escalate{}
	return s
}

// reopen has sinks that keep a file open open it anew, so that a rotated log is let go.
func (set sinkSet) reopen(log *slog.Logger) {
	for name, use := range set {
		if f, ok := use.sink.(interface{ Reopen() error }); ok {
			if err := f.Reopen(); err != nil {
				log.Error("the sink's file can't be opened again; it goes on with the old one", "sink", name, "error", err)
			}
		}
	}
}

// close closes the sinks that are not kept. A nil set keeps none.
func (set sinkSet) close(kept sinkSet, log *slog.Logger) {
	for name, use := range set {
		if kept[name].sink == use.sink {
			continue
		}
		if c, ok := use.sink.(io.Closer); ok {
			if err := c.Close(); err != nil {
				log.Error("the sink could not be closed", "sink", name, "error", err)
			}
		}
	}
}

// newSink makes a sink.
func newSink(s config.Sink, dashboard alerts.Dashboard) (alerts.Sink, error) {
	switch {
	case s.File != nil:
		return file.NewRotating(s.Name, s.File.Path.Path, file.Rotation{MaxBytes: int64(s.File.MaxBytes), Keep: s.File.Keep})
	case s.Webhook != nil:
		return newWebhook(s, dashboard)
	case s.Slack != nil:
		return slack.New(s.Name, slack.Config{WebhookURL: s.Slack.WebhookURL.Reveal(), Token: s.Slack.Token.Reveal(), Channel: s.Slack.Channel})
	case s.Exec != nil:
		return exec.New(s.Name, exec.Config{Command: s.Exec.Command, Timeout: s.Exec.Timeout, Dashboard: dashboard})
	}
	return newTextSink(s, dashboard)
}

// newTextSink makes a sink that writes by templates.
func newTextSink(s config.Sink, dashboard alerts.Dashboard) (alerts.Sink, error) {
	texts, err := textsOf(s)
	if err != nil {
		return nil, err
	}
	switch {
	case s.Alertmanager != nil:
		a := s.Alertmanager
		return alertmanager.New(s.Name, alertmanager.Config{URL: a.URL.Reveal(), Username: a.Username, Password: a.Password.Reveal(), Token: a.Token.Reveal(),
			Resend: a.Resend, Templates: texts, Dashboard: dashboard})
	case s.PagerDuty != nil:
		return pagerduty.New(s.Name, pagerduty.Config{RoutingKey: s.PagerDuty.RoutingKey.Reveal(), URL: s.PagerDuty.URL.Reveal(), Templates: texts, Dashboard: dashboard})
	case s.Email != nil:
		e := s.Email
		return email.New(s.Name, email.Config{Server: e.SMTP, From: e.From, To: e.To, TLS: e.TLS, CA: authorities(e.CA), Username: e.Username, Password: e.Password.Reveal(),
			Templates: texts, Dashboard: dashboard})
	case s.Syslog != nil:
		l := s.Syslog
		return syslog.New(s.Name, syslog.Config{Address: l.Address.Reveal(), Facility: l.Facility, AppName: l.AppName, CA: authorities(l.CA), Templates: texts, Dashboard: dashboard})
	case s.Chat != nil:
		return chat.New(s.Name, chat.Config{URL: s.Chat.URL.Reveal(), Templates: texts, Dashboard: dashboard})
	}
	return nil, fmt.Errorf("there is no sink of type %s", s.Type())
}

func newWebhook(s config.Sink, dashboard alerts.Dashboard) (alerts.Sink, error) {
	w := webhook.Config{URL: s.Webhook.URL.Reveal(), Secret: s.Webhook.Key.Reveal(), Dashboard: dashboard}
	for _, h := range s.Webhook.Headers {
		w.Headers = append(w.Headers, webhook.Header{Name: h.Name, Value: h.Value.Reveal()})
	}
	if t := s.Webhook.Template; !t.File.IsZero() {
		body, err := templates.ParseBody(t.Text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.File, err)
		}
		w.Body = body
	}
	return webhook.New(s.Name, w)
}

// textsOf gives the templates of a sink; nil for the default ones.
func textsOf(s config.Sink) (*templates.Set, error) {
	var t config.Template
	switch {
	case s.Alertmanager != nil:
		t = s.Alertmanager.Template
	case s.PagerDuty != nil:
		t = s.PagerDuty.Template
	case s.Email != nil:
		t = s.Email.Template
	case s.Syslog != nil:
		t = s.Syslog.Template
	case s.Chat != nil:
		t = s.Chat.Template
	}
	if t.File.IsZero() {
		return nil, nil
	}
	set, err := templates.Parse(t.Text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.File, err)
	}
	return set, nil
}

// authorities gives certificates in PEM; nil for those of the system.
func authorities(c config.CertFile) []byte {
	if c.File.IsZero() {
		return nil
	}
	return []byte(c.PEM)
}

// groups translates what the file calls the ways to tell incidents as one.
var groups = map[config.GroupBy]alerts.Group{
	"": alerts.ByKin, config.BySite: alerts.BySite, config.ByPrefix: alerts.ByPrefix, config.ByOffender: alerts.ByOffender, config.ByIncident: alerts.ByIncident,
}

func routeTo(sink alerts.Sink, s config.Sink, own []config.Rule) alerts.Route {
	r := alerts.Route{Sink: sink, Prefixes: s.Prefixes, Sites: s.Sites, Labels: s.Labels, Group: groups[s.GroupBy], Escalate: alerts.Escalate(s.Escalate)}
	for _, k := range s.Kinds {
		r.Kinds = append(r.Kinds, detector.Kind(k))
		if k == "rule:*" {
			for _, rule := range own {
				r.Kinds = append(r.Kinds, detector.RuleKind(rule.Name))
			}
		}
	}
	switch s.Severity {
	case config.Critical:
		r.MinSeverity = detector.Critical
	case config.Warning:
		r.MinSeverity = detector.Warning
	}
	return r
}
