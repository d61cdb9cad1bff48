package config

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// group is a mapping on its way to YAML: keys in order, each with a plain, a text, a flow, a group or groups.
type group []field

type field struct {
	key   string
	value any
}

type (
	// plain is written as it is: a number, a word of ours, a prefix.
	plain string
	// flow is a list on one line; texts in it are already as they should be written.
	flow []string
	// groups is a list of mappings.
	groups []group
)

// emit writes a mapping, each line behind the indent.
func emit(b *strings.Builder, g group, indent string) {
	for i, f := range g {
		if i > 0 {
			b.WriteString(indent)
		}
		b.WriteString(safe(f.key) + ":")
		switch v := f.value.(type) {
		case plain:
			b.WriteString(" " + string(v) + "\n")
		case string:
			b.WriteString(" " + safe(v) + "\n")
		case flow:
			b.WriteString(" [" + strings.Join(v, ", ") + "]\n")
		case group:
			emitNested(b, v, indent+"  ")
		case groups:
			emitList(b, v, indent+"  ")
		default:
			b.WriteString(" " + safe(fmt.Sprint(v)) + "\n")
		}
	}
}

func emitNested(b *strings.Builder, g group, indent string) {
	if len(g) == 0 {
		b.WriteString(" {}\n")
		return
	}
	b.WriteString("\n" + indent)
	emit(b, g, indent)
}

func emitList(b *strings.Builder, list groups, indent string) {
	if len(list) == 0 {
		b.WriteString(" []\n")
		return
	}
	b.WriteString("\n")
	for _, g := range list {
		b.WriteString(indent + "- ")
		emit(b, g, indent+"  ")
	}
}

var (
	harmless = regexp.MustCompile(`^[A-Za-z0-9_./][A-Za-z0-9_./@%+-]*(:+[A-Za-z0-9_./@%+-]+)*$`)
	// numeric is what some YAML reader takes for a number, a time or a sexagesimal number.
	numeric = regexp.MustCompile(`^[0-9.][0-9_.:eE+xobA-Fa-f-]*$`)
	// special are words that some YAML reader takes for something else than text.
	special = []string{"true", "false", "yes", "no", "on", "off", "y", "n", "null"}
)

// safe writes a text so that every YAML reader takes it for that text.
func safe(s string) string {
	number := numeric.MatchString(s) && strings.Count(s, ".") < 2
	switch {
	case harmless.MatchString(s) && !number && !slices.Contains(special, strings.ToLower(s)):
		return s
	case strings.ContainsAny(s, `"\`) && !strings.ContainsRune(s, '\'') && !strings.ContainsFunc(s, notPrinted):
		return "'" + s + "'"
	default:
		return strconv.Quote(s)
	}
}

func notPrinted(c rune) bool { return !unicode.IsPrint(c) }

// flowOf writes each element by a function.
func flowOf[T any](list []T, write func(T) string) flow {
	out := flow{}
	for _, v := range list {
		out = append(out, write(v))
	}
	return out
}
