package config

import (
	"net/netip"
	"time"
)

// Alerts is who hears about incidents.
type Alerts struct {
	// GroupWait is how long what belongs together is gathered before it is told.
	GroupWait time.Duration
	// Repeat reminds of what is open and not acknowledged; 0 is never.
	Repeat time.Duration
	Sinks  []Sink
}

// Sink is one receiver; exactly one of its kinds is set.
type Sink struct {
	Name string
	// Severity is the least that is told.
	Severity Severity
	// Kinds, Prefixes and Sites narrow what is told; empty is everything.
	Kinds    []string
	Prefixes []netip.Prefix
	Sites    []string

	Slack        *Slack
	Alertmanager *Alertmanager
	PagerDuty    *PagerDuty
	Webhook      *Webhook
	Email        *Email
	Syslog       *Syslog
	File         *FileSink
	Exec         *Exec
}

// Type names the kind of the sink as the file does: slack, alertmanager, pagerduty, webhook, email, syslog, file or exec.
func (s Sink) Type() string {
	switch {
	case s.Slack != nil:
		return "slack"
	case s.Alertmanager != nil:
		return "alertmanager"
	case s.PagerDuty != nil:
		return "pagerduty"
	case s.Webhook != nil:
		return "webhook"
	case s.Email != nil:
		return "email"
	case s.Syslog != nil:
		return "syslog"
	case s.File != nil:
		return "file"
	default:
		return "exec"
	}
}

// Slack posts to a WebhookURL, or as a bot with a Token to a Channel.
type Slack struct {
	WebhookURL Secret
	Token      Secret
	Channel    string
}

// Alertmanager posts to a Prometheus Alertmanager.
type Alertmanager struct{ URL URL }

// PagerDuty sends to the Events API.
type PagerDuty struct{ RoutingKey Secret }

// Webhook posts the incident as JSON, signed with Key if there is one.
type Webhook struct {
	URL URL
	// Key is read from secret_file.
	Key     Secret
	Headers []Header
}

// Header is one line of an HTTP request; its value may be a secret.
type Header struct {
	Name  string
	Value Secret
}

// Email sends through an SMTP server.
type Email struct {
	SMTP string
	From string
	To   []string
}

// Syslog sends to an address such as udp://127.0.0.1:514.
type Syslog struct{ Address URL }

// FileSink appends JSON lines to a file.
type FileSink struct{ Path File }

// Exec runs a command with the incident as JSON on its standard input.
type Exec struct{ Command []string }

// Store is where history is kept.
type Store struct {
	URL URL
	// Database is the file of an sqlite: URL, next to the configuration file unless absolute; empty for PostgreSQL.
	Database File
	Keep     time.Duration
}

// Web is the dashboard, the API and the metrics.
type Web struct {
	Listen string
	TLS    TLS
	// Users and Tokens are empty when there are none.
	Users, Tokens File
}

// Log is what the program says about itself.
type Log struct {
	// Level is debug, info, warn or error.
	Level string
	// Format is text or json.
	Format string
}
