package terminal

import "strings"

// wrap breaks a text between words into lines of at most width characters. A word that is longer than a line is broken where the line ends.
// There is always at least one line.
func wrap(text string, width int) []string {
	var lines []string
	var line []rune
	for _, field := range strings.Fields(text) {
		word := []rune(field)
		if len(line) > 0 {
			if len(line)+1+len(word) <= width {
				line = append(append(line, ' '), word...)
				continue
			}
			lines = append(lines, string(line))
		}
		for len(word) > width {
			lines = append(lines, string(word[:width]))
			word = word[width:]
		}
		line = word
	}
	return append(lines, string(line))
}

// cut shortens a text to width characters; an ellipsis shows that something is missing.
func cut(text string, width int) string {
	runes := []rune(text)
	if len(runes) <= width {
		return text
	}
	return strings.TrimRight(string(runes[:width-1]), " ") + "…"
}
