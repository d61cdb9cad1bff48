package app

import (
	"fmt"
	"io"
	"log/slog"
	"reflect"

	"anywatch/alerts"
	"anywatch/alerts/file"
	"anywatch/alerts/slack"
	"anywatch/alerts/webhook"
	"anywatch/cmd/internal/config"
	"anywatch/detector"
)

// sinkSet keeps the sinks in use by their names, so that a reload which leaves one as it was keeps it: what it remembers, messages to be
// updated in place, an open file, is not lost.
type sinkSet map[string]sinkInUse

type sinkInUse struct {
	config config.Sink
	sink   alerts.Sink
}

// routes makes the sinks of a configuration, reusing those that did not change, and says who hears what. old may be nil.
func (old sinkSet) routes(c *config.Config, log *slog.Logger) ([]alerts.Route, sinkSet, error) {
	var routes []alerts.Route
	set := make(sinkSet)
	for _, s := range c.Alerts.Sinks {
		use, known := old[s.Name]
		if !known || !reflect.DeepEqual(use.config, s) {
			made, err := newSink(s)
			if err != nil {
				return nil, nil, fmt.Errorf("alerts.sinks %s: %w", s.Name, err)
			}
			use = sinkInUse{s, made}
		}
		if use.sink == nil {
			log.Warn("this sink does nothing yet", "sink", s.Name, "type", s.Type())
			continue
		}
		set[s.Name] = use
		routes = append(routes, routeTo(use.sink, s, c.Rules))
	}
	return routes, set, nil
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

// newSink makes a sink; nil for a type that this version does not have.
func newSink(s config.Sink) (alerts.Sink, error) {
	switch {
	case s.File != nil:
		return file.New(s.Name, s.File.Path.Path)
	case s.Webhook != nil:
		w := webhook.Config{URL: s.Webhook.URL.Reveal(), Secret: s.Webhook.Key.Reveal()}
		for _, h := range s.Webhook.Headers {
			w.Headers = append(w.Headers, webhook.Header{Name: h.Name, Value: h.Value.Reveal()})
		}
		return webhook.New(s.Name, w)
	case s.Slack != nil:
		return slack.New(s.Name, slack.Config{WebhookURL: s.Slack.WebhookURL.Reveal(), Token: s.Slack.Token.Reveal(), Channel: s.Slack.Channel})
	}
	return nil, nil
}

func routeTo(sink alerts.Sink, s config.Sink, own []config.Rule) alerts.Route {
	r := alerts.Route{Sink: sink, Prefixes: s.Prefixes, Sites: s.Sites}
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
