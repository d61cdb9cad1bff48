package templates

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"regexp"
	"strings"
	"text/template"

	"anywatch/alerts"
)

//go:embed default.tmpl
var defaults string

//go:embed default.html
var defaultHTML string

// The bounds of what templates write: characters of a title, octets of everything else.
const (
	titleLimit = 240
	textLimit  = 128 << 10
)

// Set is the templates of one sink.
type Set struct {
	text *template.Template
	html *htmltemplate.Template
	// plainOnly says that the operator gave a text but no HTML: then there is none.
	plainOnly bool
}

// Default gives the templates that are used when an operator has none of their own.
func Default() *Set {
	s := &Set{
		text: template.Must(template.New("default").Funcs(functions).Parse(defaults)),
		html: htmltemplate.Must(htmltemplate.New("default").Funcs(functions).Parse(defaultHTML)),
	}
	return s
}

// Parse reads an operator's templates: {{define "title"}}, {{define "text"}} and {{define "html"}}, each of which replaces ours; what stands
// outside of these is the text. They are tried with examples: the error says what is wrong, and where.
func Parse(source string) (*Set, error) {
	s := Default()
	own, err := template.New("template").Funcs(functions).Option("missingkey=error").Parse(source)
	if err != nil {
		return nil, plain(err)
	}
	replaced := false
	for _, name := range []string{"title", "text"} {
		if t := own.Lookup(name); t != nil && t.Tree != nil {
			replaced = true
		}
	}
	if _, err := s.text.Parse(source); err != nil {
		return nil, plain(err)
	}
	if body := strings.TrimSpace(outside(own)); body != "" {
		if own.Lookup("text") != nil {
			return nil, errors.New(`there is text outside of {{define "text"}}; put all of it in there`)
		}
		if _, err := s.text.AddParseTree("text", own.Tree); err != nil {
			return nil, plain(err)
		}
		replaced, s.plainOnly = true, true
	}
	if t := own.Lookup("html"); t != nil {
		if s.html, err = s.html.Parse(source); err != nil {
			return nil, plain(err)
		}
		replaced, s.plainOnly = true, false
	} else if own.Lookup("text") != nil {
		s.plainOnly = true
	}
	if !replaced {
		return nil, errors.New(`it defines neither title nor text nor html; write {{define "title"}}…{{end}}, or just the text`)
	}
	return s, s.try()
}

// outside gives what of a template stands outside of its definitions.
func outside(t *template.Template) string {
	if t.Tree == nil || t.Tree.Root == nil {
		return ""
	}
	return t.Tree.Root.String()
}

// plain takes the name that we gave off an error of the template engine: "template: template:3: unexpected …" becomes "line 3: …".
func plain(err error) error {
	text := err.Error()
	for _, prefix := range []string{"template: template:", "template: body:", "template: default:", "html/template:template:", "html/template: "} {
		if rest, ok := strings.CutPrefix(text, prefix); ok {
			return errors.New("line " + foreign.ReplaceAllString(rest, "there is no field $1"))
		}
	}
	return err
}

// foreign is how the engine speaks of a field that is not there: it names a type of Go, which says nothing to who writes templates.
var foreign = regexp.MustCompile(`can't evaluate field (\w+) in type \S+`)

// try renders every example.
func (s *Set) try() error {
	for _, v := range examples() {
		title, err := s.Title(v)
		if err != nil {
			return err
		}
		if strings.TrimSpace(title) == "" {
			return fmt.Errorf("the title of an example (%s, %s) is empty", v.Kind, v.Event)
		}
		if _, err := s.Text(v); err != nil {
			return err
		}
		if _, err := s.HTML(v); err != nil {
			return err
		}
	}
	return nil
}

// Title writes the line that says it all: one line, of at most 240 characters.
func (s *Set) Title(v *View) (string, error) {
	text, err := s.execute("title", v)
	if err != nil {
		return "", err
	}
	if v.Reminder {
		text = "REMINDER: " + text
	}
	return Clip(alerts.Printable(strings.Join(strings.Fields(text), " ")), titleLimit), nil
}

// Text writes the message in plain text.
func (s *Set) Text(v *View) (string, error) {
	titled, err := s.titled(v)
	if err != nil {
		return "", err
	}
	text, err := s.execute("text", titled)
	return strings.TrimSpace(text) + "\n", err
}

// HTML writes the message as an HTML document; "" when the operator's templates have a text and no HTML.
func (s *Set) HTML(v *View) (string, error) {
	if s.plainOnly {
		return "", nil
	}
	titled, err := s.titled(v)
	if err != nil {
		return "", err
	}
	var out bounded
	if err := s.html.ExecuteTemplate(&out, "html", titled); err != nil {
		return "", plain(err)
	}
	return out.String(), nil
}

// titled gives a copy that knows its title.
func (s *Set) titled(v *View) (*View, error) {
	title, err := s.Title(v)
	out := *v
	out.Title = title
	return &out, err
}

func (s *Set) execute(name string, v *View) (string, error) {
	var out bounded
	if err := s.text.ExecuteTemplate(&out, name, v); err != nil {
		return "", plain(err)
	}
	return out.String(), nil
}

// Body is a template whose output is JSON.
type Body struct {
	template *template.Template
	titles   *Set
}

// ParseBody reads a template of JSON and tries it with examples, also with texts that have quotes in them: {{json .Summary}} is right where
// "{{.Summary}}" breaks.
func ParseBody(source string) (*Body, error) {
	t, err := template.New("body").Funcs(functions).Option("missingkey=error").Parse(source)
	if err != nil {
		return nil, plain(err)
	}
	b := &Body{t, Default()}
	for _, v := range examples() {
		if v, err = b.titles.titled(v); err != nil {
			return nil, err
		}
		if _, err := b.render(v); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// Render writes the body about a notification. What is no JSON is an error.
func (b *Body) Render(v *View) ([]byte, error) {
	titled, err := b.titles.titled(v)
	if err != nil {
		return nil, err
	}
	return b.render(titled)
}

func (b *Body) render(v *View) ([]byte, error) {
	var out bounded
	if err := b.template.Execute(&out, v); err != nil {
		return nil, plain(err)
	}
	var parsed any
	if err := json.Unmarshal([]byte(out.String()), &parsed); err != nil {
		return nil, fmt.Errorf("the template writes no JSON about %s %s: %w; write values as {{json .Summary}}, without quotes of your own", v.Kind, v.Event, err)
	}
	return []byte(out.String()), nil
}

// bounded takes what a template writes, until it is too much.
type bounded struct{ strings.Builder }

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > textLimit {
		return 0, fmt.Errorf("it writes more than %d octets", textLimit)
	}
	return b.Builder.Write(p)
}

// WriteString does what Write does; the engine may choose either.
func (b *bounded) WriteString(s string) (int, error) { return b.Write([]byte(s)) }
