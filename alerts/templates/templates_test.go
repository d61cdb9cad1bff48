package templates_test

import (
	"encoding/json"
	"strings"
	"testing"

	"anywatch/alerts"
	"anywatch/alerts/alertstest"
	"anywatch/alerts/templates"
	"anywatch/detector"
)

const dashboard = alerts.Dashboard("https://anywatch.example.net/")

func view(changes ...detector.Change) *templates.View {
	return templates.NewView(alerts.Notification{Changes: changes}, dashboard)
}

// rendered gives title, text and HTML.
func rendered(t *testing.T, s *templates.Set, v *templates.View) (title, text, html string) {
	t.Helper()
	var err error
	if title, err = s.Title(v); err != nil {
		t.Fatal(err)
	}
	if text, err = s.Text(v); err != nil {
		t.Fatal(err)
	}
	if html, err = s.HTML(v); err != nil {
		t.Fatal(err)
	}
	return title, text, html
}

func parse(t *testing.T, source string) *templates.Set {
	t.Helper()
	s, err := templates.Parse(source)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheDefaultTextSaysWhatANOCAsks(t *testing.T) {
	_, text, _ := rendered(t, templates.Default(), view(alertstest.Opened()))
	const want = `CRITICAL origin-hijack 192.0.2.0/24: AS64666 announces 192.0.2.0/24; expected AS64500. RPKI invalid (origin). Seen by 3 of 40 vantages.

Prefix:       192.0.2.0/24
Who:          AS64666
Path:         3356 64666
RPKI:         invalid (origin), 192.0.2.0/24-24 AS64500, data 41s old
Seen by:      3 of 40 vantages
Started:      2024-06-27 18:51:07 UTC
Opened:       2024-06-27 18:51:09 UTC
Incident:     7f3c9b1e2a604d55

Why
- 192.0.2.0/24 is watched as dns-a; allowed origins: AS64500
- the path ends in AS64666
- VRP 192.0.2.0/24-24 AS64500 covers it

What to do
1. Ask AS3356 to filter the announcement: it stands next to the origin
2. Announce 192.0.2.0/25 and 192.0.2.128/25 if your upstreams accept them

https://anywatch.example.net/incidents/7f3c9b1e2a604d55
`
	if text != want {
		t.Errorf("the text is\n%s\nwant\n%s", text, want)
	}
}

func TestTitles(t *testing.T) {
	again := alertstest.Opened()
	again.Incident.Reopened = 2
	other := alertstest.Renamed(alertstest.Updated(detector.Warning, 5), "2", "203.0.113.0/24")
	for want, v := range map[string]*templates.View{
		"RESOLVED origin-hijack 192.0.2.0/24: Over after 2m13s: ":                   view(alertstest.Opened(), alertstest.Resolved()),
		"WARNING (updated) origin-hijack 192.0.2.0/24: AS64666 announces ":          view(alertstest.Updated(detector.Warning, 5)),
		"CRITICAL (again) origin-hijack 192.0.2.0/24: AS64666 ":                     view(again),
		"WARNING (updated) 2 incidents, 1 open: origin-hijack 203.0.113.0/24: AS64": view(alertstest.Resolved(), other),
	} {
		if title, _, _ := rendered(t, templates.Default(), v); !strings.HasPrefix(title, want) {
			t.Errorf("the title is %q; want %q…", title, want)
		}
	}
}

func TestSeveralAreListed(t *testing.T) {
	other := alertstest.Renamed(alertstest.Resolved(), "2", "203.0.113.0/24")
	_, text, html := rendered(t, templates.Default(), view(other, alertstest.Opened()))
	for _, want := range []string{"\n* resolved after 2m13s origin-hijack 203.0.113.0/24: Over", "\n  https://anywatch.example.net/incidents/2\n", "\n* critical origin-hijack 192.0.2.0/24: ", "The worst of them:"} {
		if !strings.Contains(text, want) {
			t.Errorf("the text has no %q:\n%s", want, text)
		}
	}
	for _, want := range []string{`<a href="https://anywatch.example.net/incidents/2">Over`, "#d72638", "<li>the path ends in AS64666</li>"} {
		if !strings.Contains(html, want) {
			t.Errorf("the HTML has no %q:\n%s", want, html)
		}
	}
}

// Names that feeds choose do not break out: no HTML of theirs, no line of theirs.
func TestNamesDoNotBreakOut(t *testing.T) {
	c := alertstest.Opened()
	c.Incident.Summary = "<script>alert(1)</script>\r\nBcc: everybody"
	title, text, html := rendered(t, templates.Default(), view(c))
	if strings.ContainsAny(title, "\r\n") || strings.Contains(text, "\nBcc") || strings.Contains(html, "<script>") {
		t.Errorf("title %q, text %q, HTML %q", title, text, html)
	}
}

func TestAnOperatorsTemplates(t *testing.T) {
	title, text, html := rendered(t, parse(t, `{{define "title"}}NOC {{.Kind}} {{with .Site}}at {{.}}{{end}}{{end}}`), view(alertstest.Opened()))
	if title != "NOC origin-hijack" || !strings.HasPrefix(text, title+"\n\nPrefix:") || !strings.Contains(html, "<h1") {
		t.Errorf("only the title replaced: %q, %q, %q", title, text, html)
	}
	title, text, html = rendered(t, parse(t, "{{upper .Kind}} {{utc .Started}} {{join \", \" .Why | clip 20}}\n"), view(alertstest.Opened()))
	if !strings.HasPrefix(title, "CRITICAL") || text != "ORIGIN-HIJACK 2024-06-27 18:51:07 UTC 192.0.2.0/24 is wat…\n" || html != "" {
		t.Errorf("only the text replaced: %q, %q, %q", title, text, html)
	}
	_, text, html = rendered(t, parse(t, `{{define "text"}}t{{end}}{{define "html"}}<p>{{.Summary}}</p>{{end}}`), view(alertstest.Opened()))
	if text != "t\n" || !strings.HasPrefix(html, "<p>AS64666") {
		t.Errorf("text and HTML replaced: %q, %q", text, html)
	}
}

// What is wrong with a template is found when it is read.
func TestWrongTemplates(t *testing.T) {
	for source, want := range map[string]string{
		"{{.Prefix":       "line 1: ",
		"a\n{{.Prefiks}}": "Prefiks",
		`{{define "title"}}{{.Site.Nope}}{{end}}`: "Nope",
		`{{define "title"}}{{""}}{{end}}`:         "is empty",
		`{{define "body"}}x{{end}}`:               "neither title nor text",
		``:                                        "neither title nor text",
		`x {{define "text"}}y{{end}}`:             "outside",
		`{{range $i := 300000}}x{{end}}`:          "writes more than",
		`{{define "html"}}<a href="{{end}}`:       "html",
	} {
		if _, err := templates.Parse(source); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", source, err, want)
		}
	}
}

func TestBodiesAreJSON(t *testing.T) {
	b, err := templates.ParseBody(`{"text": {{json .Title}}, "site": {{json .Site}}, "n": {{.Count}}, "raw": {{.JSON}}}`)
	if err != nil {
		t.Fatal(err)
	}
	body, err := b.Render(view(alertstest.Opened()))
	var got struct {
		Text string
		Site *string
		N    int
		Raw  struct{ Incident struct{ ID string } }
	}
	if err != nil || json.Unmarshal(body, &got) != nil || !strings.HasPrefix(got.Text, "CRITICAL") || got.Site != nil || got.N != 1 || got.Raw.Incident.ID != "7f3c9b1e2a604d55" {
		t.Errorf("%s, %v", body, err)
	}
	for source, want := range map[string]string{
		`{"text": "{{.Summary}}"}`: "{{json .Summary}}",
		`{"text": {{.Count}}`:      "no JSON",
		`{"a": {{.Nope}}}`:         "Nope",
		`{{`:                       "line 1",
	} {
		if _, err := templates.ParseBody(source); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", source, err, want)
		}
	}
}
