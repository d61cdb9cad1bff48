package templates

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"anywatch/detector"
)

// functions are what templates can call besides those of text/template.
var functions = map[string]any{
	"json":  quoteJSON,
	"upper": func(v any) string { return strings.ToUpper(fmt.Sprint(v)) },
	"lower": func(v any) string { return strings.ToLower(fmt.Sprint(v)) },
	"join":  func(separator string, texts []string) string { return strings.Join(texts, separator) },
	"utc":   utc,
	"clip":  func(limit int, v any) string { return Clip(fmt.Sprint(v), limit) },
	"add":   func(a, b int) int { return a + b },
}

// quoteJSON writes any value as JSON: a text with its quotes, an absent fact as null.
func quoteJSON(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "", err
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

func utc(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") + " UTC" }

func number(n int) string { return strconv.Itoa(n) }

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return number(n) + " times"
}

func seenBy(v detector.Vantages) string {
	if v.Of == 0 {
		return ""
	}
	text := fmt.Sprintf("%d of %d vantages", v.Seeing, v.Of)
	if v.Peak > v.Seeing {
		text += fmt.Sprintf(", %d at most", v.Peak)
	}
	return text
}

// Clip bounds a text to so many characters; what is cut ends in an ellipsis.
func Clip(text string, limit int) string {
	runes := []rune(text)
	if limit < 1 || len(runes) <= limit {
		return text
	}
	return strings.TrimRight(string(runes[:limit-1]), " ") + "…"
}
