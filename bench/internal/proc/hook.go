package proc

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// Hook receives what the webhook sink of anywatch posts, and notes when the first octet of each request came.
type Hook struct {
	listener net.Listener
	opened   chan Opened
}

// Opened is an incident that was opened: of which prefix, and when the first octet of the request that told of it arrived.
type Opened struct {
	Prefix netip.Prefix
	At     time.Time
}

// NewHook listens on a free port of 127.0.0.1.
func NewHook() (*Hook, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h := &Hook{listener: l, opened: make(chan Opened, 1<<14)}
	go h.accept()
	return h, nil
}

// URL is where to post.
func (h *Hook) URL() string { return fmt.Sprintf("http://%s/", h.listener.Addr()) }

// Close stops listening.
func (h *Hook) Close() { _ = h.listener.Close() }

func (h *Hook) accept() {
	for {
		conn, err := h.listener.Accept()
		if err != nil {
			return
		}
		go h.serve(conn)
	}
}

// serve answers requests one after the other until the connection ends.
func (h *Hook) serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		if _, err := in.Peek(1); err != nil {
			return
		}
		at := time.Now()
		if err := h.take(in, at); err != nil {
			return
		}
		if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"); err != nil {
			return
		}
	}
}

func (h *Hook) take(in *bufio.Reader, at time.Time) error {
	r, err := http.ReadRequest(in)
	if err != nil {
		return err
	}
	var told struct {
		Event    string
		Incident struct {
			Kind   string
			Prefix *netip.Prefix
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&told); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return err
	}
	if told.Event == "opened" && told.Incident.Prefix != nil && told.Incident.Kind == "origin-hijack" {
		h.opened <- Opened{*told.Incident.Prefix, at}
	}
	return nil
}

// errMissed tells that a hijack was not reported.
var errMissed = errors.New("a hijack was not reported")

// Wait gives when each of these prefixes was reported as hijacked, in their order. It fails when ctx ends before the last of them.
func (h *Hook) Wait(ctx context.Context, prefixes ...netip.Prefix) ([]time.Time, error) {
	found := make(map[netip.Prefix]time.Time)
	for !all(found, prefixes) {
		select {
		case o := <-h.opened:
			if _, before := found[o.Prefix]; !before {
				found[o.Prefix] = o.At
			}
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %d of %d incidents came (%w)", errMissed, len(found), len(prefixes), context.Cause(ctx))
		}
	}
	out := make([]time.Time, len(prefixes))
	for i, p := range prefixes {
		out[i] = found[p]
	}
	return out, nil
}

func all(found map[netip.Prefix]time.Time, prefixes []netip.Prefix) bool {
	for _, p := range prefixes {
		if _, ok := found[p]; !ok {
			return false
		}
	}
	return true
}
