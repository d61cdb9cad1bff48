package alerts_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"anywatch/alerts"
	"anywatch/detector"
)

// clock stands still until it is advanced.
type clock struct {
	mu     sync.Mutex
	now    time.Time
	timers []timer
}

type timer struct {
	at time.Time
	c  chan time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := make(chan time.Time, 1)
	c.timers = append(c.timers, timer{c.now.Add(d), ch})
	return ch
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	var later []timer
	for _, t := range c.timers {
		if t.at.After(c.now) {
			later = append(later, t)
		} else {
			t.c <- c.now
		}
	}
	c.timers = later
}

// sink writes down what it is told, and fails as the test says.
type sink struct {
	name   string
	manner alerts.Manner
	answer func(n alerts.Notification) error

	mu   sync.Mutex
	told []string // one line per notification
}

func (s *sink) Name() string          { return s.name }
func (s *sink) Manner() alerts.Manner { return s.manner }

func (s *sink) Notify(ctx context.Context, n alerts.Notification) error {
	if s.answer != nil {
		if err := s.answer(n); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, line(n))
	return ctx.Err()
}

// take gives what the sink was told since the last time.
func (s *sink) take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	told := strings.Join(s.told, " | ")
	s.told = nil
	return told
}

// line writes a notification as the tests compare it: "opened a, updated b/warning".
func line(n alerts.Notification) string {
	words := make([]string, len(n.Changes))
	for i, c := range n.Changes {
		words[i] = fmt.Sprintf("%s %s", c.Event, c.Incident.ID)
		if c.Incident.Vantages.Seeing > 0 {
			words[i] += fmt.Sprintf("=%d", c.Incident.Vantages.Seeing)
		}
		if c.Incident.Reopened > 0 {
			words[i] += fmt.Sprintf("(%d)", c.Incident.Reopened)
		}
	}
	text := strings.Join(words, ", ")
	if n.Reminder {
		text = "again: " + text
	}
	return text
}

// change makes a change of an incident. The options set what matters to a test.
func change(event detector.EventName, id string, options ...func(*detector.Incident)) detector.Change {
	c := detector.Change{Event: event, Incident: detector.Incident{ID: id, Kind: detector.OriginHijack, Severity: detector.Critical}}
	for _, o := range options {
		o(&c.Incident)
	}
	return c
}

func severity(s detector.Severity) func(*detector.Incident) {
	return func(i *detector.Incident) { i.Severity = s }
}

func seeing(n int) func(*detector.Incident) {
	return func(i *detector.Incident) { i.Vantages.Seeing = n }
}

func reopened(n int) func(*detector.Incident) {
	return func(i *detector.Incident) { i.Reopened = n }
}

func site(name string) func(*detector.Incident) {
	return func(i *detector.Incident) { i.Site = &name }
}

// desk is a dispatcher that runs, with its clock and what it says.
type desk struct {
	*alerts.Dispatcher
	t        *testing.T
	clock    *clock
	registry *prometheus.Registry
	log      *bytes.Buffer
	ended    chan error
}

// inDesk runs a test with a running dispatcher, in a bubble in which Wait tells when everything rests.
func inDesk(t *testing.T, c alerts.Config, test func(d *desk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, c)
		go func() { d.ended <- d.Run(t.Context()) }()
		synctest.Wait()
		test(d)
		if err := d.Close(t.Context()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}

func newDesk(t *testing.T, c alerts.Config) *desk {
	t.Helper()
	d := &desk{t: t, clock: &clock{now: time.Date(2024, 6, 27, 18, 0, 0, 0, time.UTC)}, registry: prometheus.NewPedanticRegistry(),
		log: new(bytes.Buffer), ended: make(chan error, 1)}
	c.Clock, c.Metrics = d.clock, alerts.NewMetrics(d.registry)
	c.Log = slog.New(slog.NewTextHandler(d.log, nil))
	c.Chance = func() float64 { return 1 }
	dispatcher, err := alerts.New(c)
	if err != nil {
		t.Fatal(err)
	}
	d.Dispatcher = dispatcher
	return d
}

// handle hands changes over and waits until everything rests.
func (d *desk) handle(changes ...detector.Change) {
	for _, c := range changes {
		d.Handle(c)
	}
	synctest.Wait()
}

// pass lets time pass, and waits until everything rests.
func (d *desk) pass(t time.Duration) {
	d.clock.advance(t)
	synctest.Wait()
}

// told checks what a sink was told since the last time.
func (d *desk) told(s *sink, want string) {
	d.t.Helper()
	if got := s.take(); got != want {
		d.t.Errorf("%s was told\n  %q, want\n  %q", s.name, got, want)
	}
}

// counts checks the outcomes of a sink, written "sent retried failed condensed depth".
func (d *desk) counts(s *sink, want string) {
	d.t.Helper()
	outcome := func(name string) float64 { return d.metric("anywatch_notifications_total", s.name, name) }
	got := fmt.Sprint(outcome("sent"), outcome("retried"), outcome("failed"), outcome("condensed"),
		d.metric("anywatch_notification_queue_depth", s.name, ""))
	if got != want {
		d.t.Errorf("%s: sent, retried, failed, condensed, depth are %s; want %s", s.name, got, want)
	}
}

// metric gives the value of a counter or gauge of a sink; -1 when there is none.
func (d *desk) metric(name, sink, outcome string) float64 {
	d.t.Helper()
	families, err := d.registry.Gather()
	if err != nil {
		d.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if labels["sink"] == sink && labels["outcome"] == outcome {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return -1
}

func TestMetricsFollowTheConventions(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	c := alerts.Config{Routes: []alerts.Route{{Sink: &sink{name: "a"}}}, Metrics: alerts.NewMetrics(registry)}
	if _, err := alerts.New(c); err != nil {
		t.Fatal(err)
	}
	problems, err := testutil.GatherAndLint(registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
	if n, err := testutil.GatherAndCount(registry); err != nil || n != 6 {
		t.Errorf("a sink has %d series before its first notification, %v; want 6", n, err)
	}
}

var errDown = errors.New("the receiver is down")
