package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing that is wrong with a configuration.
type Fault struct {
	// File is the name as the user gave it.
	File string
	// Line and Column count from 1; both are 0 when the fault is the file itself.
	Line, Column int
	// Key is the place by name, as prefixes[1].prefix; YAML for what is wrong with the notation; "" for the file itself.
	Key string
	// Problem says what is wrong, Remedy what would be right.
	Problem, Remedy string
}

// String gives one line: FILE:LINE:COLUMN: KEY: what is wrong; what would be right.
func (f Fault) String() string {
	if f.Line == 0 {
		return fmt.Sprintf("%s: %s; %s", f.File, f.Problem, f.Remedy)
	}
	return fmt.Sprintf("%s:%d:%d: %s: %s; %s", f.File, f.Line, f.Column, f.Key, f.Problem, f.Remedy)
}

// Faults is everything that is wrong with a configuration, in the order of the file. It is an error when it isn't empty.
type Faults []Fault

// Error gives a line for each fault.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, one := range f {
		lines[i] = one.String()
	}
	return strings.Join(lines, "\n")
}

// inOrder sorts by place, and names what several aliases lead to only once.
func (f Faults) inOrder() Faults {
	slices.SortStableFunc(f, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return slices.CompactFunc(f, func(a, b Fault) bool {
		return a.Line == b.Line && a.Column == b.Column && a.Problem == b.Problem && lastKey(a.Key) == lastKey(b.Key)
	})
}

func lastKey(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

// problem is what the function that reads a kind of value says of a text that it refuses.
type problem struct{ what, remedy string }

// longest is how much of a value a message quotes.
const longest = 80

// quote writes a value from the file so that it stays on one line and short.
func quote(text string) string {
	if runes := []rune(text); len(runes) > longest {
		text = string(runes[:longest]) + "…"
	}
	return fmt.Sprintf("%q", text)
}
