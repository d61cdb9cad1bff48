package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	slackapi "github.com/slack-go/slack"

	"anywatch/alerts"
)

// postToWebhook posts a notification as one message.
func (s *Sink) postToWebhook(ctx context.Context, n alerts.Notification) error {
	latest := n.Latest()
	off, text := false, headline(latest)
	if n.Reminder {
		text = clipLine("Still open, and not acknowledged: " + text)
	}
	body, err := json.Marshal(slackapi.WebhookMessage{
		Text: text, Attachments: []slackapi.Attachment{attachment(latest)}, Parse: "none", UnfurlLinks: &off, UnfurlMedia: &off,
	})
	if err != nil {
		return alerts.Permanent(fmt.Errorf("the message can't be written as JSON: %w", err))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "", bytes.NewReader(body))
	if err != nil {
		return alerts.Permanent(errors.New("the request could not be made"))
	}
	req.URL = s.webhook
	req.Header.Set("Content-Type", "application/json")
	return alerts.Send(s.client, req)
}
