package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// yamlKey stands for the key where a fault is about the notation rather than about any key.
const yamlKey = "YAML"

// deepest bounds how far brackets and dashes may nest. The schema needs six levels.
const deepest = 64

// syntax reads the document as YAML and gives the tree of it; nil when there is none. What is wrong goes to faults.
func syntax(file string, data []byte) (*node, Faults) {
	fault := func(at position, what, remedy string) (*node, Faults) {
		return nil, Faults{{File: file, Line: at.line, Column: at.column, Key: yamlKey, Problem: what, Remedy: remedy}}
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if at, what := notText(data); what != "" {
		return fault(at, what, "save the file as UTF-8 text")
	}
	tokens := rejoin(lexer.Tokenize(string(data)))
	if at, deep := tooDeep(tokens); deep {
		return fault(at, fmt.Sprintf("nests more than %d levels deep", deepest), "close what is opened before")
	}
	parsed, err := parseYAML(tokens)
	if err != nil {
		return fault(explain(err, tokens))
	}
	bodies := documents(parsed)
	if len(bodies) == 0 {
		return nil, Faults{{File: file, Problem: "the file is empty", Remedy: "write at least asns and one entry of prefixes"}}
	}
	if len(bodies) > 1 {
		return fault(beginning(bodies[1]), "a second document begins here", "keep one document in the file, without --- between")
	}
	b := builder{file: file, anchors: map[string]*node{}}
	root := b.build(bodies[0].Body)
	return root, b.faults
}

// parseYAML keeps a mishap in the parser from ending the program: what it can't read is not YAML.
func parseYAML(tokens token.Tokens) (f *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.New("this is not YAML")
		}
	}()
	return parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
}

// documents leaves out the directives and the empty documents around the one that counts.
func documents(f *ast.File) []*ast.DocumentNode {
	var out []*ast.DocumentNode
	for _, d := range f.Docs {
		switch d.Body.(type) {
		case nil, *ast.DirectiveNode, *ast.CommentGroupNode:
		default:
			out = append(out, d)
		}
	}
	return out
}

func beginning(d *ast.DocumentNode) position {
	if d.Start != nil {
		return placeOf(d.Start)
	}
	return placeOf(d.Body.GetToken())
}

// notText finds the first byte that can't stand in a YAML file.
func notText(data []byte) (position, string) {
	at := position{1, 1}
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		switch {
		case r == utf8.RuneError && size == 1:
			return at, "is not UTF-8 text"
		case r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0x7f:
			return at, fmt.Sprintf("has the control character U+%04X", r)
		case r == '\n':
			at = position{at.line + 1, 0}
		}
		at.column++
		data = data[size:]
	}
	return at, ""
}

// tooDeep measures nesting before the parser recurses into it.
func tooDeep(tokens token.Tokens) (position, bool) {
	open, run := 0, 0
	for _, t := range tokens {
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			open++
		case token.SequenceEndType, token.MappingEndType:
			open--
		case token.SequenceEntryType, token.MappingKeyType, token.AnchorType, token.TagType:
			run++
		default:
			run = 0
		}
		if open > deepest || run > deepest {
			return placeOf(t), true
		}
	}
	return position{}, false
}

// explain turns what the parser says into a place, a problem and a remedy. A bracket that is never closed is named where it
// opens, since the parser notices it only in the next line, which is right.
func explain(err error, tokens token.Tokens) (position, string, string) {
	at, said := position{1, 1}, err.Error()
	var syntax *yaml.SyntaxError
	if errors.As(err, &syntax) {
		at, said = placeOf(syntax.Token), strings.ReplaceAll(syntax.Message, "\t", `\t`)
	}
	if open := unclosed(tokens, at); open != nil {
		return placeOf(open), fmt.Sprintf("the %s that opens here is not closed", open.Value), "close it, and put commas between what it holds"
	}
	switch {
	case strings.Contains(said, "'\\t'"):
		return at, "a tab stands where the line is indented", "indent with spaces"
	case strings.HasPrefix(said, "found character"), strings.Contains(said, "reserved character"):
		return at, said, "put the value in quotes"
	case strings.Contains(said, "end character of"):
		return at, "the quote that opens here is not closed", "close it"
	case strings.Contains(said, "mapping value is not allowed"):
		return at, "a second key stands in the value of the first, or deeper than it", "put a value that contains \": \" in quotes, and begin each key on a line of its own at the column of its siblings"
	default:
		return at, "can't be read as YAML: " + said, "indent what belongs together alike, write key: value, and quote special characters"
	}
}

// unclosed gives the innermost bracket that is open where the parser stopped, if it opens on an earlier line, or at that place.
func unclosed(tokens token.Tokens, at position) *token.Token {
	var open []*token.Token
	for _, t := range tokens {
		place := placeOf(t)
		if place.line > at.line || place.line == at.line && place.column > at.column {
			break
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			open = append(open, t)
		case token.SequenceEndType, token.MappingEndType:
			if len(open) > 0 {
				open = open[:len(open)-1]
			}
		}
	}
	if len(open) == 0 {
		return nil
	}
	last := open[len(open)-1]
	if place := placeOf(last); place.line < at.line || place == at {
		return last
	}
	return nil
}
