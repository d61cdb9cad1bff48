package config

import (
	"fmt"
	"slices"
	"strings"
)

// reader gathers what is wrong while the tree is read.
type reader struct {
	// file is the name for messages, dir where file names of the configuration begin.
	file, dir string
	faults    Faults
}

func (r *reader) fault(at position, path string, p *problem) {
	r.faults = append(r.faults, Fault{File: r.file, Line: at.line, Column: at.column, Key: path, Problem: p.what, Remedy: p.remedy})
}

// section is a mapping of the file while it is being read. A key becomes known by being asked for; end names the others.
type section struct {
	r    *reader
	path string
	// owner is what to name when the section as a whole is wrong: its key, or the beginning of the list entry.
	owner position
	// node is nil when the section is absent.
	node *node
	// mute says that the section can't be judged: what stands in its place is named already.
	mute  bool
	asked []string
	bad   map[string]bool
}

// word is a scalar on its way to a parser.
type word struct {
	text string
	// quoted means that it is text and nothing else.
	quoted bool
}

// parseFunc reads one kind of value. It says what is wrong with a text that it refuses.
type parseFunc[T any] func(word) (T, *problem)

func (r *reader) section(path string, owner position, n *node) *section {
	s := &section{r: r, path: path, owner: owner, bad: map[string]bool{}}
	switch {
	case n == nil || n.kind == null:
	case n.kind == table:
		s.node = n
	default:
		s.mute = true
	}
	return s
}

// find gives the pair of a key, and makes the key known.
func (s *section) find(key string) (pair, bool) {
	if !slices.Contains(s.asked, key) {
		s.asked = append(s.asked, key)
	}
	if s.node != nil {
		for _, p := range s.node.pairs {
			if p.name == key {
				return p, true
			}
		}
	}
	return pair{}, false
}

// knows makes keys known in the order in which a message lists them.
func (s *section) knows(keys ...string) { s.asked = append(s.asked, keys...) }

// has tells that the key stands in the file.
func (s *section) has(key string) bool {
	_, ok := s.find(key)
	return ok
}

// sound tells that nothing is wrong with the key so far; an absent key is sound.
func (s *section) sound(key string) bool { return !s.mute && !s.bad[key] }

// at says how to refer to a key of this section.
func (s *section) at(key string) string {
	if s.path == "" {
		return segment(key)
	}
	return s.path + "." + segment(key)
}

// fault names a key: at its value where that is one word, else at the key, and where the key is absent, at the section.
func (s *section) fault(key, what, remedy string) {
	if s.mute {
		return
	}
	s.bad[key] = true
	at := s.owner
	if p, ok := s.find(key); ok {
		at = p.at
		if p.value.kind == scalar {
			at = p.value.at
		}
	}
	s.r.fault(at, s.at(key), &problem{what, remedy})
}

// faultHere names the section as a whole.
func (s *section) faultHere(what, remedy string) {
	if !s.mute {
		s.r.fault(s.owner, s.path, &problem{what, remedy})
	}
}

// required names the key if it is absent, and tells whether it stands there. A misspelt one is named by end, and only there.
func (s *section) required(key, remedy string) bool {
	if s.has(key) {
		return true
	}
	if s.misspelt(key) {
		return false
	}
	s.fault(key, "is missing", remedy)
	return false
}

// one reads a key that holds one word; fallback stands for an absent one.
func one[T any](s *section, key string, fallback T, parse parseFunc[T]) T {
	p, ok := s.find(key)
	if !ok {
		return fallback
	}
	switch p.value.kind {
	case broken:
		s.bad[key] = true
	case null:
		s.fault(key, "has no value", "write one, or remove the key")
	case scalar:
		v, wrong := parse(word{p.value.text, p.value.quoted})
		if wrong == nil {
			return v
		}
		s.fault(key, wrong.what, wrong.remedy)
	default:
		s.fault(key, fmt.Sprintf("is %s, where a single value is wanted", p.value.kind), "write one value after the colon")
	}
	return fallback
}

// many reads a key that holds a list of words, and leaves out those that are wrong. No value is an empty list.
func many[T any](s *section, key string, parse parseFunc[T]) []T {
	p, ok := s.find(key)
	if !ok {
		return nil
	}
	switch p.value.kind {
	case broken:
		s.bad[key] = true
	case null:
	case list:
		return items(s, key, p.value.items, parse)
	case scalar:
		s.fault(key, quote(p.value.text)+" is a single value, where a list is wanted", "write ["+oneLine(p.value.text)+"]")
	default:
		s.fault(key, fmt.Sprintf("is %s, where a list is wanted", p.value.kind), "write [one, another]")
	}
	return nil
}

