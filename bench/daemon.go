package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"anywatch/bench/internal/fulltable"
	"anywatch/bench/internal/proc"
)

// station is an anywatch that runs, and the receiver of its webhooks.
type station struct {
	*proc.Daemon
	hook *proc.Hook
}

// station runs anywatch with a source, given as YAML below sources. It watches prefixes that nothing in a table touches, wants one vantage as
// evidence, and tells of incidents at once.
func (b *bench) station(ctx context.Context, source string) (*station, error) {
	hook, err := proc.NewHook()
	if err != nil {
		return nil, err
	}
	var c strings.Builder
	c.WriteString("asns: [64500]\nprefixes:\n")
	for i := range b.size.watched {
		fmt.Fprintf(&c, "  - {prefix: %s}\n", fulltable.Watched(i))
	}
	fmt.Fprintf(&c, "sources:\n  %s\n", source)
	c.WriteString("detect: {confirm: {vantages: 1, external_vantages: 1, within: 60s}}\n")
	fmt.Fprintf(&c, "alerts: {group_wait: 0s, sinks: [{name: hook, webhook: {url: %q}}]}\n", hook.URL())
	c.WriteString("store: {url: \"sqlite:anywatch.db\"}\n") // what is told is on the disk before: the wait for that counts
	dir, err := os.MkdirTemp(b.dir, "s")
	if err != nil {
		return nil, err
	}
	d, err := proc.StartDaemon(ctx, b.anywatch, dir, c.String())
	if err != nil {
		hook.Close()
		return nil, err
	}
	return &station{d, hook}, nil
}

func (s *station) stop() {
	s.Stop()
	s.hook.Close()
}

// exactly fails when a counter of a source is not what was sent.
func (s *station) exactly(ctx context.Context, name, source string, want int) error {
	got, err := s.Metric(ctx, name, source)
	if err == nil && int(got) != want {
		err = fmt.Errorf("%s of %s is %.0f; %d were sent", name, source, got, want)
	}
	return err
}
