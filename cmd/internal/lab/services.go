package lab

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"
)

// service stands for what a site is there for, say its DNS servers, and tells over HTTP how it fares. Nothing ties it to what the site
// announces.
type service struct {
	server  *http.Server
	failing atomic.Bool
}

// ServeHTTP answers 200 or, while the service fails, 503.
func (s *service) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	if s.failing.Load() {
		http.Error(w, "the service does not answer", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

// readTime bounds how long a request may take to arrive.
const readTime = 5 * time.Second

// startServices makes each site's service answer.
func (n *Network) startServices(context.Context) error {
	for _, site := range sites() {
		at := netip.AddrPortFrom(n.block.host(hostNumber(site.Name)), servicePort)
		l, err := net.Listen("tcp4", at.String())
		if err != nil {
			return fmt.Errorf("service of %s: %w", site.Name, err)
		}
		s := &service{}
		s.server = &http.Server{Handler: s, ReadHeaderTimeout: readTime, ErrorLog: slog.NewLogLogger(n.log.Handler(), slog.LevelDebug)}
		n.services[site.Name] = s
		n.serving.Go(func() {
			if err := s.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				n.log.Error("a service stopped", slog.String("site", site.Name), slog.Any("error", err))
			}
		})
	}
	return nil
}

func (n *Network) stopServices() {
	for _, s := range n.services {
		s.server.Close()
	}
}

// FailService makes the service of a site answer that it fails. The site announces as before.
func (n *Network) FailService(name string) error { return n.setService(name, true) }

// MendService makes the service of a site answer again.
func (n *Network) MendService(name string) error { return n.setService(name, false) }

func (n *Network) setService(name string, failing bool) error {
	if _, err := n.site(name); err != nil {
		return err
	}
	n.services[name].failing.Store(failing)
	return nil
}
