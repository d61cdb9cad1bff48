package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The examples of docs/alerts.md are right: each is read as part of a configuration, with the files that it names.
func TestTheExamplesOfTheDocumentation(t *testing.T) {
	text, err := os.ReadFile("../../../docs/alerts.md")
	if err != nil {
		t.Fatal(err)
	}
	dir, read := t.TempDir(), 0
	if err := os.Mkdir(filepath.Join(dir, "secrets"), 0o700); err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile("testdata/ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"slack": "https://hooks.example.net/x", "hook": "x", "pd": "x", "mail": "x", "teams": "teams+https://teams.example.net/x", "../ca.pem": string(ca)} {
		if err := os.WriteFile(filepath.Join(dir, "secrets", name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	blocks := strings.Split(string(text), "```yaml\n")[1:]
	for _, block := range blocks {
		block, _, _ = strings.Cut(block, "```")
		if strings.HasPrefix(block, "sinks:") {
			block = "alerts:\n  " + strings.ReplaceAll(block, "\n", "\n  ")
		}
		if !strings.Contains(block, "prefixes:\n") {
			block += "\nprefixes: [{prefix: 192.0.2.0/24}]\n"
		}
		c, err := Parse("alerts.md", []byte("asns: [64500]\n"+block), dir)
		if err != nil {
			t.Errorf("%v in\n%s", err, block)
			continue
		}
		read += len(c.Alerts.Sinks)
	}
	if len(blocks) < 3 || read < 9 {
		t.Errorf("%d examples with %d sinks", len(blocks), read)
	}
}
