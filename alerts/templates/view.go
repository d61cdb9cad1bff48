// Package templates writes incidents for people: one line that says it all, a text with the facts, why, and what to do, the same as HTML, and
// JSON bodies of any shape. Operators replace each with templates of their own, in the notation of text/template.
package templates

import (
	"slices"
	"strings"
	"time"

	"anywatch/alerts"
	"anywatch/detector"
)

// View is what a template speaks about: a notification. Its own fields are those of the most severe incident in it.
type View struct {
	Item
	// Title is the line that says it all; in the template "title" itself it is empty.
	Title string
	// Items are all incidents of the notification, each once, as it stands now.
	Items []Item
	// Count is how many these are, Open how many of them are not resolved.
	Count, Open int
	// Reminder says that nothing is new: it is still open, and nobody has acknowledged it. The title begins with REMINDER then.
	Reminder bool
	// Since is when this was handed over: the same at every try.
	Since time.Time
}

// Item is one incident with what happened to it. The fields of detector.Incident, as {{.Prefix}} and {{.Summary}}, are its own; those that may
// be absent are asked for with {{with .Site}}.
type Item struct {
	detector.Incident
	Event detector.EventName
	// At is when it happened.
	At time.Time
	// Over says that the incident is resolved.
	Over bool
	// Who is the AS to act against, else the origin; "" for none.
	Who string
	// Lasting is how long it lasted, in words; "" while it is open.
	Lasting string
	// Facts are what a NOC looks for first, with their names.
	Facts []Fact
	// Link is the page about the incident; "" without web.external_url.
	Link string
	// JSON is the change as the file sink writes it.
	JSON string
}

// Fact is one line of the facts.
type Fact struct{ Name, Value string }

// NewView makes the view of a notification, which must have a change.
func NewView(n alerts.Notification, d alerts.Dashboard) *View {
	v := &View{Reminder: n.Reminder, Since: n.Since}
	worst := 0
	for _, c := range n.Latest() {
		v.Items = append(v.Items, newItem(c, d))
		if k := len(v.Items) - 1; moreUrgent(&v.Items[k], &v.Items[worst]) {
			worst = k
		}
		if c.Event != detector.Resolved {
			v.Open++
		}
	}
	v.Count = len(v.Items)
	v.Item = v.Items[worst]
	return v
}

// moreUrgent: what is open comes before what is over, and then severity counts.
func moreUrgent(a, b *Item) bool {
	if a.Over != b.Over {
		return !a.Over
	}
	return a.Severity > b.Severity
}

func newItem(c detector.Change, d alerts.Dashboard) Item {
	item := Item{Incident: clean(c.Incident), Event: c.Event, At: c.Time.UTC(), Over: c.Event == detector.Resolved, Link: d.Incident(c.Incident.ID)}
	i := &item.Incident
	switch {
	case i.Offender != nil:
		item.Who = i.Offender.String()
	case i.Origin != nil:
		item.Who = i.Origin.String()
	}
	if item.Over {
		item.Lasting = detector.HumanDuration(i.Lasted())
	}
	item.Facts = facts(&item)
	if b, err := c.JSON(); err == nil { // what can't be written is refused by the sinks that write it
		item.JSON = string(b)
	}
	return item
}

// clean gives a copy in whose texts nothing moves a cursor or ends a line: routers and feeds choose some of the names.
func clean(i detector.Incident) detector.Incident {
	text := func(p *string) *string {
		if p == nil {
			return nil
		}
		s := alerts.Printable(*p)
		return &s
	}
	list := func(texts []string) []string {
		texts = slices.Clone(texts)
		for n := range texts {
			texts[n] = alerts.Printable(texts[n])
		}
		return texts
	}
	i.Summary, i.Why, i.Actions = alerts.Printable(i.Summary), list(i.Why), list(i.Actions)
	i.Kind = detector.Kind(alerts.Printable(string(i.Kind)))
	i.Site, i.Subject, i.Resolution = text(i.Site), text(i.Subject), text(i.Resolution)
	i.Acknowledged, i.Silenced = text(i.Acknowledged), text(i.Silenced)
	i.Evidence = slices.Clone(i.Evidence)
	for n := range i.Evidence {
		i.Evidence[n].Vantage = alerts.Printable(i.Evidence[n].Vantage)
	}
	return i
}

func facts(item *Item) (list []Fact) {
	i := &item.Incident
	add := func(name, value string) {
		if value != "" {
			list = append(list, Fact{name, value})
		}
	}
	value := func(p *string) string {
		if p == nil {
			return ""
		}
		return *p
	}
	add("Prefix", prefixOf(i))
	add("Site", value(i.Site))
	add("About", value(i.Subject))
	add("Who", item.Who)
	if i.Path != nil {
		add("Path", i.Path.String())
	}
	if i.Subject == nil {
		add("RPKI", rpkiOf(i.RPKI))
		add("Seen by", seenBy(i.Vantages))
	}
	add("Started", utc(i.Started))
	add("Opened", utc(i.Opened))
	if i.Resolved != nil {
		add("Resolved", utc(*i.Resolved)+", after "+detector.HumanDuration(i.Lasted()))
	}
	if i.Reopened > 0 {
		add("Reopened", times(i.Reopened))
	}
	add("Acknowledged", value(i.Acknowledged))
	add("Silenced", value(i.Silenced))
	add("Incident", i.ID)
	return list
}

func prefixOf(i *detector.Incident) string {
	switch {
	case len(i.Prefixes) > 1:
		texts := make([]string, 0, len(i.Prefixes))
		for _, p := range i.Prefixes {
			texts = append(texts, p.String())
		}
		return shortList(texts)
	case i.Prefix == nil:
		return ""
	case i.Watched != nil && *i.Watched != *i.Prefix:
		return i.Prefix.String() + " (watched: " + i.Watched.String() + ")"
	}
	return i.Prefix.String()
}

func rpkiOf(r detector.RPKI) string {
	text := r.State
	if r.Reason != nil {
		text += " (" + *r.Reason + ")"
	}
	if len(r.VRPs) > 0 {
		text += ", " + shortList(r.VRPs)
	}
	if r.Age != nil {
		text += ", data " + *r.Age + " old"
	}
	return text
}

// listShown is how many of a list a fact names.
const listShown = 10

func shortList(texts []string) string {
	if len(texts) > listShown {
		return strings.Join(texts[:listShown], ", ") + " and " + number(len(texts)-listShown) + " more"
	}
	return strings.Join(texts, ", ")
}
