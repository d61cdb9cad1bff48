package templates

import (
	"time"

	"anywatch/alerts"
	"anywatch/alerts/example"
	"anywatch/detector"
)

// examples are what templates are tried with: every kind, opened and resolved; several at once; and a name that somebody chose to break things.
func examples() []*View {
	const dashboard = alerts.Dashboard("https://anywatch.example.net")
	now := time.Date(2024, 6, 27, 18, 51, 9, 0, time.UTC)
	var views []*View
	var all []detector.Change
	for _, l := range example.Lives(now) {
		for _, c := range []detector.Change{l.Opened, l.Resolved} {
			views = append(views, NewView(alerts.Notification{Changes: []detector.Change{c}}, dashboard))
		}
		all = append(all, l.Opened)
	}
	odd := example.Of(detector.FeedLost, now).Opened
	name := "bmp:\"quoted\"\\back\nline\tand <b>\u2028"
	odd.Event, odd.Incident.Subject, odd.Incident.Summary, odd.Incident.Why = detector.Updated, &name, name, []string{name}
	reminder := NewView(alerts.Notification{Changes: []detector.Change{odd}, Reminder: true, Since: now}, dashboard)
	return append(views, reminder, NewView(alerts.Notification{Changes: all}, ""), NewView(alerts.Notification{Changes: []detector.Change{odd}}, ""))
}
