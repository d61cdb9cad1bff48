package proc

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Daemon is an anywatch that runs.
type Daemon struct {
	*Process
	metrics string
}

// pollEvery is the time between two questions whether something is there yet.
const pollEvery = 10 * time.Millisecond

// StartDaemon writes the configuration, to which it adds where the metrics are, into a folder and runs anywatch with it. It returns when the
// daemon answers.
func StartDaemon(ctx context.Context, program, dir, config string) (*Daemon, error) {
	web, err := FreePort(netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "anywatch.yaml")
	config += fmt.Sprintf("web: {listen: %q}\nlog: {level: warn}\n", web)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	p, err := Start(ctx, program, "run", "-c", file)
	if err != nil {
		return nil, err
	}
	d := &Daemon{Process: p, metrics: fmt.Sprintf("http://%s/metrics", web)}
	for {
		if _, err := d.read(ctx); err == nil {
			return d, nil
		}
		if err := p.pause(ctx, pollEvery, "to answer"); err != nil {
			p.Stop()
			return nil, err
		}
	}
}

// FreePort finds a port of an address that nobody uses at the moment.
func FreePort(a netip.Addr) (netip.AddrPort, error) {
	l, err := net.Listen("tcp", netip.AddrPortFrom(a, 0).String())
	if err != nil {
		return netip.AddrPort{}, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).AddrPort(), nil
}

// pause waits a little between two questions, and fails when the process or ctx has ended.
func (p *Process) pause(ctx context.Context, d time.Duration, forWhat string) error {
	select {
	case <-time.After(d):
		return nil
	case <-p.ended:
		return p.failure("has ended")
	case <-ctx.Done():
		return p.failure(fmt.Sprintf("was waited for in vain, %s: %v", forWhat, context.Cause(ctx)))
	}
}

func (d *Daemon) read(ctx context.Context) (map[string]float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.metrics, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", d.metrics, resp.Status)
	}
	return parseMetrics(resp.Body)
}

// parseMetrics reads Prometheus' text format; a metric's key is its name with its labels as they stand.
func parseMetrics(r io.Reader) (map[string]float64, error) {
	out := make(map[string]float64)
	in := bufio.NewScanner(r)
	for in.Scan() {
		text := in.Text()
		i := strings.LastIndexByte(text, ' ')
		if i < 0 || text[0] == '#' {
			continue
		}
		v, err := strconv.ParseFloat(text[i+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("metric %q: %w", text, err)
		}
		out[text[:i]] = v
	}
	return out, in.Err()
}

// Metric reads one metric of a source, as anywatch_prefixes_total of bgp.
func (d *Daemon) Metric(ctx context.Context, name, source string) (float64, error) {
	all, err := d.read(ctx)
	if err != nil {
		return 0, err
	}
	return all[fmt.Sprintf("%s{source=%q}", name, source)], nil
}

// Reaches waits until a metric of a source is at least so much, and gives the time at which that was seen. Where it stands still for long,
// something was lost, and it fails. It asks seldom enough to cost the daemon next to nothing, and often enough to err by one percent.
func (d *Daemon) Reaches(ctx context.Context, name, source string, least float64) (time.Time, error) {
	const patience = 15 * time.Second
	began, last, moved := time.Now(), -1.0, time.Now()
	for {
		v, err := d.Metric(ctx, name, source)
		now := time.Now()
		switch {
		case err == nil && v >= least:
			return now, nil
		case err == nil && v > last:
			last, moved = v, now
		case now.Sub(moved) > patience:
			return now, d.failure(fmt.Sprintf("stopped at %s = %.0f of %s; %.0f were sent", name, last, source, least))
		}
		wait := min(max(now.Sub(began)/100, pollEvery), 200*time.Millisecond)
		if err := d.pause(ctx, wait, "until "+name+" was complete"); err != nil {
			return now, err
		}
	}
}
