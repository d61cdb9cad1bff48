// Package chat is the sink that writes to a channel of Microsoft Teams, Telegram or Matrix. Where to is one address, which holds the secret.
package chat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"anywatch/alerts"
	"anywatch/alerts/templates"
)

// Config is where to write.
type Config struct {
	// URL is one of
	//	teams+https://HOST/…                  the address that a workflow of Teams shows, with teams+ before it
	//	telegram://BOT-TOKEN@HOST/CHAT        HOST is api.telegram.org, CHAT the id or @name of a chat
	//	matrix://ACCESS-TOKEN@HOST/!ROOM:HOST HOST is the home server
	// and telegram+http or matrix+http for a server without TLS. It is a secret.
	URL string
	// Templates write title and text; nil means the default ones.
	Templates *templates.Set
	Dashboard alerts.Dashboard
}

// Sink writes to one channel.
type Sink struct {
	name      string
	shown     string
	templates *templates.Set
	dashboard alerts.Dashboard
	client    *http.Client
	request   service
}

// service makes the request that writes a message. id names the message: the same at every try.
type service func(m message) (method string, target *url.URL, header http.Header, body any)

type message struct {
	id, title, text string
	view            *templates.View
}

// New makes the sink. The error tells what is wrong with the configuration, and shows no secret.
func New(name string, c Config) (*Sink, error) {
	s := &Sink{name: name, templates: c.Templates, dashboard: c.Dashboard, client: alerts.NewHTTPClient()}
	if s.templates == nil {
		s.templates = templates.Default()
	}
	var err error
	if s.request, s.shown, err = read(c.URL); err != nil {
		return nil, fmt.Errorf("chat sink %s: %w", name, err)
	}
	return s, nil
}

var errAddress = errors.New("the address is none of teams+https://…, telegram://TOKEN@api.telegram.org/CHAT and matrix://TOKEN@HOST/!ROOM:HOST")

// Check says what is wrong with an address, without showing it.
func Check(address string) error {
	_, _, err := read(address)
	return err
}

// read reads the address of a channel, and says what of it may be shown.
func read(address string) (request service, shown string, err error) {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.Host == "" {
		return nil, "", errAddress
	}
	kind, transport, given := strings.Cut(u.Scheme, "+")
	if !given {
		transport = "https"
	}
	if transport != "https" && transport != "http" {
		return nil, "", errAddress
	}
	base := &url.URL{Scheme: transport, Host: u.Host}
	room := strings.TrimPrefix(u.Path, "/")
	switch token := u.User.Username(); {
	case kind == "teams" && given:
		target := *u
		target.Scheme = transport
		return teams(&target), "teams at " + u.Host, nil
	case (kind == "telegram" || kind == "matrix") && (u.User == nil || token == "" || room == ""):
		return nil, "", errAddress
	case kind == "telegram":
		if password, more := u.User.Password(); more {
			token += ":" + password // a bot's token has a colon in it
		}
		return telegram(base, token, room), "telegram at " + u.Host, nil
	case kind == "matrix":
		return matrix(base, token, room), "matrix at " + u.Host, nil
	}
	return nil, "", errAddress
}

// Name gives the name in the configuration.
func (s *Sink) Name() string { return s.name }

// Manner asks for what belongs together in one message; of updates only a new severity is worth one. What people leave open they are reminded of.
func (s *Sink) Manner() alerts.Manner {
	return alerts.Manner{Updates: alerts.SeverityUpdates, Reminders: true}
}

// String names the sink and where it writes to, without secrets.
func (s *Sink) String() string { return fmt.Sprintf("chat sink %s to %s", s.name, s.shown) }

// GoString keeps %#v from showing secrets.
func (s *Sink) GoString() string { return s.String() }

// Notify writes one message.
func (s *Sink) Notify(ctx context.Context, n alerts.Notification) error {
	if err := s.write(ctx, n); err != nil {
		return fmt.Errorf("chat sink %s: %w", s.name, err)
	}
	return nil
}

func (s *Sink) write(ctx context.Context, n alerts.Notification) error {
	m := message{view: templates.NewView(n, s.dashboard)}
	var err error
	if m.title, err = s.templates.Title(m.view); err != nil {
		return alerts.Permanent(err)
	}
	if m.text, err = s.templates.Text(m.view); err != nil {
		return alerts.Permanent(err)
	}
	m.id = fmt.Sprintf("%s.%d.%s.%d", m.view.Items[0].ID, m.view.Items[0].Reopened, m.view.Items[0].Event, m.view.Items[0].At.UnixNano())
	if n.Reminder {
		m.id = fmt.Sprintf("%s.%d.reminder.%d", m.view.Items[0].ID, m.view.Items[0].Reopened, n.Since.UnixNano())
	}
	method, target, header, body := s.request(m)
	content, err := json.Marshal(body)
	if err != nil {
		return alerts.Permanent(errors.New("the message can't be written as JSON"))
	}
	req, err := http.NewRequestWithContext(ctx, method, "", bytes.NewReader(content))
	if err != nil {
		return alerts.Permanent(errors.New("the request could not be made"))
	}
	req.URL, req.Header = target, header
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "anywatch")
	return alerts.Send(s.client, req)
}
