package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"anywatch/cmd/internal/config"
	"anywatch/cmd/internal/report"
	"anywatch/detector"
)

// reportsPath is where the daemon makes reports: …/flaps?since=RFC3339.
const reportsPath = "/api/v1/reports/"

// serveReport answers with a report as JSON, its curves included.
func (d *Daemon) serveReport(w http.ResponseWriter, r *http.Request) {
	var since time.Time
	if text := r.URL.Query().Get("since"); text != "" {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			http.Error(w, fmt.Sprintf("since=%q is no time; write it as 2026-11-22T18:00:00Z (RFC 3339)", text), http.StatusBadRequest)
			return
		}
		since = at
	}
	var doc report.Document
	known := false
	d.owner.ask(func(e *detector.Engine) { doc, known = Report(e, r.PathValue("name"), since, true) })
	if !known {
		http.Error(w, fmt.Sprintf("there is no report %q; there is: flaps", r.PathValue("name")), http.StatusNotFound)
		return
	}
	var b bytes.Buffer
	if err := doc.Write(&b, "json"); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(b.Bytes()) // who went away doesn't want it
}

// Report makes a report of what an engine knows; false when there is none of that name.
func Report(e *detector.Engine, name string, since time.Time, curves bool) (report.Document, bool) {
	if name != "flaps" {
		return report.Document{}, false
	}
	return report.Flaps(e, since, curves), true
}

// AskReport asks a running daemon for a report. The configuration, which may be nil, tells the parameters that curves are drawn with.
func AskReport(ctx context.Context, daemon, name string, since time.Time, c *config.Config) (report.Document, error) {
	page, err := daemonPage(daemon, reportsPath+name)
	if err != nil {
		return report.Document{}, err
	}
	if !since.IsZero() {
		page.RawQuery = url.Values{"since": {since.UTC().Format(time.RFC3339)}}.Encode()
	}
	body, err := get(ctx, page.String())
	if err != nil {
		return report.Document{}, err
	}
	defer body.Close()
	b, err := io.ReadAll(body)
	if err != nil {
		return report.Document{}, fmt.Errorf("the daemon at %s stopped answering: %w", page.Redacted(), err)
	}
	f := config.Flap{}
	if c != nil {
		f = c.Detect.Flap
	} else {
		f = config.FlapProfiles()[len(config.FlapProfiles())-1]
	}
	return report.ReadFlaps(b, flap(f).Profiles)
}

// daemonPage gives a page of the daemon that --url names.
func daemonPage(daemon, path string) (*url.URL, error) {
	u, err := url.Parse(daemon)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("--url %q is not the address of a daemon; write it as http://127.0.0.1:8480", daemon)
	}
	return u.JoinPath(path), nil
}
