package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// DefaultURL is where a daemon answers whose configuration doesn't say otherwise.
const DefaultURL = "http://127.0.0.1:8480"

const (
	patience    = 30 * time.Second // to begin with an answer
	refusalSize = 64 << 10         // of what a daemon says when it refuses
)

// Refusal is the answer of a daemon that can't do what it was asked: the question names something that is not there.
type Refusal struct{ Says string }

// Error gives the daemon's own words.
func (r *Refusal) Error() string { return r.Says }

// daemonPage gives a page of the daemon that --url names.
func daemonPage(daemon, path string, query url.Values) (*url.URL, error) {
	u, err := url.Parse(daemon)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("--url %q is not the address of a daemon; write it as %s", daemon, DefaultURL)
	}
	u = u.JoinPath(path)
	u.RawQuery = query.Encode()
	return u, nil
}

// redacted is the address of a daemon without a password that may be in it.
func redacted(daemon string) string {
	u, err := url.Parse(daemon)
	if err != nil {
		return "an address that can't be read"
	}
	return u.Redacted()
}

// askPage fetches a page of a daemon whole.
func askPage(ctx context.Context, daemon, path string, query url.Values) ([]byte, error) {
	page, err := daemonPage(daemon, path, query)
	if err != nil {
		return nil, err
	}
	body, err := get(ctx, page.String())
	if err != nil {
		return nil, err
	}
	defer body.Close()
	b, err := io.ReadAll(body)
	if err != nil {
		return nil, fmt.Errorf("the daemon at %s stopped answering: %w", redacted(daemon), err)
	}
	return b, nil
}

// askJSON fetches a page of a daemon and reads it.
func askJSON(ctx context.Context, daemon, path string, query url.Values, into any) error {
	b, err := askPage(ctx, daemon, path, query)
	if err != nil {
		return err
	}
	return unmarshal(daemon, b, into)
}

func unmarshal(daemon string, b []byte, into any) error {
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("the daemon at %s: its answer can't be read: %w", redacted(daemon), err)
	}
	return nil
}

// get fetches a page of a daemon. What a daemon refuses is a *Refusal.
func get(ctx context.Context, page string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, page, nil)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: &http.Transport{ResponseHeaderTimeout: patience, DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("no daemon answers: %w; is it running, and is this its web.listen?", err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	if says, ok := refusal(resp); ok {
		return nil, &Refusal{says}
	}
	return nil, fmt.Errorf("%s answers %s: is it a daemon of this version?", req.URL.Redacted(), resp.Status)
}

// refusedBy marks the answers in which a daemon says in words why it refuses: the 404 of something else is none.
const refusedBy = "anywatch"

// refuse answers that what was asked can't be done.
func refuse(w http.ResponseWriter, code int, says string) {
	w.Header().Set("Content-Type", mime.FormatMediaType("text/plain", map[string]string{"charset": "utf-8"}))
	w.Header().Set("X-Refused-By", refusedBy)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, says+"\n") // who went away doesn't want it
}

// refusal reads what refuse wrote.
func refusal(resp *http.Response) (says string, ok bool) {
	if resp.Header.Get("X-Refused-By") != refusedBy {
		return "", false
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, refusalSize))
	return strings.TrimSpace(string(b)), err == nil
}

// answer writes a page as JSON.
func (d *Daemon) answer(w http.ResponseWriter, page any) {
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	if err := e.Encode(page); err != nil {
		d.log.Debug("an answer could not be sent whole", "error", err)
	}
}
