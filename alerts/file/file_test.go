package file_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"anywatch/alerts"
	"anywatch/alerts/alertstest"
	"anywatch/alerts/file"
	"anywatch/detector"
)

func tell(t *testing.T, s *file.Sink, changes ...detector.Change) {
	t.Helper()
	if err := s.Notify(t.Context(), alerts.Notification{Changes: changes}); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, path string) *file.Sink {
	t.Helper()
	s, err := file.New("log", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// events reads the events of a file; a line that is no change is given as it stands.
func events(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for line := range strings.Lines(string(b)) {
		var c detector.Change
		if err := json.Unmarshal([]byte(line), &struct {
			Event *detector.EventName `json:"event"`
		}{&c.Event}); err != nil || !strings.HasSuffix(line, "\n") {
			list = append(list, strings.TrimSuffix(line, "\n"))
			continue
		}
		list = append(list, string(c.Event))
	}
	return strings.Join(list, " ")
}

func expect(t *testing.T, path, want string) {
	t.Helper()
	if got := events(t, path); got != want {
		t.Errorf("the file holds %q; want %q", got, want)
	}
}

func TestEveryChangeIsOneLineOfTheContract(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.jsonl")
	s := open(t, path)
	tell(t, s, alertstest.Opened(), alertstest.Updated(detector.Warning, 4))
	tell(t, s, alertstest.Resolved())
	expect(t, path, "opened updated resolved")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want, err := alertstest.Opened().JSON()
	if err != nil {
		t.Fatal(err)
	}
	if first, _, _ := strings.Cut(string(b), "\n"); first != string(want) {
		t.Errorf("the first line is\n%s\nwant\n%s", first, want)
	}
}

func TestTheFileIsNotForEverybody(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	path := filepath.Join(t.TempDir(), "alerts.jsonl")
	open(t, path)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the mode is %v, %v; want -rw-r-----", info.Mode(), err)
	}
}

func TestWhatIsThereStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.jsonl")
	tell(t, open(t, path), alertstest.Opened())
	tell(t, open(t, path), alertstest.Resolved())
	expect(t, path, "opened resolved")
}

// A line that a crash or a full disk cut off stays broken alone.
func TestABrokenLastLineDoesNotBreakTheNext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.jsonl")
	if err := os.WriteFile(path, []byte(`{"event":"ope`), 0o600); err != nil {
		t.Fatal(err)
	}
	tell(t, open(t, path), alertstest.Opened())
	expect(t, path, `{"event":"ope opened`)
}

func TestReopenFollowsARotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.jsonl")
	s := open(t, path)
	tell(t, s, alertstest.Opened())
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	tell(t, s, alertstest.Updated(detector.Warning, 4))
	if err := s.Reopen(); err != nil {
		t.Fatal(err)
	}
	tell(t, s, alertstest.Resolved())
	expect(t, path+".1", "opened updated")
	expect(t, path, "resolved")
}

func TestAFailedReopenKeepsTheFile(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "log")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	s := open(t, filepath.Join(folder, "alerts.jsonl"))
	moved := folder + "-moved"
	if err := os.Rename(folder, moved); err != nil {
		t.Fatal(err)
	}
	if err := s.Reopen(); err == nil {
		t.Error("a file in a folder that is gone was opened")
	}
	tell(t, s, alertstest.Opened())
	expect(t, filepath.Join(moved, "alerts.jsonl"), "opened")
}

func TestNewSaysWhatStandsInTheWay(t *testing.T) {
	folder := t.TempDir()
	pipe := filepath.Join(folder, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(folder, "none", "alerts.jsonl"): "the folder " + filepath.Join(folder, "none") + " does not exist",
		folder: "is a folder",
		pipe:   "is a pipe or socket",
	} {
		if _, err := file.New("log", path); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "file sink log: ") {
			t.Errorf("New: %v; want an error of the sink with %q", err, want)
		}
	}
}

func TestAClosedFileTakesNothing(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "alerts.jsonl"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Notify(t.Context(), alerts.Notification{Changes: []detector.Change{alertstest.Opened()}}); err == nil {
		t.Error("a closed file took a change")
	}
}
