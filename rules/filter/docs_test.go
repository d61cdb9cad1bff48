package filter

import (
	"os"
	"strings"
	"testing"
)

// The examples of the guide compile.
func TestExamplesOfTheGuide(t *testing.T) {
	guide, err := os.ReadFile("../../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(guide), "```filter\n")
	block, _, _ = strings.Cut(block, "```")
	examples := strings.Split(strings.TrimSpace(block), "\n")
	if len(examples) != 10 {
		t.Fatalf("%d examples", len(examples))
	}
	for _, text := range examples {
		if _, err := Compile(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}
