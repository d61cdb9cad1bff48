package syslog

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"anywatch/alerts/templates"
	"anywatch/detector"
)

// Facilities are the names of the facilities, at the place of their number (RFC 5424 section 6.2.1, table 1).
func Facilities() []string {
	return []string{"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp", "audit", "alert", "clock",
		"local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"}
}

// FacilityNumber gives the number of a facility.
func FacilityNumber(name string) (int, bool) {
	n := slices.Index(Facilities(), name)
	return n, n >= 0
}

// The severities (RFC 5424 section 6.2.1, table 2).
const (
	severityCritical = 2
	severityWarning  = 4
	severityNotice   = 5
	severityInfo     = 6
)

// The bounds of fields in octets (RFC 5424 section 6).
const (
	hostnameLimit = 255
	appNameLimit  = 48
	valueLimit    = 512
	// datagramLimit is what receivers of UDP should take at least, 2048 octets (RFC 5426 section 3.2).
	datagramLimit = 2048
)

// enterprise is the number that stands behind the @ of our SD-ID: 32473 is the one that RFC 5612 reserves for examples; we have none of our own.
const enterprise = "anywatch@32473"

// priority is facility * 8 + severity.
func (s *Sink) priority(v *templates.View) int {
	severity := severityInfo
	switch {
	case v.Over:
		severity = severityNotice
	case v.Severity == detector.Critical:
		severity = severityCritical
	case v.Severity == detector.Warning:
		severity = severityWarning
	}
	return s.facility*8 + severity
}

// message writes a change as RFC 5424 section 6 says: a header, structured data and the text, in UTF-8. limit bounds it in octets; 0 does not.
func (s *Sink) message(v *templates.View, title string, limit int) string {
	var b strings.Builder
	b.WriteString("<" + strconv.Itoa(s.priority(v)) + ">1 " + v.At.UTC().Format("2006-01-02T15:04:05.000000Z07:00"))
	for _, field := range []string{name(s.config.Hostname, hostnameLimit), name(s.config.AppName, appNameLimit), "-", name(string(v.Event), 32)} {
		b.WriteString(" " + field)
	}
	b.WriteString(" " + structured(v) + " \ufeff" + title) // the BOM says that the text is UTF-8 (section 6.4)
	text := b.String()
	if limit > 0 && len(text) > limit {
		text = strings.ToValidUTF8(text[:limit-len("…")], "") + "…"
	}
	return text
}

// structured writes the facts as one element of structured data (section 6.3).
func structured(v *templates.View) string {
	i := &v.Incident
	var b strings.Builder
	b.WriteString("[" + enterprise)
	add := func(key, value string) {
		if value != "" {
			b.WriteString(" " + key + `="` + escape(value) + `"`)
		}
	}
	add("id", i.ID)
	add("event", string(v.Event))
	add("kind", string(i.Kind))
	add("severity", i.Severity.String())
	if i.Prefix != nil {
		add("prefix", i.Prefix.String())
	}
	if i.Site != nil {
		add("site", *i.Site)
	}
	if i.Subject != nil {
		add("subject", *i.Subject)
	}
	if i.Origin != nil {
		add("origin", i.Origin.String())
	}
	if i.Offender != nil {
		add("offender", i.Offender.String())
	}
	if i.Path != nil {
		add("path", i.Path.String())
	}
	add("rpki", i.RPKI.State)
	if i.Vantages.Of > 0 {
		add("seeing", strconv.Itoa(i.Vantages.Seeing))
		add("of", strconv.Itoa(i.Vantages.Of))
	}
	add("started", i.Started.UTC().Format(time.RFC3339))
	add("link", v.Link)
	return b.String() + "]"
}

// escape writes a value of structured data: the quote, the backslash and the closing bracket are escaped (section 6.3.3).
func escape(value string) string {
	value = strings.ToValidUTF8(value, "\ufffd")
	if len(value) > valueLimit {
		value = strings.ToValidUTF8(value[:valueLimit], "") + "…"
	}
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, `]`, `\]`).Replace(value)
}

// name writes a field of the header: printable US-ASCII without spaces (section 6), "-" for none.
func name(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '_'
		}
		return r
	}, text)
	if len(text) > limit {
		text = text[:limit]
	}
	if text == "" {
		return "-"
	}
	return text
}
