package app

import (
	"context"
	"maps"
	"strings"
	"sync"
	"time"

	"anywatch/collector"
)

// feedLog notes since when feeds are up or down, of what passes from the sources to the engine. Routes pass untouched.
type feedLog struct {
	began time.Time // of the daemon

	mu    sync.Mutex
	feeds map[string]feedNote
}

// feedNote is what was last heard of a feed.
type feedNote struct {
	up     bool
	since  time.Time
	reason string // why it is down
}

func newFeedLog(now time.Time) *feedLog {
	return &feedLog{began: now, feeds: make(map[string]feedNote)}
}

// into gives a sink that notes what it hands on.
func (l *feedLog) into(next collector.Sink) collector.Sink {
	return collector.SinkFunc(func(ctx context.Context, ev collector.Event) error {
		if ev.Kind != collector.Routes {
			l.note(ev)
		}
		return next.Emit(ctx, ev)
	})
}

func (l *feedLog) note(ev collector.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch ev.Kind {
	case collector.FeedDown:
		l.feeds[ev.Feed] = feedNote{since: ev.Time, reason: ev.Reason}
	case collector.FeedUp:
		l.back(ev)
	case collector.PeerUp, collector.Heard:
		name, ok := feedOf(ev.Vantage)
		if !ok {
			return
		}
		if old, known := l.feeds[name]; !known || !old.up {
			l.feeds[name] = feedNote{up: true, since: ev.Time}
		}
	}
}

// back notes that a feed is no longer down: it is back, or nobody wants it any more. Of a BGP neighbor both are told alike; when it is back, its
// session says so besides, before this or after. A BMP router that is not wanted any more is told with a reason.
func (l *feedLog) back(ev collector.Event) {
	old, known := l.feeds[ev.Feed]
	switch {
	case known && old.up:
	case strings.HasPrefix(ev.Feed, "bgp:"), strings.HasPrefix(ev.Feed, "bmp:") && ev.Reason != "":
		delete(l.feeds, ev.Feed)
	default:
		l.feeds[ev.Feed] = feedNote{up: true, since: ev.Time}
	}
}

// feedOf gives the feed that a vantage came by; not ok: the vantage doesn't tell.
func feedOf(v *collector.Vantage) (name string, ok bool) {
	return v.Source + ":" + v.Router, v.Source == "bgp" || v.Source == "bmp"
}

// list gives a copy of the notes.
func (l *feedLog) list() map[string]feedNote {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.feeds)
}
