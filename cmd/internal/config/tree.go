package config

import (
	"fmt"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// position is a place in the file, counted from 1.
type position struct{ line, column int }

// placeOf gives the place of a token. The parser counts some columns from 0.
func placeOf(t *token.Token) position {
	if t == nil || t.Position == nil {
		return position{1, 1}
	}
	return position{max(t.Position.Line, 1), max(t.Position.Column, 1)}
}

// kind is what a node of the file is.
type kind uint8

const (
	broken kind = iota // already named as a fault
	null
	scalar
	list
	table
)

// String names the kind as a message does.
func (k kind) String() string {
	return [...]string{"broken", "empty", "a single value", "a list", "a mapping"}[k]
}

// node is a value of the file with its place. Aliases and merge keys are already followed.
type node struct {
	kind kind
	// at is where the value stands, or the alias that leads to it.
	at position
	// text of a scalar, as written: 1.10 stays 1.10. Escapes are undone.
	text string
	// quoted tells that a scalar stands in quotes, or is a block of text: it is meant as text.
	quoted bool
	items  []*node
	pairs  []pair
	// twice are the keys that a table has already, each with the place of the first in merged.
	twice []pair
}

// pair is one key of a table with its value.
type pair struct {
	name  string
	at    position
	value *node
	// merged is the place of the << that brought the key in, else zero.
	merged position
}

// builder turns the parser's tree into ours.
type builder struct {
	file    string
	faults  Faults
	anchors map[string]*node // nil while the anchored value is being read
}

func (b *builder) fault(at position, what, remedy string) *node {
	b.faults = append(b.faults, Fault{File: b.file, Line: at.line, Column: at.column, Key: yamlKey, Problem: what, Remedy: remedy})
	return &node{kind: broken, at: at}
}

// build reads one node.
func (b *builder) build(n ast.Node) *node {
	if n == nil {
		return &node{kind: null, at: position{1, 1}}
	}
	at := placeOf(n.GetToken())
	switch n := n.(type) {
	case *ast.NullNode:
		return &node{kind: null, at: at}
	case *ast.MappingNode:
		return b.table(at, n.Values)
	case *ast.MappingValueNode:
		return b.table(at, []*ast.MappingValueNode{n})
	case *ast.SequenceNode:
		return b.list(at, n)
	case *ast.AnchorNode:
		return b.anchor(n)
	case *ast.AliasNode:
		return b.alias(at, n)
	case *ast.TagNode:
		return b.tag(at, n)
	case *ast.LiteralNode:
		return &node{kind: scalar, at: at, text: n.Value.Value, quoted: true}
	case ast.ScalarNode:
		return asWritten(at, n.GetToken())
	default:
		return b.fault(at, "stands where a value should be", "write a value, a list or key: value")
	}
}

// asWritten takes the text of a scalar as it is written, whatever YAML would make of it: 64500:101, 1.10, 010 and no keep their
// spelling, and the function that reads the kind of value decides.
func asWritten(at position, t *token.Token) *node {
	quoted := t.Type == token.DoubleQuoteType || t.Type == token.SingleQuoteType
	return &node{kind: scalar, at: at, text: t.Value, quoted: quoted}
}

func (b *builder) list(at position, n *ast.SequenceNode) *node {
	out := &node{kind: list, at: at}
	for _, v := range n.Values {
		out.items = append(out.items, b.build(v))
	}
	return out
}

// table reads the keys of a mapping. Of a key that stands there twice the first value is kept, and the second remembered.
func (b *builder) table(at position, values []*ast.MappingValueNode) *node {
	out := &node{kind: table, at: at}
	if len(values) > 0 && values[0].Key != nil {
		out.at = earlier(at, placeOf(values[0].Key.GetToken()))
	}
	seen := map[string]position{}
	var merges []*ast.MappingValueNode
	for _, v := range values {
		if v.Key == nil {
			continue
		}
		if v.Key.IsMergeKey() {
			merges = append(merges, v)
			continue
		}
		key := b.key(v.Key)
		value := b.build(v.Value)
		if key.kind != scalar {
			continue
		}
		if first, twice := seen[key.text]; twice {
			out.twice = append(out.twice, pair{name: key.text, at: key.at, merged: first})
			continue
		}
		seen[key.text] = key.at
		out.pairs = append(out.pairs, pair{name: key.text, at: key.at, value: value})
	}
	for _, m := range merges {
		b.merge(out, seen, placeOf(m.Key.GetToken()), b.build(m.Value))
	}
	return out
}

func (b *builder) key(n ast.Node) *node {
	if k, explicit := n.(*ast.MappingKeyNode); explicit {
		return b.key(k.Value)
	}
	key := b.build(n)
	switch key.kind {
	case scalar, broken:
		return key
	case null:
		return &node{kind: scalar, at: key.at, text: n.GetToken().Value}
	default:
		return b.fault(key.at, fmt.Sprintf("a key is %s", key.kind), "write a plain word before the colon")
	}
}

// merge adds the keys of a mapping, or of each of a list of them, that the table doesn't have itself.
func (b *builder) merge(into *node, seen map[string]position, at position, from *node) {
	switch from.kind {
	case broken:
	case table:
		for _, p := range from.pairs {
			if _, own := seen[p.name]; !own {
				seen[p.name] = p.at
				p.merged = at
				into.pairs = append(into.pairs, p)
			}
		}
	case list:
		for _, one := range from.items {
			if one.kind == list {
				b.fault(one.at, "<< takes in a list within a list", "name mappings: <<: [*one, *other]")
				continue
			}
			b.merge(into, seen, at, one)
		}
	default:
		b.fault(at, "<< takes in "+from.kind.String(), "name a mapping: <<: *anchor")
	}
}

func (b *builder) anchor(n *ast.AnchorNode) *node {
	name := n.Name.GetToken().Value
	b.anchors[name] = nil
	value := b.build(n.Value)
	b.anchors[name] = value
	return value
}

// alias gives the anchored value, standing where the alias stands; what is inside keeps its own place.
func (b *builder) alias(at position, n *ast.AliasNode) *node {
	name := n.Value.GetToken().Value
	value, known := b.anchors[name]
	switch {
	case !known:
		return b.fault(at, fmt.Sprintf("the alias *%s has no anchor before it", segment(name)), fmt.Sprintf("put &%s before the value that is meant", segment(name)))
	case value == nil:
		return b.fault(at, fmt.Sprintf("the alias *%s leads to itself", segment(name)), "write the value")
	}
	clone := *value
	clone.at = at
	return &clone
}

// tag follows the tags that every YAML file may carry; a tag says nothing that the key doesn't say already.
func (b *builder) tag(at position, n *ast.TagNode) *node {
	value := b.build(n.Value)
	switch name := n.GetToken().Value; name {
	case "!!str", "!":
		value.quoted = true
		return value
	case "!!int", "!!float", "!!bool", "!!null", "!!seq", "!!map", "!!timestamp":
		return value
	default:
		return b.fault(at, "the tag "+quote(name)+" is unknown", "remove it")
	}
}

func earlier(a, b position) position {
	if b.line < a.line || b.line == a.line && b.column < a.column {
		return b
	}
	return a
}
