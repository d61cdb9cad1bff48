package config

import (
	"errors"
	"fmt"
	"regexp"
	resyntax "regexp/syntax"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"

	"anywatch/collector/route"

	"github.com/bgpfix/bgpfix/filter"
)

// community takes 64500:101 (RFC 1997).
func community(w word) (*route.Community, *problem) {
	c, err := route.ParseCommunity(w.text)
	if err != nil {
		return nil, &problem{quote(w.text) + " is not a community", "write two numbers from 0 to 65535 with a colon between, as 64500:101"}
	}
	return &c, nil
}

// largeCommunity takes 64500:1:101 (RFC 8092).
func largeCommunity(w word) (*route.LargeCommunity, *problem) {
	c, err := route.ParseLargeCommunity(w.text)
	if err != nil {
		return nil, &problem{quote(w.text) + " is not a large community", "write three numbers from 0 to 4294967295 with colons between, as 64500:1:101"}
	}
	return &c, nil
}

// expression takes a regular expression in Go's notation (RE2).
func expression(w word) (*regexp.Regexp, *problem) {
	re, err := regexp.Compile(w.text)
	var wrong *resyntax.Error
	switch {
	case w.text == "":
		return nil, &problem{"is empty, and would fit every path", `write a regular expression, as "64501$"`}
	case errors.As(err, &wrong):
		return nil, &problem{quote(w.text) + " is not a regular expression: " + wrong.Code.String(), `write one in RE2 notation, as "64501$"`}
	case err != nil:
		return nil, &problem{quote(w.text) + " is not a regular expression", `write one in RE2 notation, as "64501$"`}
	}
	return re, nil
}

type condition struct {
	filter *filter.Filter
	text   string
}

// bgpfilter takes a filter in the language of bgpfix.
func bgpfilter(w word) (condition, *problem) {
	f, err := compile(w.text)
	if err != nil {
		what := quote(w.text) + " is not a filter"
		if cause := errors.Unwrap(err); cause != nil {
			what += ": " + oneLine(cause.Error())
		}
		return condition{}, &problem{what, `write one in the filter language of bgpfix, as aspath ~ "64999"`}
	}
	return condition{f, w.text}, nil
}

var errIncomplete = errors.New("it ends where something should follow")

// compile guards against two gaps of the filter compiler: it runs past the end of a filter that stops after && or ||, and takes
// one that stops after !.
func compile(text string) (f *filter.Filter, err error) {
	defer func() {
		if r := recover(); r != nil {
			f, err = nil, fmt.Errorf("filter: %w", errIncomplete)
		}
	}()
	if f, err = filter.NewFilter(text); err == nil && !complete(f.First) {
		return nil, fmt.Errorf("filter: %w", errIncomplete)
	}
	return f, err
}

func complete(e *filter.Expr) bool {
	for ; e != nil; e = e.Next {
		inner, nested := e.Val.(*filter.Expr)
		if e.Filter == nil || nested && (inner == nil || !complete(inner)) {
			return false
		}
	}
	return true
}

// summaryFields are what a rule's summary can speak of: the incident, and the route that the rule matched.
var summaryFields = []string{
	"ID", "Rule", "Kind", "Severity", "State", "Prefix", "Watched", "Site", "Origin", "Offender", "Path", "RPKI", "Vantages", "Evidence",
	"Started", "Opened", "Updated", "Resolved", "Time", "Vantage", "NextHop", "Communities",
}

type summary struct {
	template *template.Template
	text     string
}

// sentence takes a template in the notation of text/template; "" is none.
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
		remedy := "use " + strings.Join(summaryFields, ", ")
		if like := nearest(field, summaryFields); like != "" {
			remedy = fmt.Sprintf("did you mean {{.%s}}?", like)
		}
		return summary{}, &problem{quote(w.text) + " asks for the field " + quote(field) + ", which no incident has", remedy}
	}
	return summary{template: t, text: w.text}, nil
}

// unknownField finds the first field that a template asks for in vain: a misspelt one would come to light only when the alert is
// due. Inside range, with and template the dot is something else, so their bodies are left alone.
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
		if !slices.Contains(summaryFields, n.Ident[0]) {
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
