package alerts

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable replaces in a text what could move a cursor, end a line or turn the direction of writing: routers and feeds choose some of the
// names that we show to people. Invalid UTF-8 is replaced too.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(text, string(utf8.RuneError)))
}
