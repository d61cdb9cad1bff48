package config

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever the bytes, Parse ends, each fault has a place and is one line, and what is accepted can be printed and read again.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/good/*.yaml", "testdata/bad/*.yaml"} {
		files, _ := filepath.Glob(pattern)
		for _, path := range files {
			data, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("f.yaml", data, dir)
		if err == nil {
			readAgain(t, c, dir)
			return
		}
		faults, ok := err.(Faults)
		if !ok || len(faults) == 0 || c != nil {
			t.Fatalf("a configuration %v with the error %v", c, err)
		}
		for _, fault := range faults {
			if (fault.Line < 1 || fault.Column < 1) && !strings.Contains(fault.Problem, "empty") {
				t.Errorf("has no place: %+v", fault)
			}
			if fault.Problem == "" || fault.Remedy == "" || strings.ContainsAny(fault.String(), "\n\r") {
				t.Errorf("is not a line that says what is wrong and what would be right: %q", fault)
			}
			if lines := bytes.Count(data, []byte("\n")) + bytes.Count(data, []byte("\r")) + 1; fault.Line > lines {
				t.Errorf("line %d of %d: %s", fault.Line, lines, fault)
			}
		}
	})
}

func readAgain(t *testing.T, c *Config, dir string) {
	var first, second bytes.Buffer
	if err := c.Print(&first); err != nil {
		t.Fatal(err)
	}
	Unused(c)
	if strings.Contains(first.String(), hidden) {
		return
	}
	again, err := Parse("f.yaml", first.Bytes(), dir)
	if err != nil {
		t.Fatalf("what is printed is refused: %v\n%s", err, first.String())
	}
	if err := again.Print(&second); err != nil || second.String() != first.String() {
		t.Fatalf("what is printed reads back as another (%v):\n%s\n%s", err, first.String(), second.String())
	}
}
