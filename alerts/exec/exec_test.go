package exec_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"anywatch/alerts"
	"anywatch/alerts/alertstest"
	"anywatch/alerts/exec"
	"anywatch/detector"
)

// script writes a shell script and makes the sink that runs it.
func script(t *testing.T, body string, timeout time.Duration, args ...string) *exec.Sink {
	t.Helper()
	path := filepath.Join(t.TempDir(), "on-alert")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body), 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := exec.New("script", exec.Config{Command: append([]string{path}, args...), Timeout: timeout, Dir: filepath.Dir(path), Dashboard: "https://anywatch.example.net"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func note(changes ...detector.Change) alerts.Notification {
	return alerts.Notification{Changes: changes}
}

// The command gets the change as JSON, the facts in its environment, and its arguments as they are.
func TestWhatTheCommandGets(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	s := script(t, `{ echo "$1|$ANYWATCH_EVENT|$ANYWATCH_SEVERITY|$ANYWATCH_PREFIX|$ANYWATCH_OFFENDER|$ANYWATCH_LINK"; cat; } >> "$2"`, 0, `$(id) "x"`, out)
	if err := s.Notify(t.Context(), note(alertstest.Opened(), alertstest.Resolved())); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for _, c := range []detector.Change{alertstest.Opened(), alertstest.Resolved()} {
		line, err := c.JSON()
		if err != nil {
			t.Fatal(err)
		}
		want.WriteString(`$(id) "x"|` + string(c.Event) + "|critical|192.0.2.0/24|AS64666|https://anywatch.example.net/incidents/7f3c9b1e2a604d55\n" + string(line) + "\n")
	}
	if string(b) != want.String() {
		t.Errorf("the command got\n%s\nwant\n%s", b, want.String())
	}
}

func TestHowItEnds(t *testing.T) {
	for _, c := range []struct {
		name, body string
		fails      string
		permanent  bool
	}{
		{"it does not read its input", "exit 0", "", false},
		{"it talks", "echo hello; echo hello >&2", "", false},
		{"it fails", "echo no such queue >&2; exit 3", "exit status 3; it said: no such queue", true},
		{"it asks for another try", "exit 75", "exit status 75", false},
		{"it is killed", "kill -9 $$", "signal: killed", false},
		{"it says much", `i=0; while [ $i -lt 300 ]; do echo line$i >&2; i=$((i+1)); done; exit 1`, "line299", true},
	} {
		err := script(t, c.body, 0).Notify(t.Context(), note(alertstest.Opened()))
		if c.fails == "" {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		e, ok := errors.AsType[*alerts.Error](err)
		if err == nil || !strings.Contains(err.Error(), c.fails) || (ok && e.Permanent) != c.permanent || len(err.Error()) > 1000 {
			t.Errorf("%s: %v; want %q, permanent %v", c.name, err, c.fails, c.permanent)
		}
	}
}

// A command that takes too long is killed with all that it started.
func TestATimeoutKillsTheWholeGroup(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	s := script(t, `sleep 600 & echo $! > "$1"; wait`, 300*time.Millisecond, pids)
	err := s.Notify(t.Context(), note(alertstest.Opened()))
	if err == nil || !strings.Contains(err.Error(), "was killed") {
		t.Fatalf("%v", err)
	}
	b, err := os.ReadFile(pids)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for tick := time.NewTicker(10 * time.Millisecond); alive(pid); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("the child %d still runs", pid)
		}
	}
}

// alive tells whether a process runs; a zombie, which nobody has waited for yet, does not.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && !strings.Contains(string(b), ") Z ")
}

func TestWhatCannotRun(t *testing.T) {
	s, err := exec.New("script", exec.Config{Command: []string{"/no/such/program", "--token", "s3cr3t"}})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Notify(t.Context(), note(alertstest.Opened()))
	if err == nil || !strings.Contains(err.Error(), "/no/such/program can't be run") {
		t.Errorf("%v", err)
	}
	alertstest.KeepsSecrets(t, s, "s3cr3t")
	for want, c := range map[string]exec.Config{"no program": {}, "no time": {Command: []string{"x"}, Timeout: -1}} {
		if _, err := exec.New("script", c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v; want %q", c, err, want)
		}
	}
}
