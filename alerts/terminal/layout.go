package terminal

import (
	"fmt"
	"strings"

	"anywatch/alerts"
	"anywatch/detector"
)

// The Select Graphic Rendition codes (ECMA-48 section 8.3.117) that we use.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

// vantagesShown is how many vantages are named.
const vantagesShown = 3

// bar stands left of every line that belongs to one incident.
const bar = "┃"

// labelWidth is the width of the column that says what a line is about.
const labelWidth = 7

// layout lays out changes for a width, with or without colours.
type layout struct {
	color bool
	width int
}

// paint colours a text. Spaces around it stay plain, so that nothing shows in the margin.
func (l layout) paint(text string, codes ...string) string {
	if !l.color || text == "" {
		return text
	}
	return "\x1b[" + strings.Join(codes, ";") + "m" + text + "\x1b[0m"
}

// change writes one change: what opened and what resolved as a block, an update as a line.
func (l layout) change(b *strings.Builder, c detector.Change) {
	if c.Event == detector.Updated {
		l.update(b, c)
		return
	}
	i := &c.Incident
	block := block{layout: l, out: b, hue: hue(c)}
	block.head(c)
	block.line("")
	block.text(i.Summary)
	block.line("")
	if c.Event == detector.Resolved {
		block.facts("why", "", value(i.Resolution))
	} else {
		block.facts("who", "", culprit(i))
		block.facts("where", "", where(i))
		block.facts("why", "•", i.Why...)
		block.facts("do", "1", i.Actions...)
	}
	block.facts("id", "", identity(i))
	b.WriteByte('\n')
}

// update writes an update as one line that does not shout.
func (l layout) update(b *strings.Builder, c detector.Change) {
	i := &c.Incident
	text := fmt.Sprintf("  %s  · %-8s  %-8s  %s  %s", c.Time.UTC().Format("15:04:05"), c.Event, i.Severity, i.Kind, subject(i))
	if as := who(i); as != nobody {
		text += "  " + as
	}
	switch {
	case len(c.Changed) > 0:
		text += "  " + strings.Join(c.Changed, "; ")
	case i.Vantages.Of > 0:
		text += fmt.Sprintf("  seen by %d of %d", i.Vantages.Seeing, i.Vantages.Of)
	}
	b.WriteString(l.paint(cut(alerts.Printable(text), l.width), dim))
	b.WriteString("\n\n")
}

// hue is the colour of a change: green when it is over, else by severity.
func hue(c detector.Change) string {
	switch {
	case c.Event == detector.Resolved:
		return green
	case c.Incident.Severity == detector.Critical:
		return red
	case c.Incident.Severity == detector.Warning:
		return yellow
	}
	return cyan
}

// culprit says who did it, and who carries it; nothing when nobody did.
func culprit(i *detector.Incident) string {
	text := who(i)
	switch {
	case text == nobody:
		return ""
	case i.Path == nil || len(*i.Path) == 0:
		return text
	}
	if n, ok := i.Path.Neighbor(); ok && n.String() != text {
		text += " through " + n.String()
	}
	return text + ", path " + i.Path.String()
}

// where says who sees it: how many, and the first by name; nothing when it is not about what vantages see.
func where(i *detector.Incident) string {
	if i.Vantages.Of == 0 && len(i.Evidence) == 0 || i.Path == nil && i.Vantages.Seeing == 0 {
		return ""
	}
	text := fmt.Sprintf("%d of %d vantages", i.Vantages.Seeing, i.Vantages.Of)
	var names []string
	for _, e := range i.Evidence {
		if !e.Withdrawn {
			names = append(names, e.Vantage)
		}
	}
	if len(names) == 0 {
		return text
	}
	shown := names[:min(len(names), vantagesShown)]
	text += ": " + strings.Join(shown, ", ")
	if more := i.Vantages.Seeing - len(shown); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// identity names the incident, and tells when it is not there for the first time.
func identity(i *detector.Incident) string {
	if i.Reopened > 0 {
		return fmt.Sprintf("%s, reopened %d×", i.ID, i.Reopened)
	}
	return i.ID
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// block writes the lines of one incident behind a bar in its colour.
type block struct {
	layout
	out *strings.Builder
	hue string
}

// signs stand before the event, so that it is seen without colours too.
var signs = map[detector.EventName]string{detector.Opened: "▲", detector.Resolved: "✔"}

// head writes the line that says what happened to what; where that is too wide, what it happened to stands on a line of its own.
func (b *block) head(c detector.Change) {
	i := &c.Incident
	event, severity := strings.ToUpper(string(c.Event)), i.Severity.String()
	what := alerts.Printable(fmt.Sprintf("%s  %s", i.Kind, subject(i)))
	start := fmt.Sprintf("%s  %s%*s  %s", b.paint(c.Time.UTC().Format("15:04:05"), dim),
		b.paint(signs[c.Event]+" "+event, bold, b.hue), max(0, 8-len(event)), "", b.paint(severity, b.hue))
	const startWidth = 2 + 8 + 2 + 2 + 8 + 2 + 8 + 2 // the bar, the time, the sign, the event and the severity, with what parts them
	if startWidth+len([]rune(what)) <= b.width {
		b.line(start + strings.Repeat(" ", 8-len(severity)+2) + b.paint(what, bold))
		return
	}
	b.line(start)
	b.text(what)
}

// line writes one line behind the bar; it is not wrapped.
func (b *block) line(text string) {
	b.out.WriteString(strings.TrimRight(b.paint(bar, b.hue)+" "+text, " "))
	b.out.WriteByte('\n')
}

// text writes running text, wrapped and indented.
func (b *block) text(text string) {
	for _, line := range wrap(alerts.Printable(text), b.width-4) {
		b.line("  " + b.paint(line, bold))
	}
}

// facts writes a label and what stands under it, each beginning on its own line: behind a bullet, behind numbers from 1 on, or bare.
func (b *block) facts(label, bullet string, facts ...string) {
	for n, fact := range facts {
		if fact == "" {
			continue
		}
		mark := ""
		switch bullet {
		case "":
		case "1":
			mark = fmt.Sprintf("%d ", n+1)
		default:
			mark = bullet + " "
		}
		indent := strings.Repeat(" ", len([]rune(mark)))
		for _, line := range wrap(alerts.Printable(fact), b.width-4-labelWidth-len(indent)) {
			b.line("  " + b.paint(label, dim) + strings.Repeat(" ", labelWidth-len(label)) + b.paint(mark, dim) + line)
			label, mark = "", indent
		}
	}
}
