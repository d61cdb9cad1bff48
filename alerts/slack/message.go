package slack

import (
	"fmt"
	"strings"

	slackapi "github.com/slack-go/slack"

	"anywatch/detector"
)

// The colours of the bar beside a message.
const (
	colorCritical = "#d72638"
	colorWarning  = "#f2a900"
	colorInfo     = "#3b82c4"
	colorResolved = "#2e9e5b"
)

// headline is the line above the bar, which is also what a notification on a phone says.
func headline(changes []detector.Change) string {
	worst := worstOf(changes)
	if len(changes) == 1 {
		i := &worst.Incident
		text := join(" · ", escape(string(i.Kind)), escape(i.Matter()), who(i))
		if worst.Event == detector.Resolved {
			return clipLine(fmt.Sprintf("✔ *RESOLVED* after %s · %s", lasted(i), text))
		}
		return clipLine(fmt.Sprintf("▲ *%s* %s · %s", strings.ToUpper(string(worst.Event)), i.Severity, text))
	}
	open := 0
	for _, c := range changes {
		if c.Event != detector.Resolved {
			open++
		}
	}
	switch open {
	case 0:
		return clipLine(fmt.Sprintf("✔ *%d incidents RESOLVED* · %s", len(changes), common(changes)))
	case len(changes):
		return clipLine(fmt.Sprintf("▲ *%d incidents OPEN* %s · %s", open, worst.Incident.Severity, common(changes)))
	}
	return clipLine(fmt.Sprintf("▲ *%d of %d incidents OPEN* %s · %s", open, len(changes), worst.Incident.Severity, common(changes)))
}

// clipLine bounds a line that is escaped already. What is in it is short: only a rule's name could be long, and that is cut without harm.
func clipLine(line string) string {
	runes := []rune(line)
	if len(runes) <= limitLine {
		return line
	}
	cut := string(runes[:limitLine-1])
	if at := strings.LastIndexByte(cut, '&'); at >= 0 && !strings.Contains(cut[at:], ";") {
		cut = cut[:at]
	}
	return cut + "…"
}

// common says what all incidents of a group share.
func common(changes []detector.Change) string {
	first := &changes[0].Incident
	kind, as, site := string(first.Kind), who(first), siteOf(first)
	for _, c := range changes {
		if string(c.Incident.Kind) != kind {
			kind = "several kinds"
		}
		if who(&c.Incident) != as {
			as = ""
		}
		if siteOf(&c.Incident) != site {
			site = ""
		}
	}
	return join(" · ", escape(kind), escape(site), as)
}

func siteOf(i *detector.Incident) string {
	if i.Site == nil {
		return ""
	}
	return *i.Site
}

// worstOf gives the most severe change: what is open comes before what is over, and the first before the next.
func worstOf(changes []detector.Change) detector.Change {
	worst := changes[0]
	for _, c := range changes[1:] {
		switch open, worstOpen := c.Event != detector.Resolved, worst.Event != detector.Resolved; {
		case open && !worstOpen, open == worstOpen && c.Incident.Severity > worst.Incident.Severity:
			worst = c
		}
	}
	return worst
}

// attachment is what stands beside the bar.
func attachment(changes []detector.Change) slackapi.Attachment {
	worst := worstOf(changes)
	var blocks []slackapi.Block
	if len(changes) == 1 {
		if worst.Incident.Summary != "" {
			blocks = append(blocks, section("*"+clip(worst.Incident.Summary, limitSummary)+"*"))
		}
		if fields := facts(&worst.Incident); len(fields) > 0 {
			blocks = append(blocks, slackapi.NewSectionBlock(nil, fields, nil))
		}
	} else {
		blocks = append(blocks, section(lines("", "", list(changes), limitText)))
	}
	if why := clipped(worst.Incident.Why); len(why) > 0 {
		blocks = append(blocks, section(lines("*Why*", "• ", why, limitText)))
	}
	if actions := clipped(worst.Incident.Actions); len(actions) > 0 {
		blocks = append(blocks, section(lines("*What to do*", "• ", actions, limitText)))
	}
	blocks = append(blocks, slackapi.NewContextBlock("", mrkdwn(history(&worst.Incident, len(changes)))))
	plain := strings.ReplaceAll(headline(changes), "*", "")
	return slackapi.Attachment{Color: color(worst), Fallback: plain, Blocks: slackapi.Blocks{BlockSet: blocks}}
}

