package config

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"
	"unicode"

	"anywatch/rules"
	"anywatch/rules/filter"
)

var ruleName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

type condition struct {
	filter *filter.Filter
	text   string
}

// bgpfilter takes a filter in the language of bgpfix, as far as a single route can answer it.
func bgpfilter(w word) (condition, *problem) {
	f, err := filter.Compile(w.text)
	if err == nil {
		return condition{f, w.text}, nil
	}
	what := quote(w.text) + " is not a filter for routes"
	var wrong *filter.Error
	if !errors.As(err, &wrong) {
		return condition{}, &problem{what + ": " + flat(err.Error()), "write one as aspath == 64999"}
	}
	if wrong.At > 0 {
		what += fmt.Sprintf(", at character %d", wrong.At)
	}
	if wrong.At > 1 && wrong.Near != "" {
		what += ", near " + quote(wrong.Near)
	}
	return condition{}, &problem{what + ": " + flat(wrong.What), flat(wrong.Remedy)}
}

// flat puts a text of some length on one line.
func flat(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(c rune) bool { return unicode.IsSpace(c) || unicode.IsControl(c) }), " ")
}

// summaryFields are what a rule's summary can speak of.
func summaryFields() (names []string) {
	for f := range reflect.TypeFor[rules.Matched]().Fields() {
		names = append(names, f.Name)
	}
	return names
}

type summary struct {
	template *template.Template
	text     string
}

// sentence takes a template in the notation of text/template; "" is none. It is tried on examples: what is wrong with it must not come to light only
// when the alert is due.
func sentence(w word) (summary, *problem) {
	if w.text == "" {
		return summary{}, nil
	}
	t, err := template.New("summary").Parse(w.text)
	if err != nil {
		_, said, _ := strings.Cut(err.Error(), "summary:")
		_, said, _ = strings.Cut(said, ": ")
		return summary{}, &problem{quote(w.text) + " is not a template: " + oneLine(said), "write text with fields as {{.Prefix}}"}
	}
	if t.Tree == nil {
		return summary{template: t, text: w.text}, nil
	}
	if field := unknownField(t.Tree.Root); field != "" {
		known := summaryFields()
		remedy := "use " + strings.Join(known, ", ")
		if like := nearest(field, known); like != "" {
			remedy = fmt.Sprintf("did you mean {{.%s}}?", like)
		}
		return summary{}, &problem{quote(w.text) + " asks for the field " + quote(field) + ", which no route has", remedy}
	}
	for _, example := range rules.Examples() {
		if _, err := rules.Summarize(t, example); err != nil {
			return summary{}, cannotSay(w.text, err, example)
		}
	}
	return summary{template: t, text: w.text}, nil
}

var executing = regexp.MustCompile(`^template: summary:\d+:(\d+): executing .* at <.*?>: `)

// cannotSay says why a template fails, and on which route: one of our own router has neither a path nor communities.
func cannotSay(text string, err error, example rules.Matched) *problem {
	said, where := flat(err.Error()), ""
	if m := executing.FindStringSubmatch(said); m != nil {
		said, where = said[len(m[0]):], ", at character "+m[1]
	}
	if len(example.Path) == 0 {
		return &problem{quote(text) + " fails" + where + " on a route with an empty path and no communities: " + said, "guard it, as {{if .Path}}{{index .Path 0}}{{end}}"}
	}
	return &problem{quote(text) + " fails" + where + ": " + said, "use the fields " + strings.Join(summaryFields(), ", ")}
}

// unknownField finds the first field that a template asks for in vain, so that the message can say which one is meant. Inside range, with and
// template the dot is something else, so their bodies are left to the trial.
func unknownField(n parse.Node) string {
	switch n := n.(type) {
	case *parse.ListNode:
		if n != nil {
			return firstUnknown(n.Nodes)
		}
	case *parse.ActionNode:
		return unknownField(n.Pipe)
	case *parse.PipeNode:
		if n != nil {
			return firstUnknown(n.Cmds)
		}
	case *parse.CommandNode:
		return firstUnknown(n.Args)
	case *parse.FieldNode:
		if !slices.Contains(summaryFields(), n.Ident[0]) {
			return n.Ident[0]
		}
	case *parse.IfNode:
		return firstUnknown([]parse.Node{n.Pipe, n.List, n.ElseList})
	case *parse.WithNode:
		return firstUnknown([]parse.Node{n.Pipe, n.ElseList})
	case *parse.RangeNode:
		return firstUnknown([]parse.Node{n.Pipe, n.ElseList})
	}
	return ""
}

func firstUnknown[N parse.Node](nodes []N) string {
	for _, n := range nodes {
		if field := unknownField(n); field != "" {
			return field
		}
	}
	return ""
}
