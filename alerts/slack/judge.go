package slack

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"

	slackapi "github.com/slack-go/slack"

	"anywatch/alerts"
)

// passing are the errors of the API that heal by themselves.
var passing = []string{"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"}

// changeless are the errors of chat.update which say that a message can't be changed any more.
var changeless = []string{"message_not_found", "cant_update_message", "edit_window_closed"}

// code is how the API writes errors and scopes. Nothing else of an answer is shown: it could repeat what was sent.
var code = regexp.MustCompile(`^[a-z_:.,]{1,80}$`)

// judge tells of an error of the API what is to be made of it, and to the operator what to do.
func judge(err error) error {
	if limited, ok := errors.AsType[*slackapi.RateLimitedError](err); ok {
		return alerts.RetryAfter(errors.New("too many messages for Slack"), limited.RetryAfter)
	}
	if status, ok := errors.AsType[slackapi.StatusCodeError](err); ok {
		return alerts.JudgeStatus(&http.Response{StatusCode: status.Code}, "the API of Slack")
	}
	refusal, ok := errors.AsType[slackapi.SlackErrorResponse](err)
	switch {
	case !ok:
		return fmt.Errorf("the API of Slack: %w", alerts.Cause(err))
	case slices.Contains(passing, refusal.Err):
		return fmt.Errorf("the API of Slack answered %s", refusal.Err)
	case !code.MatchString(refusal.Err):
		return alerts.Permanent(errors.New("the API of Slack refused, with an error that is no code of it"))
	}
	return alerts.Permanent(fmt.Errorf("the API of Slack refused with %s; %s", refusal.Err, remedy(refusal)))
}

// remedy says what to do about a refusal.
func remedy(r slackapi.SlackErrorResponse) string {
	switch r.Err {
	case "invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive":
		return "give a bot token that is valid"
	case "missing_scope":
		if code.MatchString(r.Needed) {
			return "give the bot the scope " + r.Needed
		}
		return "give the bot the scope chat:write"
	case "channel_not_found":
		return "check the channel, and invite the bot if it is private"
	case "not_in_channel":
		return "invite the bot to the channel"
	case "is_archived":
		return "unarchive the channel, or give another"
	case "restricted_action":
		return "let the bot post to the channel: the workspace forbids it"
	}
	return "see the errors of chat.postMessage in Slack's documentation"
}

// unchangeable tells that a message can't be changed and must be posted anew.
func unchangeable(err error) bool {
	refusal, ok := errors.AsType[slackapi.SlackErrorResponse](err)
	return ok && slices.Contains(changeless, refusal.Err)
}
