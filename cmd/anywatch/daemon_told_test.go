package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// told is one event of an incident as a receiver reads it, of which these tests look at a part.
type told struct {
	Event    string    `json:"event"`
	Time     time.Time `json:"time"`
	Incident struct {
		ID       string `json:"id"`
		Kind     string `json:"kind"`
		Severity string `json:"severity"`
		State    string `json:"state"`
		Prefix   string `json:"prefix"`
		Watched  string `json:"watched"`
		Origin   uint32 `json:"origin"`
		Path     []any  `json:"path"`
		RPKI     struct {
			State string   `json:"state"`
			VRPs  []string `json:"vrps"`
		} `json:"rpki"`
		Vantages struct {
			Seeing int `json:"seeing"`
			Peak   int `json:"peak"`
			Of     int `json:"of"`
		} `json:"vantages"`
		Evidence []struct {
			Vantage string `json:"vantage"`
		} `json:"evidence"`
		PreExisting bool       `json:"pre_existing"`
		Summary     string     `json:"summary"`
		Resolution  string     `json:"resolution"`
		Started     time.Time  `json:"started"`
		Opened      time.Time  `json:"opened"`
		Resolved    *time.Time `json:"resolved"`
		Reopened    int        `json:"reopened"`
	} `json:"incident"`
}

// String tells it in short, for the messages of tests.
func (x told) String() string {
	return fmt.Sprintf("%s %s %s of AS%d", x.Event, x.Incident.Kind, x.Incident.Prefix, x.Incident.Origin)
}

// parseTold reads JSON lines. The last line of a file that is being written may be without its end: it is left for the next time.
func parseTold(t *testing.T, text string) (list []told) {
	t.Helper()
	for line := range strings.Lines(text) {
		if !strings.HasSuffix(line, "\n") {
			break
		}
		var x told
		if err := json.Unmarshal([]byte(line), &x); err != nil {
			t.Fatalf("%v in the line %s", err, line)
		}
		list = append(list, x)
	}
	return list
}

// read gives what a file of the station holds, nothing where there is none.
func (s *station) read(name string) string {
	b, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
	return string(b)
}

// lines gives what the file sink was told.
func (s *station) lines() []told { return parseTold(s.t, s.read("alerts.jsonl")) }

// next waits for the next event in the file, where all of it must be known to the test: anything that was not to be told fails it. Updates are
// passed over, unless one is asked for.
func (s *station) next(event, kind, prefix string) told {
	s.t.Helper()
	var x told
	eventually(s.t, fmt.Sprintf("%s %s %s", event, kind, prefix), func() bool {
		for _, x = range s.lines()[s.passed:] {
			s.passed++
			if x.Event == event || x.Event != "updated" {
				return true
			}
		}
		return false
	})
	if x.Event != event || x.Incident.Kind != kind || x.Incident.Prefix != prefix {
		s.t.Fatalf("told: %s (%s); expected: %s %s %s", x, x.Incident.Resolution, event, kind, prefix)
	}
	return x
}

// still checks that nothing was told since but updates.
func (s *station) still() {
	s.t.Helper()
	for _, x := range s.lines()[s.passed:] {
		if x.Event != "updated" {
			s.t.Errorf("told, though nothing had happened: %s (%s)", x, x.Incident.Resolution)
		}
	}
}

const hookSecret = "correct horse battery staple"

// hook is a receiver of webhooks. It believes only what is signed.
type hook struct {
	server *httptest.Server
	mu     sync.Mutex
	bodies []string
	wrong  []string
	block  chan struct{} // a request waits until it is closed; nil: not
}

func newHook(t *testing.T) *hook {
	h := new(hook)
	h.server = httptest.NewServer(h)
	t.Cleanup(func() {
		h.release()
		h.server.Close()
		for _, w := range h.wrong {
			t.Error(w)
		}
	})
	return h
}

// ServeHTTP takes a notification.
func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	h.mu.Lock()
	block := h.block
	h.mu.Unlock()
	if block != nil {
		<-block
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	mac := hmac.New(sha256.New, []byte(hookSecret))
	mac.Write(body)
	want := "sha256=" + hex.EncodeToString(mac.Sum(nil))
	if got := r.Header.Get("X-Anywatch-Signature"); err != nil || got != want || r.Method != http.MethodPost {
		h.wrong = append(h.wrong, fmt.Sprintf("%s with signature %q, expected %q: %v: %s", r.Method, got, want, err, body))
		w.WriteHeader(http.StatusForbidden)
		return
	}
	h.bodies = append(h.bodies, string(body))
}

// hold makes requests wait for their answers until release.
func (h *hook) hold() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.block = make(chan struct{})
}

func (h *hook) release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.block != nil {
		close(h.block)
		h.block = nil
	}
}

// all gives what came, in order.
func (h *hook) all() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.bodies)
}

// agrees waits until the webhook was told what the file was told, in the same order and to the byte.
func (s *station) hookAgrees() {
	s.t.Helper()
	var bodies, lines []string
	eventually(s.t, "the webhook hears as much as the file", func() bool {
		bodies, lines = s.hook.all(), strings.Split(strings.TrimSpace(s.read("alerts.jsonl")), "\n")
		return len(bodies) >= len(lines)
	})
	for i := range bodies {
		bodies[i] = strings.TrimSpace(bodies[i])
	}
	if !slices.Equal(bodies, lines) {
		s.t.Errorf("the webhook was told\n%s\nthe file\n%s", strings.Join(bodies, "\n"), strings.Join(lines, "\n"))
	}
}
