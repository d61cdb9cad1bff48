package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// mood is how a receiver of webhooks answers.
type mood int

const (
	well     mood = iota
	slow          // takes its time
	busy          // asks to come back in a second (RFC 9110 section 15.6.4)
	broken        // answers 500
	down          // closes the connection without an answer
	moods         // how many there are
	slowness = 40 * time.Millisecond
)

// receipt is a webhook that a receiver took.
type receipt struct{ key, body string }

// moody is a receiver of webhooks that is not always well. It notes what it took, also where nobody lived to read its answer.
type moody struct {
	url string

	mu   sync.Mutex
	mood mood
	took []receipt
}

func newMoody(t *testing.T) *moody {
	m := new(moody)
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	m.url = server.URL
	return m
}

// becomes changes how it answers.
func (m *moody) becomes(x mood) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mood = x
}

// all gives what it took, in order.
func (m *moody) all() []receipt {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]receipt(nil), m.took...)
}

// ServeHTTP takes a webhook, or does not.
func (m *moody) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender was killed amid it
	}
	m.mu.Lock()
	mood := m.mood
	m.mu.Unlock()
	switch mood {
	case slow:
		<-time.After(slowness)
	case busy:
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case broken:
		w.WriteHeader(http.StatusInternalServerError)
		return
	case down:
		panic(http.ErrAbortHandler) // how net/http wants it said
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.took = append(m.took, receipt{r.Header.Get("X-Anywatch-Delivery"), string(body)})
}
