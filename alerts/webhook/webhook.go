// Package webhook is the sink that posts each change of an incident as JSON to an address, signed if there is a secret.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"anywatch/alerts"
	"anywatch/alerts/templates"
	"anywatch/detector"
)

// The headers of a request.
const (
	// signatureHeader carries "sha256=" and the HMAC-SHA256 (RFC 2104) of the body under the secret, in hexadecimal.
	signatureHeader = "X-Anywatch-Signature"
	// eventHeader carries opened, updated or resolved.
	eventHeader = "X-Anywatch-Event"
	// deliveryHeader names the change: a request that comes again has the same, so that the receiver can drop it.
	deliveryHeader = "X-Anywatch-Delivery"
)

// Config is where to post, and how.
type Config struct {
	// URL may carry a user and a password, which are sent as basic authentication. It is treated as a secret.
	URL string
	// Secret signs; without one there is no signature.
	Secret string
	// Headers are sent with every request. Their values may be secrets.
	Headers []Header
	// Body writes the body; nil means the change as the file sink writes it.
	Body      *templates.Body
	Dashboard alerts.Dashboard
}

// Header is one line of a request.
type Header struct{ Name, Value string }

// Sink posts to one address.
type Sink struct {
	name      string
	url       *url.URL
	secret    *string // behind pointers, as the headers: fmt looks into the unexported fields of what holds a sink, and does not ask its String
	headers   *http.Header
	client    *http.Client
	template  *templates.Body // nil without
	dashboard alerts.Dashboard
}

// New makes the sink. The error tells what is wrong with the configuration, and shows no secret.
func New(name string, c Config) (*Sink, error) {
	u, err := alerts.CheckURL(c.URL)
	if err != nil {
		return nil, fmt.Errorf("webhook sink %s: %w", name, err)
	}
	headers := make(http.Header)
	for _, h := range c.Headers {
		if err := checkHeader(h); err != nil {
			return nil, fmt.Errorf("webhook sink %s: %w", name, err)
		}
		headers.Add(h.Name, h.Value)
	}
	headers.Set("Content-Type", "application/json")
	if headers.Get("User-Agent") == "" {
		headers.Set("User-Agent", "anywatch")
	}
	return &Sink{name: name, url: u, secret: &c.Secret, headers: &headers, client: alerts.NewHTTPClient(), template: c.Body, dashboard: c.Dashboard}, nil
}

// checkHeader refuses what HTTP can't carry (RFC 9110 sections 5.1 and 5.5) and the names that are ours.
func checkHeader(h Header) error {
	name := http.CanonicalHeaderKey(h.Name)
	switch {
	case h.Name == "" || strings.ContainsFunc(h.Name, notToken):
		return fmt.Errorf("%q is no name of a header; use letters, digits and hyphens", h.Name)
	case strings.ContainsFunc(h.Value, notFieldValue):
		return fmt.Errorf("the value of the header %s has a control character, perhaps a newline; remove it", name)
	case name == signatureHeader, name == eventHeader, name == deliveryHeader, name == "Content-Length", name == "Content-Type":
		return fmt.Errorf("the header %s is set by anywatch; remove it", name)
	}
	return nil
}

// notToken tells that a character can't stand in a token (RFC 9110 section 5.6.2).
func notToken(r rune) bool {
	letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
	return !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

func notFieldValue(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// Name gives the name in the configuration.
func (s *Sink) Name() string { return s.name }

// Manner asks for every change by itself, at once: the receiver is a program.
func (s *Sink) Manner() alerts.Manner { return alerts.Manner{Alone: true} }

// String names the sink and where it posts to, without what is secret in the address.
func (s *Sink) String() string {
	return fmt.Sprintf("webhook sink %s to %s", s.name, alerts.Endpoint(s.url))
}

// GoString keeps %#v from showing secrets.
func (s *Sink) GoString() string { return s.String() }

// Notify posts each change, in order, and stops at the first that does not arrive.
func (s *Sink) Notify(ctx context.Context, n alerts.Notification) error {
	for _, c := range n.Changes {
		if err := s.post(ctx, c); err != nil {
			return fmt.Errorf("webhook sink %s: %s of incident %s: %w", s.name, c.Event, c.Incident.ID, err)
		}
	}
	return nil
}

func (s *Sink) post(ctx context.Context, c detector.Change) error {
	body, err := s.body(c)
	if err != nil {
		return alerts.Permanent(fmt.Errorf("can't be written as JSON: %w", err))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "", bytes.NewReader(body))
	if err != nil {
		return alerts.Permanent(errors.New("the request could not be made"))
	}
	req.URL, req.Header = s.url, s.headers.Clone()
	if host := s.headers.Get("Host"); host != "" {
		req.Host = host // net/http takes the Host of a request from here alone
	}
	req.Header.Set(eventHeader, string(c.Event))
	req.Header.Set(deliveryHeader, delivery(c))
	if *s.secret != "" {
		req.Header.Set(signatureHeader, sign(body, *s.secret))
	}
	return alerts.Send(s.client, req)
}

// body writes what is posted about a change.
func (s *Sink) body(c detector.Change) ([]byte, error) {
	if s.template == nil {
		return c.JSON()
	}
	return s.template.Render(templates.NewView(alerts.Notification{Changes: []detector.Change{c}}, s.dashboard))
}

// delivery names a change of an incident, the same at every try.
func delivery(c detector.Change) string {
	return fmt.Sprintf("%s.%d.%s.%s", c.Incident.ID, c.Incident.Reopened, c.Event, c.Time.UTC().Format(time.RFC3339Nano))
}

// sign gives the value of the signature header.
func sign(body []byte, secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body) // a hash never returns an error
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}
