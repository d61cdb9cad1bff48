// Package slack is the sink that tells a Slack channel. With the URL of an incoming webhook it posts; with a bot's token it posts once for
// each incident, changes that post as the incident goes on, and answers in its thread when it is over.
package slack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	slackapi "github.com/slack-go/slack"

	"anywatch/alerts"
)

// Config is where to post: with a WebhookURL, or with a Token to a Channel.
type Config struct {
	// WebhookURL is the address of an incoming webhook; it is a secret.
	WebhookURL string
	// Token is a bot's token with the scope chat:write.
	Token string
	// Channel is the id of a channel (C0123456789) or its name (#noc).
	Channel string
	// APIURL is where the API is; "" means Slack's own.
	APIURL string
}

// Sink tells one channel.
type Sink struct {
	name   string
	shown  string // where it posts to, without secrets
	client *http.Client

	webhook *url.URL // nil with a token

	api     *slackapi.Client
	channel string
	posts   map[string]*post // by the incident that they are about
}

// New makes the sink. The error tells what is wrong with the configuration, and shows no secret.
func New(name string, c Config) (*Sink, error) {
	s := &Sink{name: name, client: alerts.NewHTTPClient(), channel: c.Channel, posts: make(map[string]*post)}
	var err error
	switch {
	case c.WebhookURL != "" && c.Token != "":
		err = errors.New("it has both a webhook URL and a token; give one of them")
	case c.WebhookURL != "":
		err = s.useWebhook(c)
	case c.Token == "":
		err = errors.New("it has neither a webhook URL nor a token; give one of them")
	case c.Channel == "":
		err = errors.New("a token needs a channel; give its id, as C0123456789, or its name, as #noc")
	default:
		err = s.useToken(c)
	}
	if err != nil {
		return nil, fmt.Errorf("slack sink %s: %w", name, err)
	}
	return s, nil
}

func (s *Sink) useWebhook(c Config) error {
	u, err := alerts.CheckURL(c.WebhookURL)
	if err != nil {
		return err
	}
	s.webhook, s.shown = u, alerts.Endpoint(u)
	return nil
}

func (s *Sink) useToken(c Config) error {
	address := c.APIURL
	if address == "" {
		address = slackapi.APIURL
	}
	u, err := alerts.CheckURL(address)
	if err != nil {
		return err
	}
	s.shown = fmt.Sprintf("%s, channel %s", alerts.Endpoint(u), c.Channel)
	s.api = slackapi.New(c.Token, slackapi.OptionAPIURL(strings.TrimSuffix(address, "/")+"/"), slackapi.OptionHTTPClient(s.client))
	return nil
}

// Name gives the name in the configuration.
func (s *Sink) Name() string { return s.name }

// Manner asks for what belongs together in one notification. Through a webhook every update would be one more message, so that only a new
// severity is worth one; with a token the message is changed in place.
func (s *Sink) Manner() alerts.Manner {
	if s.webhook != nil {
		return alerts.Manner{Updates: alerts.SeverityUpdates, Reminders: true}
	}
	return alerts.Manner{Updates: alerts.EveryUpdate, Reminders: true}
}

// String names the sink and where it posts to, without secrets.
func (s *Sink) String() string { return fmt.Sprintf("slack sink %s to %s", s.name, s.shown) }

// GoString keeps %#v from showing secrets.
func (s *Sink) GoString() string { return s.String() }

// Notify posts, or brings the posts about the incidents up to date.
func (s *Sink) Notify(ctx context.Context, n alerts.Notification) error {
	var err error
	if s.webhook != nil {
		err = s.postToWebhook(ctx, n)
	} else if n.Reminder {
		err = s.remind(ctx, n.Changes)
	} else {
		err = s.follow(ctx, n.Changes)
	}
	if err != nil {
		return fmt.Errorf("slack sink %s: %w", s.name, err)
	}
	return nil
}
