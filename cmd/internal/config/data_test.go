//go:build data

package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The complete configuration of the documentation is accepted as it stands, uses every key, and shows none of its secrets.
func TestContract(t *testing.T) {
	data := os.Getenv("ANYWATCH_DATA")
	if data == "" {
		t.Fatal("ANYWATCH_DATA is not set: it names the directory of test data, beside which contract/ lies")
	}
	dir := filepath.Join(data, "..", "contract")
	c, err := Load(filepath.Join(dir, "anywatch.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "prefixes", len(c.Prefixes), 4)
	equal(t, "sites", len(c.Sites), 3)
	equal(t, "sinks", len(c.Alerts.Sinks), 8)
	shown := printed(t, c)
	files, err := filepath.Glob(filepath.Join(dir, "secrets", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d secrets: %v", len(files), err)
	}
	for _, path := range files {
		secret, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(shown, strings.TrimSpace(string(secret))) {
			t.Errorf("the content of %s is shown", path)
		}
	}
}
