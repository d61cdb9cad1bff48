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
	// Labels are what the watched prefix must carry; none asks for nothing.
	Labels map[string]string
	// GroupBy is what incidents have in common that are told as one; "" leaves it to the kind.
	GroupBy GroupBy
	// Escalate hands on what nobody acknowledged.
	Escalate Escalate

	Slack        *Slack
	Alertmanager *Alertmanager
	PagerDuty    *PagerDuty
	Webhook      *Webhook
	Email        *Email
	Syslog       *Syslog
	File         *FileSink
	Exec         *Exec
	Chat         *Chat
}

// GroupBy is what incidents have in common that are told as one.
type GroupBy string

// The choices.
const (
	BySite     GroupBy = "site"
	ByPrefix   GroupBy = "prefix"
	ByOffender GroupBy = "offender"
	ByIncident GroupBy = "incident" // nothing: each by itself
)

// Escalate hands an incident that nobody acknowledged to another sink, some time after it opened; without a name nothing is handed on.
type Escalate struct {
	After time.Duration
	To    string
}

// Type names the kind of the sink as the file does: slack, alertmanager, pagerduty, webhook, email, syslog, file, chat or exec.
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
	case s.Chat != nil:
		return "chat"
	default:
		return "exec"
	}
}

// Slack posts to a WebhookURL, or as a bot with a Token to a Channel. With an AppToken too, people acknowledge in Slack.
type Slack struct {
	WebhookURL      Secret
	Token, AppToken Secret
	Channel         string
}

// Template is a file of texts for people, or for a webhook of JSON; the zero value is none. It was tried with examples.
type Template struct {
	File File
	Text string
}

// Alertmanager posts to a Prometheus Alertmanager.
type Alertmanager struct {
	URL URL
	// Username and Password are sent as basic authentication, Token as a bearer's.
	Username        string
	Password, Token Secret
	// Resend is how often what is open is posted again.
	Resend   time.Duration
	Template Template
}

// PagerDuty sends to the Events API.
type PagerDuty struct {
	RoutingKey Secret
	// URL is the zero value for PagerDuty's own.
	URL      URL
	Template Template
}

// Webhook posts the incident as JSON, signed with Key if there is one.
type Webhook struct {
	URL URL
	// Key is read from secret_file.
	Key     Secret
	Headers []Header
	// Template writes the body, as JSON.
	Template Template
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
	// TLS is auto, starttls, tls or none.
	TLS      string
	CA       CertFile
	Username string
	Password Secret
	Template Template
}

// CertFile is a file of certificates in PEM, read.
type CertFile struct {
	File File
	PEM  string
}

// Syslog sends to an address such as udp://127.0.0.1:514.
type Syslog struct {
	Address           URL
	Facility, AppName string
	CA                CertFile
	Template          Template
}

// FileSink appends JSON lines to a file.
type FileSink struct {
	Path File
	// MaxBytes is when the file is rotated; 0 is never. Keep is how many former files stay.
	MaxBytes, Keep int
}

// Exec runs a command with the incident as JSON on its standard input.
type Exec struct {
	Command []string
	Timeout time.Duration
}

// Chat writes to Microsoft Teams, Telegram or Matrix.
type Chat struct {
	URL      Secret
	Template Template
}

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
	// ExternalURL is where people reach the dashboard; "" without. Links in notifications begin with it.
	ExternalURL string
	TLS         TLS
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
