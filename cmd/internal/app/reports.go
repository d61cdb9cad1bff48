package app

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"anywatch/cmd/internal/config"
	"anywatch/cmd/internal/report"
	"anywatch/detector"
)

// reportsPath is where the daemon makes reports: …/flaps?since=RFC3339.
const reportsPath = "/api/v1/reports/"

// serveReport answers with a report as JSON, its curves included.
func (d *Daemon) serveReport(w http.ResponseWriter, r *http.Request) {
	if r.PathValue("name") == rpkiName {
		d.serveRPKI(w, r)
		return
	}
	var since time.Time
	if text := r.URL.Query().Get("since"); text != "" {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			refuse(w, http.StatusBadRequest, fmt.Sprintf("since=%q is no time; write it as 2026-11-22T18:00:00Z (RFC 3339)", text))
			return
		}
		since = at
	}
	var doc report.Document
	known := false
	d.owner.ask(func(e *detector.Engine) { doc, known = Report(e, r.PathValue("name"), since, true) })
	if !known {
		refuse(w, http.StatusNotFound, fmt.Sprintf("there is no report %q; there are: %s", r.PathValue("name"), strings.Join(ReportNames, ", ")))
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

// ReportNames are the reports that there are.
var ReportNames = []string{"catchment", "flaps", rpkiName, "sites"}

// Report makes a report of what an engine knows, with what is needed to draw it where that is wanted; false when there is none of that name.
func Report(e *detector.Engine, name string, since time.Time, drawn bool) (report.Document, bool) {
	switch name {
	case "catchment":
		return report.Catchments(e, since, drawn), true
	case "flaps":
		return report.Flaps(e, since, drawn), true
	case "sites":
		return report.Sites(e, since, drawn), true
	}
	return report.Document{}, false
}

// AskReport asks a running daemon for a report. The configuration, which may be nil, tells the parameters that curves are drawn with.
func AskReport(ctx context.Context, daemon, name string, since time.Time, c *config.Config) (report.Document, error) {
	query := url.Values{}
	if !since.IsZero() {
		query.Set("since", since.UTC().Format(time.RFC3339))
	}
	b, err := askPage(ctx, daemon, reportsPath+name, query)
	if err != nil {
		return report.Document{}, err
	}
	switch name {
	case "catchment":
		return report.ReadCatchments(b)
	case "sites":
		return report.ReadSites(b)
	}
	f := config.Flap{}
	if c != nil {
		f = c.Detect.Flap
	} else {
		f = config.FlapProfiles()[len(config.FlapProfiles())-1]
	}
	return report.ReadFlaps(b, flap(f).Profiles)
}
