package propose

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// page is the text of a proposal: lines, some with a note behind them.
type page struct{ lines []line }

// line is a line of YAML with its indent, or a comment. One that is off is YAML made a comment at a column: without "# " there it is in force.
type line struct {
	text, note string
	off        bool
	column     int
}

func (p *page) add(text, note string) { p.lines = append(p.lines, line{text: text, note: note}) }

// doubt writes a line as a comment.
func (p *page) doubt(text, note string) {
	p.lines = append(p.lines, line{text: text, note: note, off: true, column: len(text) - len(strings.TrimLeft(text, " "))})
}

// gap ends a paragraph; notes are aligned within one.
func (p *page) gap() {
	if n := len(p.lines); n > 0 && p.lines[n-1] != (line{}) {
		p.add("", "")
	}
}

// width is how long a line of comment may be, and alignAt up to where notes are aligned.
const (
	width   = 118
	alignAt = 40
)

// say writes a comment, wrapped, each line behind the indent.
func (p *page) say(indent, text string) {
	row := indent + "#"
	for _, word := range strings.Fields(text) {
		if utf8.RuneCountInString(row)+1+utf8.RuneCountInString(word) > width && strings.TrimSpace(row) != "#" {
			p.add(row, "")
			row = indent + "#"
		}
		row += " " + word
	}
	p.add(row, "")
}

// append puts the lines of another page at the end.
func (p *page) append(q *page) { p.lines = append(p.lines, q.lines...) }

// active tells that some line is more than a comment.
func (p *page) active() bool {
	return slices.ContainsFunc(p.lines, func(l line) bool {
		t := strings.TrimSpace(l.text)
		return !l.off && t != "" && !strings.HasPrefix(t, "#")
	})
}

// commented makes comments of all lines. What was one already stays one when they are put in force.
func (p *page) commented(column int) *page {
	out := &page{}
	for _, l := range p.lines {
		out.lines = append(out.lines, line{text: l.written(), note: l.note, off: true, column: column})
	}
	return out
}

// under puts lines below a key. When all of them are comments the key becomes one too, and they go with it: a key without a value is a fault.
func (p *page) under(indent, key string, body *page) {
	switch {
	case len(body.lines) == 0:
		return
	case body.active():
		p.add(indent+key, "")
		p.append(body)
		return
	}
	p.doubt(indent+key, "")
	for _, l := range body.lines {
		l.off, l.column = true, len(indent)
		p.lines = append(p.lines, l)
	}
}

// written is the line without its note.
func (l line) written() string {
	if l.off {
		return l.text[:l.column] + "# " + l.text[l.column:]
	}
	return l.text
}

// String aligns the notes of each paragraph and gives the text.
func (p *page) String() string {
	var b strings.Builder
	for begin := 0; begin < len(p.lines); {
		end := begin
		for end < len(p.lines) && p.lines[end] != (line{}) {
			end++
		}
		paragraph(&b, p.lines[begin:end])
		if end < len(p.lines) {
			b.WriteByte('\n')
		}
		begin = end + 1
	}
	return b.String()
}

func paragraph(b *strings.Builder, lines []line) {
	column := 0
	for _, l := range lines {
		if n := utf8.RuneCountInString(l.written()); l.note != "" && n <= alignAt {
			column = max(column, n)
		}
	}
	for _, l := range lines {
		text := l.written()
		b.WriteString(text)
		if l.note != "" {
			b.WriteString(strings.Repeat(" ", max(column-utf8.RuneCountInString(text), 0)+2) + "# " + l.note)
		}
		b.WriteByte('\n')
	}
}

var (
	harmless = regexp.MustCompile(`^[A-Za-z0-9_./][A-Za-z0-9_./@%+-]*(:+[A-Za-z0-9_./@%+-]+)*$`)
	// numeric is what some YAML reader takes for a number, a time or a sexagesimal number.
	numeric = regexp.MustCompile(`^[0-9.][0-9_.:eE+xobA-Fa-f-]*$`)
	// special are words that some YAML reader takes for something else than text.
	special = []string{"true", "false", "yes", "no", "on", "off", "y", "n", "null"}
)

// safe writes a text so that every YAML reader takes it for that text, whoever chose it: routers name themselves.
func safe(s string) string {
	number := numeric.MatchString(s) && strings.Count(s, ".") < 2
	if harmless.MatchString(s) && !number && !slices.Contains(special, strings.ToLower(s)) {
		return s
	}
	return strconv.Quote(s)
}

// list writes a list on one line.
func list(texts []string) string { return "[" + strings.Join(texts, ", ") + "]" }

// oneLine makes a text fit for a comment.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}
