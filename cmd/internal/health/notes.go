package health

import (
	"context"
	"log/slog"
	"sync"
)

// notes is what a probe of the blackbox exporter writes to its log: the only place where it says why it failed.
type notes struct {
	mu      sync.Mutex
	records []slog.Record
}

// Enabled implements slog.Handler.
func (n *notes) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (n *notes) Handle(_ context.Context, r slog.Record) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.records = append(n.records, r.Clone())
	return nil
}

// WithAttrs and WithGroup implement slog.Handler; the probers use neither.
func (n *notes) WithAttrs([]slog.Attr) slog.Handler { return n }

// WithGroup implements slog.Handler.
func (n *notes) WithGroup(string) slog.Handler { return n }

// first gives the first value that was noted under a name, nil for none. Debug notes don't count: they tell of what was tried in passing.
func (n *notes) first(name string) (value any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, r := range n.records {
		r.Attrs(func(a slog.Attr) bool {
			if value == nil && a.Key == name && r.Level > slog.LevelDebug {
				value = a.Value.Any()
			}
			return value == nil
		})
	}
	return value
}

// says tells whether there is a note with this message.
func (n *notes) says(message string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, r := range n.records {
		if r.Message == message {
			return true
		}
	}
	return false
}
