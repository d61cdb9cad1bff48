package file_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"anywatch/alerts/alertstest"
	"anywatch/alerts/file"
)

// A file is rotated before it grows too large, no line is torn or lost, and the oldest file goes.
func TestRotation(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "alerts.jsonl")
	line, err := alertstest.Opened().JSON()
	if err != nil {
		t.Fatal(err)
	}
	two := int64(2 * (len(line) + 1))
	s, err := file.NewRotating("log", path, file.Rotation{MaxBytes: two, Keep: 2})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		tell(t, s, alertstest.Opened())
	}
	expect(t, path, "opened")
	expect(t, path+".1", "opened opened")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, err = file.NewRotating("log", path, file.Rotation{MaxBytes: two, Keep: 2}) // what is there counts
	if err != nil {
		t.Fatal(err)
	}
	for range 6 {
		tell(t, s, alertstest.Opened())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	expect(t, path, "opened")
	expect(t, path+".1", "opened opened")
	expect(t, path+".2", "opened opened")
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || !slices.Equal(names, []string{path, path + ".1", path + ".2"}) {
		t.Errorf("%q, %v", names, err)
	}
}

// A line that is longer than the bound is written all the same.
func TestALineLongerThanTheBound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.jsonl")
	s, err := file.NewRotating("log", path, file.Rotation{MaxBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	tell(t, s, alertstest.Opened(), alertstest.Resolved())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	expect(t, path, "resolved")
	expect(t, path+".1", "opened")
	if _, err := os.Stat(path + ".2"); err == nil {
		t.Error("one former file is the least, and the most here")
	}
}