func items[T any](s *section, key string, nodes []*node, parse parseFunc[T]) []T {
	var out []T
	for i, n := range nodes {
		path := fmt.Sprintf("%s[%d]", s.at(key), i)
		wrong := &problem{fmt.Sprintf("is %s, where a single value is wanted", n.kind), "write one value for each entry of the list"}
		switch n.kind {
		case broken:
			s.bad[key] = true
			continue
		case scalar:
			var v T
			if v, wrong = parse(word{n.text, n.quoted}); wrong == nil {
				out = append(out, v)
				continue
			}
		}
		s.bad[key] = true
		s.r.fault(n.at, path, wrong)
	}
	return out
}

// sub gives the mapping under a key. Absent or without a value it is empty, so that every default is still read from it.
func (s *section) sub(key, example string) *section {
	p, ok := s.find(key)
	if !ok {
		absent := s.r.section(s.at(key), s.owner, nil)
		absent.mute = s.mute
		return absent
	}
	if k := p.value.kind; k == scalar || k == list {
		s.fault(key, fmt.Sprintf("is %s, where a mapping is wanted", k), "write "+example)
	}
	return s.r.section(s.at(key), p.at, p.value)
}

// optional gives the mapping under a key whose presence means something, or nil.
func (s *section) optional(key, example string) *section {
	p, ok := s.find(key)
	if !ok {
		return nil
	}
	if p.value.kind == null {
		s.fault(key, "has no value", "write "+example+", or remove the key")
		return nil
	}
	return s.sub(key, example)
}

// each reads a list of mappings, one after the other.
func (s *section) each(key, example string, read func(*section)) {
	p, ok := s.find(key)
	if !ok {
		return
	}
	switch k := p.value.kind; k {
	case null:
	case broken:
		s.bad[key] = true
	case list:
		for i, n := range p.value.items {
			path := fmt.Sprintf("%s[%d]", s.at(key), i)
			if n.kind != table && n.kind != broken {
				s.bad[key] = true
				s.r.fault(n.at, path, &problem{fmt.Sprintf("is %s, where a mapping is wanted", n.kind), "write " + example})
				n = &node{kind: broken, at: n.at}
			}
			entry := s.r.section(path, n.at, n)
			read(entry)
			entry.end()
		}
	default:
		s.fault(key, fmt.Sprintf("is %s, where a list is wanted", k), "write ["+example+"]")
	}
}

// end names the keys that nobody asked for, and those that stand there twice.
func (s *section) end() {
	if s.node == nil {
		return
	}
	for _, p := range s.node.pairs {
		if slices.Contains(s.asked, p.name) {
			continue
		}
		at, what := p.at, "this key is unknown"
		if p.merged != (position{}) {
			at, what = p.merged, "<< brings in the key "+quote(p.name)+", which is unknown here"
		}
		s.r.fault(at, s.at(p.name), &problem{what, s.instead(p.name)})
	}
	for _, p := range s.node.twice {
		what := fmt.Sprintf("this key stands here a second time; the first is on line %d", p.merged.line)
		s.r.fault(p.at, s.at(p.name), &problem{what, "keep one of them"})
	}
}

// exactlyOne wants one of some keys, and gives it. While an unknown key stands beside, none is named: it may be meant to be it.
func (s *section) exactlyOne(keys ...string) string {
	var given []string
	for _, key := range keys {
		if s.has(key) {
			given = append(given, key)
		}
	}
	choice := strings.Join(keys, ", ")
	switch {
	case len(given) == 1:
		return given[0]
	case len(given) > 1:
		s.fault(given[1], fmt.Sprintf("stands beside %s", given[0]), "keep only one of "+choice)
		return given[0]
	case !s.unknown():
		s.faultHere("has none of "+choice, "write one of them")
	}
	return ""
}

// unknown tells that a key stands there that nobody asked for yet.
func (s *section) unknown() bool {
	return s.node != nil && slices.ContainsFunc(s.node.pairs, func(p pair) bool { return !slices.Contains(s.asked, p.name) })
}

// misspelt tells that a key that nobody asked for looks like this one. What depends on the key can't be judged then.
func (s *section) misspelt(key string) bool {
	if s.node == nil {
		return false
	}
	return slices.ContainsFunc(s.node.pairs, func(p pair) bool {
		return !slices.Contains(s.asked, p.name) && nearest(p.name, s.asked) == key
	})
}

func (s *section) instead(key string) string {
	if like := nearest(key, s.asked); like != "" {
		return fmt.Sprintf("did you mean %q?", like)
	}
	return "known here: " + strings.Join(s.asked, ", ")
}

// segment writes a key as part of a path: plain where it is, else in quotes.
func segment(key string) string {
	odd := func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '<')
	}
	if key == "" || strings.ContainsFunc(key, odd) {
		return quote(key)
	}
	return key
}

// oneLine keeps a value that a remedy repeats from breaking the line.
func oneLine(text string) string {
	q := quote(text)
	return q[1 : len(q)-1]
}
