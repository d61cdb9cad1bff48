package chat

import (
	"html"
	"net/http"
	"net/url"
	"strings"

	"anywatch/alerts/templates"
	"anywatch/detector"
)

// The bounds of a text in characters: Telegram takes 4096, a card of Teams 28 KB, an event of Matrix 64 KB.
const (
	telegramLimit = 4000
	teamsLimit    = 12_000
	matrixLimit   = 12_000
)

// teams writes an Adaptive Card to a workflow ("when a Teams webhook request is received").
func teams(target *url.URL) service {
	return func(m message) (string, *url.URL, http.Header, any) {
		block := func(text string, more map[string]any) map[string]any {
			b := map[string]any{"type": "TextBlock", "text": text, "wrap": true}
			for k, v := range more {
				b[k] = v
			}
			return b
		}
		_, rest, _ := strings.Cut(m.text, "\n") // the first line is the title again
		card := map[string]any{
			"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
			"body": []any{
				block(markdown(m.title), map[string]any{"weight": "Bolder", "size": "Medium", "color": color(m.view)}),
				block(strings.ReplaceAll(markdown(templates.Clip(strings.TrimSpace(rest), teamsLimit)), "\n", "\n\n"), nil),
			},
		}
		if m.view.Link != "" {
			card["actions"] = []any{map[string]any{"type": "Action.OpenUrl", "title": "Open in anywatch", "url": m.view.Link}}
		}
		attachment := map[string]any{"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": nil, "content": card}
		return http.MethodPost, target, http.Header{}, map[string]any{"type": "message", "attachments": []any{attachment}}
	}
}

// markdown keeps a text from being read as the Markdown of Adaptive Cards, in which a name could become a link.
func markdown(text string) string {
	return strings.NewReplacer(`\`, `\\`, `[`, `\[`, `]`, `\]`, `*`, `\*`, `_`, `\_`).Replace(text)
}

func color(v *templates.View) string {
	switch {
	case v.Over:
		return "Good"
	case v.Severity == detector.Critical:
		return "Attention"
	case v.Severity == detector.Warning:
		return "Warning"
	}
	return "Accent"
}

// telegram calls sendMessage of the Bot API. The text is plain: nothing in it is markup.
func telegram(base *url.URL, token, chat string) service {
	target := *base
	target.Path = "/bot" + token + "/sendMessage"
	return func(m message) (string, *url.URL, http.Header, any) {
		return http.MethodPost, &target, http.Header{}, map[string]any{
			"chat_id": chat, "text": templates.Clip(m.text, telegramLimit), "link_preview_options": map[string]any{"is_disabled": true},
			"disable_notification": m.view.Over,
		}
	}
}

// matrix sends a message to a room (client-server API, "Sending events to a room"). The id makes a repetition harmless: the home server knows it.
func matrix(base *url.URL, token, room string) service {
	return func(m message) (string, *url.URL, http.Header, any) {
		path := "/_matrix/client/v3/rooms/" + room + "/send/m.room.message/" + m.id
		target := *base
		target.Path = path
		target.RawPath = "/_matrix/client/v3/rooms/" + url.PathEscape(room) + "/send/m.room.message/" + url.PathEscape(m.id)
		text := templates.Clip(m.text, matrixLimit)
		_, rest, _ := strings.Cut(text, "\n")
		formatted := "<strong>" + html.EscapeString(m.title) + "</strong><pre>" + html.EscapeString(strings.TrimSpace(rest)) + "</pre>"
		return http.MethodPut, &target, http.Header{"Authorization": {"Bearer " + token}}, map[string]any{
			"msgtype": "m.text", "body": text, "format": "org.matrix.custom.html", "formatted_body": formatted,
		}
	}
}
