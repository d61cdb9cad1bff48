package terminal

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"anywatch/alerts"
	"anywatch/detector"
)

// Line writes a change as one line without a newline, for lists of events:
//
//	2008-02-24T18:48:02Z OPENED   critical subprefix-hijack 208.65.153.0/24 AS17557  AS17557 announces 208.65.153.0/24, …
//
// The columns are the time (UTC), the event, the severity, the kind, what it is about, who did it, and the summary, with what changed before it. The same change gives the
// same line always.
func Line(c detector.Change) string {
	i := &c.Incident
	text := i.Summary
	if len(c.Changed) > 0 {
		text = strings.Join(c.Changed, "; ") + ": " + text
	}
	line := fmt.Sprintf("%s %-8s %-8s %s %s %s  %s", c.Time.UTC().Format(time.RFC3339), strings.ToUpper(string(c.Event)), i.Severity, i.Kind,
		subject(i), who(i), text)
	return strings.TrimRight(alerts.Printable(line), " ")
}

// nobody stands where an incident is about nothing that has a name, or has no AS.
const nobody = "-"

// subject is what an incident is about.
func subject(i *detector.Incident) string { return cmp.Or(i.Matter(), nobody) }

// who is the AS to act against, else the origin.
func who(i *detector.Incident) string {
	switch {
	case i.Offender != nil:
		return i.Offender.String()
	case i.Origin != nil:
		return i.Origin.String()
	}
	return nobody
}
