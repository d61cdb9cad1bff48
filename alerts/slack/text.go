package slack

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"anywatch/alerts"
	"anywatch/detector"
)

// The lengths of texts, in characters as they are sent. Slack takes 3,000 in a text, 2,000 in a field, and refuses, without documenting it,
// messages whose blocks come to about 13,000 together; ours add up to less than 10,000.
const (
	limitText    = 2500 // a list of lines
	limitSummary = 900
	limitField   = 250
	limitItem    = 400 // one line of a list
	limitLine    = 300
)

// escapes are how mrkdwn writes what it reads as its own: <!channel> would call everybody.
var escapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// escape makes a text safe for mrkdwn.
func escape(text string) string { return escapes.Replace(alerts.Printable(text)) }

// clip escapes a text and bounds its length. It never cuts an escape in two.
func clip(text string, limit int) string {
	var b strings.Builder
	room := limit
	runes := []rune(alerts.Printable(text))
	for n, r := range runes {
		escaped := escapes.Replace(string(r))
		width := utf8.RuneCountInString(escaped)
		if rest := len(runes) - n - 1; width > room || width == room && rest > 0 {
			return strings.TrimRight(b.String(), " ") + "…"
		}
		b.WriteString(escaped)
		room -= width
	}
	return b.String()
}

// lines writes a title, if there is one, and a line for each item behind a mark, as many as have room in limit. The items are escaped already.
func lines(title, mark string, items []string, limit int) string {
	const more = "and %d more"
	text := title
	for n, item := range items {
		line := mark + item
		if text != "" {
			line = "\n" + line
		}
		if utf8.RuneCountInString(text+line)+len(mark+more) > limit {
			return text + "\n" + mark + fmt.Sprintf(more, len(items)-n)
		}
		text += line
	}
	return text
}

// clipped clips each item.
func clipped(items []string) []string {
	out := make([]string, len(items))
	for n, item := range items {
		out[n] = clip(item, limitItem)
	}
	return out
}

// sign stands before an event, so that it is seen without colours too.
func sign(c detector.Change) string {
	if c.Event == detector.Resolved {
		return "✔"
	}
	return "▲"
}

// who is the AS to act against, else the origin; "" for none.
func who(i *detector.Incident) string {
	switch {
	case i.Offender != nil:
		return i.Offender.String()
	case i.Origin != nil:
		return i.Origin.String()
	}
	return ""
}

// lasted is how long a resolved incident was there.
func lasted(i *detector.Incident) string {
	if i.Resolved == nil {
		return "an unknown time"
	}
	return detector.HumanDuration(i.Lasted())
}

func utc(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

// join joins what is not empty.
func join(separator string, parts ...string) string {
	var kept []string
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, separator)
}
