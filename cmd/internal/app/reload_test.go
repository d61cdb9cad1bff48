package app

import (
	"context"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"anywatch/cmd/internal/config"
)

// A reload that comes while the daemon is only starting takes effect when it runs.
func TestReloadBeforeRun(t *testing.T) {
	load := func(prefix string) *config.Config {
		text := "asns: [64500]\nprefixes: [{prefix: " + prefix + "}]\nweb: {listen: 127.0.0.1:0}\n"
		c, err := config.Parse("anywatch.yaml", []byte(text), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	d, err := New(Options{Config: load("192.0.2.0/24"), Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	reloaded, ended := make(chan error, 1), make(chan error, 1)
	next := load("198.51.100.0/24")
	go func() { reloaded <- d.Reload(ctx, next) }()
	for d.mu.TryLock() { // until the reload is under way
		d.mu.Unlock()
		runtime.Gosched()
	}
	go func() { ended <- d.Run(ctx) }()
	if err := <-reloaded; err != nil {
		t.Error(err)
	}
	d.mu.Lock()
	if d.config != next {
		t.Error("the old configuration is in force")
	}
	d.mu.Unlock()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
