package config

import (
	"fmt"
	"strings"
)

// names are those of a list in the file, which other places refer to.
type names struct {
	// what one of them is: a site, a rule.
	what string
	// known is in the order of the file; has is the same as a set.
	known []string
	has   map[string]bool
	// unsure means that the list itself has faults: a name that isn't known may be meant by one of them, and its place be right.
	unsure bool
}

// add takes the name of one entry in, and names it if another entry has it. An entry without a name is named too.
func (n *names) add(s *section, first map[string]int) string {
	if !s.required("name", "give every "+n.what+" a name of its own") {
		n.unsure = true
		return ""
	}
	name := one(s, "name", "", label)
	if name == "" {
		n.unsure = true
		return ""
	}
	unique(s, "name", name, first)
	if n.has == nil {
		n.has = map[string]bool{}
	}
	n.has[name] = true
	n.known = append(n.known, name)
	return name
}

// unique names a value of a key that an earlier entry of the same list has already.
func unique(s *section, key, value string, first map[string]int) {
	p, ok := s.find(key)
	if !ok || s.mute {
		return
	}
	if line, twice := first[value]; twice {
		s.fault(key, fmt.Sprintf("%s stands here a second time; the first is on line %d", quote(value), line), "keep one of them")
		return
	}
	first[value] = p.value.at.line
}

// reference takes one of the names, once in a list.
func (n names) reference() parseFunc[string] {
	seen := map[string]bool{}
	return func(w word) (string, *problem) {
		switch {
		case seen[w.text]:
			return "", &problem{quote(w.text) + " stands twice in this list", "name each " + n.what + " once"}
		case !n.unsure && !n.has[w.text]:
			return "", &problem{"there is no " + n.what + " " + quote(w.text), n.instead(w.text)}
		}
		seen[w.text] = true
		return w.text, nil
	}
}

func (n names) instead(wrong string) string {
	if like := nearest(wrong, n.known); like != "" {
		return fmt.Sprintf("did you mean %q?", like)
	}
	if len(n.known) == 0 {
		return fmt.Sprintf("add it under %ss, where nothing stands yet", n.what)
	}
	const shown = 20
	listed := n.known[:min(len(n.known), shown)]
	return fmt.Sprintf("add it under %ss, or name one of: %s", n.what, oneLine(strings.Join(listed, ", ")))
}
