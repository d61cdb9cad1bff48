//go:build interop

package alertmanager_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"anywatch/alerts"
	"anywatch/alerts/alertmanager"
	"anywatch/alerts/alertstest"
	"anywatch/detector"
)

// run starts Debian's Alertmanager on loopback and gives its address.
func run(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "am.yml")
	if err := os.WriteFile(config, []byte("route: {receiver: none}\nreceivers: [{name: none}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("prometheus-alertmanager", "--config.file="+config, "--storage.path="+dir, "--web.listen-address="+address, "--cluster.listen-address=")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v; install Debian's prometheus-alertmanager", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if b, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("alertmanager said:\n%s", b)
		}
	})
	wait(t, "alertmanager answers", func() bool {
		resp, err := http.Get("http://" + address + "/-/ready")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return "http://" + address
}

// wait asks until something holds.
func wait(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("in 30 s never: %s", what)
		}
	}
}

type shown struct {
	alert
	Status struct{ State string } `json:"status"`
}

// active gives the alerts that Alertmanager holds for open.
func active(t *testing.T, url string) (list []shown) {
	t.Helper()
	resp, err := http.Get(url + "/api/v2/alerts?active=true")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestTheRealAlertmanager(t *testing.T) {
	url := run(t)
	s, err := alertmanager.New("am", alertmanager.Config{URL: url, Dashboard: "https://anywatch.example.net"})
	if err != nil {
		t.Fatal(err)
	}
	live := func(c detector.Change, at time.Time) detector.Change {
		c.Incident.Opened, c.Incident.Started = at, at
		if c.Incident.Resolved != nil {
			c.Incident.Resolved = &at
		}
		return c
	}
	begin := time.Now().Add(-time.Minute)
	tellReal := func(c detector.Change) {
		if err := s.Notify(t.Context(), alerts.Notification{Changes: []detector.Change{c}}); err != nil {
			t.Fatal(err)
		}
	}
	tellReal(live(alertstest.Opened(), begin))
	list := active(t, url)
	if len(list) != 1 || list[0].Labels["severity"] != "critical" || list[0].GeneratorURL != "https://anywatch.example.net/incidents/7f3c9b1e2a604d55" {
		t.Fatalf("after the opening: %+v", list)
	}
	tellReal(live(alertstest.Updated(detector.Warning, 5), begin))
	wait(t, "the alert is a warning, and only that", func() bool {
		list = active(t, url)
		return len(list) == 1 && list[0].Labels["severity"] == "warning"
	})
	before := list[0].EndsAt
	if err := s.Refresh(t.Context(), []detector.Change{live(alertstest.Updated(detector.Warning, 5), begin)}); err != nil {
		t.Fatal(err)
	}
	if list = active(t, url); len(list) != 1 || !list[0].EndsAt.After(before) {
		t.Errorf("resending does not prolong: %s, then %+v", before, list)
	}
	end := live(alertstest.Resolved(), begin)
	end.Incident.Severity = detector.Warning
	over := time.Now()
	end.Incident.Resolved = &over
	tellReal(end)
	wait(t, "the alert is over", func() bool { return len(active(t, url)) == 0 })
}
