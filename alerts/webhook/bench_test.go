package webhook_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"testing"
	"time"

	"anywatch/alerts"
	"anywatch/alerts/alertstest"
	"anywatch/alerts/webhook"
)

// BenchmarkHandleToReceiver measures the time from a change of an incident to its request at the receiver, without gathering.
func BenchmarkHandleToReceiver(b *testing.B) {
	arrived := make(chan time.Time)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived <- time.Now() }))
	defer server.Close()
	sink, err := webhook.New("hook", webhook.Config{URL: server.URL, Secret: "the key"})
	if err != nil {
		b.Fatal(err)
	}
	d, err := alerts.New(alerts.Config{Routes: []alerts.Route{{Sink: sink}}})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error)
	go func() { ended <- d.Run(ctx) }()
	c := alertstest.Opened()
	var took []time.Duration
	for n := 0; b.Loop(); n++ {
		c.Incident.ID = strconv.Itoa(n)
		start := time.Now()
		d.Handle(c)
		took = append(took, (<-arrived).Sub(start))
	}
	if err := d.Close(ctx); err != nil {
		b.Error(err)
	}
	cancel()
	if err := <-ended; err != nil {
		b.Error(err)
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}
