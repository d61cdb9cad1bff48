package config

import (
	"cmp"
	"fmt"
	"slices"
)

// Notice says that a key of the file does nothing yet.
type Notice struct {
	// Key is the first place where it stands, Line the line of that.
	Key  string
	Line int
	// Text says in a sentence what is not done.
	Text string
}

// String gives "line 12: prefixes[0].sites does nothing yet: …".
func (n Notice) String() string {
	return fmt.Sprintf("line %d: %s does nothing yet: %s", n.Line, n.Key, n.Text)
}

// Unused tells which keys of the file are accepted although their feature is not in this version; each once, in the order of the
// file. A key that stands there without a value is not among them.
func Unused(c *Config) []Notice {
	var out []Notice
	for _, f := range idle {
		g, ok := c.given[f.pattern]
		if !ok {
			continue
		}
		text := f.text
		if g.more > 0 {
			text += fmt.Sprintf(" (and %d more of them)", g.more)
		}
		out = append(out, Notice{Key: g.key, Line: g.line, Text: text})
	}
	slices.SortStableFunc(out, func(a, b Notice) int { return cmp.Compare(a.Line, b.Line) })
	return out
}

// feature is a key, or all that is under it, which this version reads and checks and then leaves alone.
type feature struct {
	// pattern is the path of the key, with [] for every entry of a list.
	pattern string
	// values narrows it to some values of the key; without any, to all.
	values []string
	text   string
}

// idle is the one list of them. When a feature comes, its line goes.
var idle = []feature{
	{pattern: "alerts.sinks[].slack.app_token_file", text: "posts have no button to acknowledge with yet"},
	{pattern: "alerts.sinks[].slack.app_token_env", text: "posts have no button to acknowledge with yet"},
	{pattern: "web.tls", text: "the web server speaks plain HTTP yet"},
	{pattern: "web.users_file", text: "users are not asked for a password yet"},
	{pattern: "web.tokens_file", text: "tokens are not asked for yet"},
}

// givenKey is where a key of the table of idle features stands in the file.
type givenKey struct {
	key  string
	line int
	// more counts the places after the first.
	more int
}

// givenKeys finds the idle features that the file makes use of.
func givenKeys(root *node) map[string]givenKey {
	wanted := map[string]feature{}
	for _, f := range idle {
		wanted[f.pattern] = f
	}
	found := map[string]givenKey{}
	var walk func(n *node, pattern, key string, line int)
	walk = func(n *node, pattern, key string, line int) {
		if f, ok := wanted[pattern]; ok && n.says(f.values) {
			g, again := found[pattern]
			if again {
				g.more++
			} else {
				g = givenKey{key: key, line: line}
			}
			found[pattern] = g
			return
		}
		for i, item := range n.items {
			walk(item, pattern+"[]", fmt.Sprintf("%s[%d]", key, i), item.at.line)
		}
		for _, p := range n.pairs {
			dot := "."
			if pattern == "" {
				dot = ""
			}
			walk(p.value, pattern+dot+p.name, key+dot+segment(p.name), p.at.line)
		}
	}
	walk(root, "", "", 0)
	return found
}

// says tells that a node holds something, and one of the values if there are any to hold.
func (n *node) says(values []string) bool {
	switch n.kind {
	case scalar:
		return len(values) == 0 && n.text != "" || slices.Contains(values, n.text)
	case list:
		return len(n.items) > 0
	case table:
		return slices.ContainsFunc(n.pairs, func(p pair) bool { return p.value.says(nil) })
	}
	return false
}