func color(c detector.Change) string {
	switch {
	case c.Event == detector.Resolved:
		return colorResolved
	case c.Incident.Severity == detector.Critical:
		return colorCritical
	case c.Incident.Severity == detector.Warning:
		return colorWarning
	}
	return colorInfo
}

// facts are the fields that a NOC looks for first.
func facts(i *detector.Incident) (fields []*slackapi.TextBlockObject) {
	add := func(label, text string) {
		if text != "" {
			fields = append(fields, mrkdwn("*"+label+"*\n"+clip(text, limitField)))
		}
	}
	add("Prefix", prefix(i))
	add("Site", siteOf(i))
	if i.Offender != nil {
		add("Offender", i.Offender.String())
	} else if i.Origin != nil {
		add("Origin", i.Origin.String())
	}
	if i.Path != nil {
		add("Path", i.Path.String())
	}
	if i.Subject != nil {
		add("About", *i.Subject)
		return fields // no route, so no validation and nobody who sees it
	}
	add("RPKI", rpki(i.RPKI))
	add("Seen by", seen(i.Vantages))
	return fields
}

func prefix(i *detector.Incident) string {
	switch {
	case i.Prefix == nil:
		return ""
	case i.Watched != nil && *i.Watched != *i.Prefix:
		return fmt.Sprintf("%s (watched: %s)", i.Prefix, i.Watched)
	}
	return i.Prefix.String()
}

func rpki(r detector.RPKI) string {
	text := r.State
	if r.Reason != nil {
		text += " (" + *r.Reason + ")"
	}
	if r.Age != nil {
		text += ", data " + *r.Age + " old"
	}
	return text
}

func seen(v detector.Vantages) string {
	if v.Of == 0 {
		return ""
	}
	text := fmt.Sprintf("%d of %d vantages", v.Seeing, v.Of)
	if v.Peak > v.Seeing {
		text += fmt.Sprintf(", %d at most", v.Peak)
	}
	return text
}

// list tells the incidents of a group, one line each.
func list(changes []detector.Change) []string {
	items := make([]string, len(changes))
	for n, c := range changes {
		i := &c.Incident
		state := i.Severity.String()
		if c.Event == detector.Resolved {
			state = "resolved after " + lasted(i)
		}
		name := i.Matter()
		if name == "" {
			name = i.ID
		}
		items[n] = fmt.Sprintf("%s *%s* %s: %s", sign(c), clip(name, limitField), state, clip(i.Summary, limitItem))
	}
	return items
}

// history names the incident and says when it was what. Of a group it is that of the worst.
func history(i *detector.Incident, of int) string {
	text := fmt.Sprintf("`%s` · started %s · opened %s UTC", clip(i.ID, limitField), utc(i.Started), utc(i.Opened))
	if i.Resolved != nil {
		text += fmt.Sprintf(" · resolved %s UTC, after %s", utc(*i.Resolved), lasted(i))
	}
	if i.Reopened > 0 {
		text += fmt.Sprintf(" · reopened %d×", i.Reopened)
	}
	if i.PreExisting {
		text += " · older than our watching"
	}
	if of > 1 {
		text = fmt.Sprintf("the worst of %d: %s", of, text)
	}
	return text
}

func section(text string) slackapi.Block { return slackapi.NewSectionBlock(mrkdwn(text), nil, nil) }

func mrkdwn(text string) *slackapi.TextBlockObject {
	return slackapi.NewTextBlockObject(slackapi.MarkdownType, text, false, false)
}
