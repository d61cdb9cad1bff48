package report

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// Row is one line of a report. It marshals to the JSON object that users rely on.
type Row interface {
	// Cells are the values of the columns, as text, in the order of Document.Columns.
	Cells() []string
	// Figure draws the row for HTML; "" where there is nothing to draw.
	Figure() template.HTML
}

// Brief is a row whose columns hold more than people can take in at once: a table shows them shortened.
type Brief interface {
	Brief() []string
}

// Drawing is what a page shows beside the rows. In JSON, where a daemon hands it on, it stands as "drawing".
type Drawing interface {
	HTML(d Document) template.HTML
}

// Document is a report: its name, the time that it is about, and its rows.
type Document struct {
	Report   string
	From, To time.Time
	Columns  []string
	Rows     []Row
	// Title and About introduce the report to people; Empty says what it means that it has no rows.
	Title, About, Empty string
	// Heads are the columns as people read them; nil where the names of the columns do.
	Heads []string
	// Drawing is nil where nothing is drawn.
	Drawing Drawing
	// Annex is what a report says beyond its rows; nil for nothing.
	Annex Annex
}

// Head is what the JSON of every report begins with: `{"report": NAME, "from": T, "to": T, "rows": […]}`; times that are not known are null.
type Head struct {
	Report string     `json:"report"`
	From   *time.Time `json:"from"`
	To     *time.Time `json:"to"`
	Rows   []Row      `json:"rows"`
}

// Annex is what a report says beyond its rows.
type Annex interface {
	// JSON gives the object to write, which begins with the head.
	JSON(Head) any
	// People gives the rows as a table and a page show them: shortened, put together.
	People([]Row) []Row
	// Text writes what follows the table, HTML what stands above the rows of a page.
	Text(io.Writer) error
	HTML() template.HTML
}

// People gives the heads of the columns for people.
func (d Document) People() []string {
	if d.Heads != nil {
		return d.Heads
	}
	heads := make([]string, len(d.Columns))
	for i, c := range d.Columns {
		heads[i] = strings.ReplaceAll(c, "_", " ")
	}
	return heads
}

// cells gives the columns of a row for people.
func cells(r Row) []string {
	if b, ok := r.(Brief); ok {
		return b.Brief()
	}
	return r.Cells()
}

// Formats are what a report can be written as.
var Formats = []string{"table", "json", "csv", "html"}

// Write writes the report in one of the Formats.
func (d Document) Write(w io.Writer, format string) error {
	switch format {
	case "table":
		return d.table(w)
	case "json":
		return d.json(w)
	case "csv":
		return d.csv(w)
	case "html":
		return d.html(w)
	}
	return fmt.Errorf("--format %q: it is %s", format, strings.Join(Formats, ", "))
}

// json writes one object.
func (d Document) json(w io.Writer) error {
	rows := d.Rows
	if rows == nil {
		rows = []Row{}
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	head := Head{d.Report, Time(d.From), Time(d.To), rows}
	if d.Annex != nil {
		return e.Encode(d.Annex.JSON(head))
	}
	return e.Encode(struct {
		Head
		Draw Drawing `json:"drawing,omitempty"`
	}{head, d.Drawing})
}

// ForPeople gives the rows as people read them.
func (d Document) ForPeople() []Row {
	if d.Annex == nil {
		return d.Rows
	}
	return d.Annex.People(d.Rows)
}

// Time is a time for JSON: in UTC, null when there is none.
func Time(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Millisecond)
	return &t
}

func (d Document) csv(w io.Writer) error {
	c := csv.NewWriter(w)
	if err := c.Write(d.Columns); err != nil {
		return err
	}
	for _, r := range d.Rows {
		if err := c.Write(r.Cells()); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

func (d Document) table(w io.Writer) error {
	if len(d.Rows) == 0 {
		_, err := fmt.Fprintln(w, d.Empty)
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.ToUpper(strings.Join(d.People(), "\t")))
	for _, r := range d.ForPeople() {
		texts := cells(r)
		for i, c := range texts {
			if c == "" {
				texts[i] = "-"
			}
		}
		fmt.Fprintln(t, strings.Join(texts, "\t"))
	}
	if err := t.Flush(); err != nil || d.Annex == nil {
		return err
	}
	return d.Annex.Text(w)
}

// stamp writes a time as short as it can be read: without the fraction of a second.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}

// Plain leaves out what is only there to be drawn, and what a daemon hands on for that.
func (d *Document) Plain() {
	d.Drawing = nil
	for _, r := range d.Rows {
		switch r := r.(type) {
		case *Flap:
			r.Curve = nil
		case *Site:
			r.Timeline = nil
		}
	}
}
