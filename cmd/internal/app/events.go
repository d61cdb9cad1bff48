package app

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"anywatch/detector"
)

// eventsPath is where the daemon tells what happens as it happens: server-sent events, each a change of an incident as one line of JSON.
const eventsPath = "/api/v1/events"

const (
	// listenerQueue is how many changes may wait for one listener; a slower one is cut off, and knows by that that it missed something.
	listenerQueue = 1024
	// heartbeat is how often a silent stream shows that it lives.
	heartbeat = 15 * time.Second
)

// hub hands changes to whoever listens. It never waits for a listener.
type hub struct {
	prometheus.GaugeFunc // how many listen

	mu        sync.Mutex
	listeners map[chan detector.Change]bool
}

func newHub() *hub {
	h := &hub{listeners: make(map[chan detector.Change]bool)}
	h.GaugeFunc = prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "anywatch_event_listeners", Help: "Clients that follow the stream of events."}, func() float64 {
		h.mu.Lock()
		defer h.mu.Unlock()
		return float64(len(h.listeners))
	})
	return h
}

func (h *hub) tell(c detector.Change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.listeners {
		select {
		case l <- c:
		default:
			delete(h.listeners, l)
			close(l)
		}
	}
}

func (h *hub) listen() chan detector.Change {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := make(chan detector.Change, listenerQueue)
	h.listeners[l] = true
	return l
}

func (h *hub) leave(l chan detector.Change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.listeners, l)
}

// serveEvents answers GET /api/v1/events.
func (d *Daemon) serveEvents(w http.ResponseWriter, r *http.Request) {
	l := d.hub.listen()
	defer d.hub.leave(l)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	out := http.NewResponseController(w)
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	text := ": anywatch tells what happens\n\n"
	for {
		if _, err := io.WriteString(w, text); err != nil || out.Flush() != nil {
			return
		}
		select {
		case c, more := <-l:
			line, err := c.JSON()
			if !more || err != nil {
				return
			}
			text = fmt.Sprintf("event: %s\ndata: %s\n\n", c.Event, line)
		case <-beat.C:
			text = ": \n\n"
		case <-d.ending:
			return
		case <-r.Context().Done():
			return
		}
	}
}

// Follow calls tell with each change of an incident that a daemon tells of, as JSON, until ctx ends, tell fails, or the daemon stops telling.
func Follow(ctx context.Context, daemon string, tell func(line string) error) error {
	page, err := daemonPage(daemon, eventsPath, nil)
	if err != nil {
		return err
	}
	body, err := get(ctx, page.String())
	if err != nil {
		return err
	}
	defer body.Close()
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			if err := tell(data); err != nil {
				return err
			}
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("the daemon at %s stopped telling: %w", redacted(daemon), err)
	}
	return fmt.Errorf("the daemon at %s stopped telling: it ended, or this reader was too slow", redacted(daemon))
}
