package filter

import (
	"fmt"
	"strings"
)

// longest is how many octets an expression may have: parentheses nest as deep as it is long.
const longest = 4096

// flatten puts an expression on one line, because only spaces divide words, and refuses what the library would read otherwise than it looks.
func flatten(text string) (string, error) {
	if len(text) > longest {
		return "", &Error{What: fmt.Sprintf("it has %d octets", len(text)), Remedy: fmt.Sprintf("write at most %d, or two rules", longest)}
	}
	b := []byte(text)
	quoted, negated := false, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			if i++; i < len(b) && b[i] != '\\' && b[i] != '"' {
				return "", fault(text, i-1, "inside quotes a backslash is swallowed", `write it twice, as in "\\b64999\\b"`)
			}
		case quoted:
			quoted = c != '"'
		case c == '\n' || c == '\r' || c == '\t':
			b[i] = ' '
		case c == '"' && (i == 0 || b[i-1] == ' '):
			quoted = true
		case c == '!' && negated:
			return "", fault(text, i, "a second ! does not undo the first", "leave both out")
		}
		if i < len(b) && b[i] != ' ' {
			negated = !quoted && b[i] == '!'
		}
	}
	return strings.TrimRight(string(b), " "), nil
}
