package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// web serves /metrics, /-/healthy, /-/ready and what the daemon sees.
type web struct {
	listener net.Listener
	server   *http.Server
}

func newWeb(listen string, reg *prometheus.Registry, ready func() (bool, string), pages, orders map[string]http.HandlerFunc) (*web, error) {
	if !loopback(listen) {
		return nil, fmt.Errorf("web.listen: %s is beyond loopback, and this version asks nobody for a password; listen on 127.0.0.1 and put a proxy in front", listen)
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("web.listen: %w; choose another address, or stop what listens there", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "healthy\n") })
	mux.HandleFunc("GET /-/ready", func(w http.ResponseWriter, _ *http.Request) {
		ok, why := ready()
		if !ok {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = io.WriteString(w, why+"\n")
	})
	for path, page := range pages {
		mux.HandleFunc("GET "+path, page)
	}
	for pattern, order := range orders {
		mux.HandleFunc(pattern, order)
	}
	// No page of somebody else's may have a browser order anything here.
	return &web{listener: l, server: &http.Server{Handler: http.NewCrossOriginProtection().Handler(mux), ReadHeaderTimeout: 5 * time.Second}}, nil
}

// run serves until ctx ends.
func (w *web) run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = w.server.Shutdown(ctx)
	})
	defer stop()
	if err := w.server.Serve(w.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// WebAddr is where the daemon serves its pages.
func (d *Daemon) WebAddr() string { return d.web.listener.Addr().String() }

// loopback tells whether an address is reached from this machine alone.
func loopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
