// Package alertstest helps to test sinks: changes of an incident to tell, and a check that a sink keeps its secrets.
package alertstest

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"anywatch/alerts"
	"anywatch/collector/route"
	"anywatch/detector"
)

// opening is when the incident that Opened gives opened.
var opening = time.Date(2024, 6, 27, 18, 51, 9, 0, time.UTC)

// Opened gives the opening of a hijack that three of forty vantages see.
func Opened() detector.Change {
	return detector.Change{Event: detector.Opened, Time: opening, Incident: hijack()}
}

// Updated gives an update of the same incident, a minute later, with a severity and as many vantages that see it.
func Updated(s detector.Severity, seeing int) detector.Change {
	c := detector.Change{Event: detector.Updated, Time: opening.Add(time.Minute), Incident: hijack()}
	i := &c.Incident
	if s != i.Severity {
		c.Changed = append(c.Changed, fmt.Sprintf("severity %s, was %s", s, i.Severity))
	}
	if seeing > i.Vantages.Peak {
		c.Changed = append(c.Changed, fmt.Sprintf("seen by %d, was %d", seeing, i.Vantages.Peak))
	}
	i.Severity, i.Updated = s, c.Time
	i.Vantages.Seeing, i.Vantages.Peak = seeing, seeing
	i.Summary = fmt.Sprintf("AS64666 announces 192.0.2.0/24; expected AS64500. RPKI invalid (origin). Seen by %d of 40 vantages.", seeing)
	return c
}

// Resolved gives the end of the same incident, two minutes and eleven seconds after it opened.
func Resolved() detector.Change {
	c := detector.Change{Event: detector.Resolved, Time: opening.Add(2*time.Minute + 11*time.Second), Incident: hijack()}
	i := &c.Incident
	cause := "Nobody shows it any more; last: bmp:ams-edge1/10.9.0.1/pre withdrew it"
	i.State, i.Updated, i.Cleared, i.Resolved, i.Resolution = "resolved", c.Time, &c.Time, &c.Time, &cause
	i.Vantages.Seeing, i.Actions = 0, []string{}
	i.Summary = "Over after 2m13s: AS64666 announces 192.0.2.0/24; expected AS64500. It was seen by 3 at most."
	i.Why = append(i.Why, cause)
	for n := range i.Evidence {
		i.Evidence[n].Withdrawn, i.Evidence[n].Time = true, c.Time
	}
	return c
}

// Renamed gives the change as one of another incident: its id and its prefix replaced.
func Renamed(c detector.Change, id, prefix string) detector.Change {
	p := netip.MustParsePrefix(prefix)
	was := c.Incident.Prefix.String()
	c.Incident.ID, c.Incident.Prefix, c.Incident.Watched = id, &p, &p
	c.Incident.Summary = strings.ReplaceAll(c.Incident.Summary, was, prefix)
	return c
}

func hijack() detector.Incident {
	prefix, offender, path := netip.MustParsePrefix("192.0.2.0/24"), route.ASN(64666), route.SequencePath(3356, 64666)
	reason, age := "origin", "41s"
	return detector.Incident{
		ID: "7f3c9b1e2a604d55", Kind: detector.OriginHijack, Severity: detector.Critical, State: "open",
		Prefix: &prefix, Watched: &prefix, Origin: &offender, Offender: &offender, Path: &path,
		RPKI:     detector.RPKI{State: "invalid", Reason: &reason, VRPs: []string{"192.0.2.0/24-24 AS64500"}, Age: &age},
		Vantages: detector.Vantages{Seeing: 3, Peak: 3, Of: 40},
		Evidence: []detector.Evidence{
			evidence("bmp:ams-edge1/10.9.0.1/pre", "10.9.0.1", 2*time.Second),
			evidence("bgp:transit-view", "10.9.0.5", time.Second),
			evidence("rislive:rrc00/198.51.100.7", "198.51.100.7", 0),
		},
		Summary: "AS64666 announces 192.0.2.0/24; expected AS64500. RPKI invalid (origin). Seen by 3 of 40 vantages.",
		Why: []string{
			"192.0.2.0/24 is watched as dns-a; allowed origins: AS64500",
			"the path ends in AS64666",
			"VRP 192.0.2.0/24-24 AS64500 covers it",
		},
		Actions: []string{
			"Ask AS3356 to filter the announcement: it stands next to the origin",
			"Announce 192.0.2.0/25 and 192.0.2.128/25 if your upstreams accept them",
		},
		Started: opening.Add(-2 * time.Second), Opened: opening, Updated: opening,
	}
}

func evidence(vantage, nextHop string, before time.Duration) detector.Evidence {
	hop := netip.MustParseAddr(nextHop)
	return detector.Evidence{
		Vantage: vantage, Time: opening.Add(-before), Prefix: netip.MustParsePrefix("192.0.2.0/24"),
		Path: route.SequencePath(3356, 64666), NextHop: &hop, Communities: []string{"3356:2"},
	}
}

// KeepsSecrets tells the sink a change, which must fail, and looks for the secrets in the error and in every way to print or log the two.
func KeepsSecrets(t testing.TB, sink alerts.Sink, secrets ...string) {
	t.Helper()
	err := sink.Notify(t.Context(), alerts.Notification{Changes: []detector.Change{Opened()}})
	if err == nil {
		t.Fatal("the sink took the notification: there is no error to look into")
	}
	var text, json bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).Info("failed", "sink", sink, "error", err)
	slog.New(slog.NewJSONHandler(&json, nil)).Info("failed", "sink", sink, "error", err)
	shown := map[string]string{"the text log": text.String(), "the JSON log": json.String()}
	for _, verb := range []string{"%s", "%v", "%+v", "%#v", "%q"} {
		shown["the error as "+verb] = fmt.Sprintf(verb, err)
		shown["the sink as "+verb] = fmt.Sprintf(verb, sink)
		shown["a route as "+verb] = fmt.Sprintf(verb, alerts.Route{Sink: sink})
	}
	for where, what := range shown {
		for _, secret := range secrets {
			if strings.Contains(what, secret) {
				t.Errorf("%s shows a secret: %s", where, what)
			}
		}
	}
}
