package proc

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func shell(t *testing.T, script string) *Process {
	t.Helper()
	p, err := Start(deadline(t), "/bin/sh", "-c", script)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return p
}

func TestConversation(t *testing.T) {
	ctx, p := deadline(t), shell(t, `echo noise; echo ready 5 six; read word; echo "got $word"; read forever`)
	before := time.Now()
	words, at, err := p.Expect(ctx, "ready")
	if err != nil || strings.Join(words, " ") != "5 six" || at.Before(before.Add(-time.Minute)) {
		t.Fatalf("%v at %v: %v", words, at, err)
	}
	if _, err := p.Say("go"); err != nil {
		t.Fatal(err)
	}
	if words, _, err := p.Expect(ctx, "got"); err != nil || words[0] != "go" {
		t.Errorf("%v, %v", words, err)
	}
	if err := p.Alive(); err != nil {
		t.Error(err)
	}
	p.Stop()
	if p.Alive() == nil {
		t.Error("it is stopped, and alive")
	}
}

// What a process says just before its end is heard, and its complaint stands in the error.
func TestEndOfAProcess(t *testing.T) {
	ctx, p := deadline(t), shell(t, `echo last words; echo "no such table" >&2; exit 3`)
	if words, _, err := p.Expect(ctx, "last"); err != nil || words[0] != "words" {
		t.Errorf("%v, %v", words, err)
	}
	if _, _, err := p.Expect(ctx, "done"); err == nil || !strings.Contains(err.Error(), `ended before it said "done"; it wrote: no such table`) {
		t.Errorf("error %v", err)
	}
}

func TestProcessEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(deadline(t))
	p, err := Start(ctx, "/bin/sh", "-c", "read forever")
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	<-p.ended
	p.Stop()
}

func TestRun(t *testing.T) {
	f, err := Run(deadline(t), nil, "/bin/sh", "-c", "echo hello")
	if err != nil || string(f.Output) != "hello\n" || f.Took <= 0 {
		t.Errorf("%+v, %v", f, err)
	}
	var out bytes.Buffer
	if _, err := Run(deadline(t), &out, "/bin/sh", "-c", "echo there; echo why >&2; exit 1"); err == nil || !strings.Contains(err.Error(), "why") || out.String() != "there\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
}

func TestPeakMemory(t *testing.T) {
	got, err := peakOf("Name:\tanywatch\nVmPeak:\t 1900000 kB\nVmHWM:\t   60000 kB\nVmRSS:\t 50000 kB\n")
	if err != nil || got != 61_440_000 {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := peakOf("Name:\tanywatch\n"); err == nil {
		t.Error("memory out of nothing")
	}
}

func TestMetrics(t *testing.T) {
	got, err := parseMetrics(strings.NewReader("# HELP anywatch_prefixes_total Announcements.\nanywatch_prefixes_total{source=\"bgp\"} 1.200001e+06\nanywatch_queue_depth 0\n\n"))
	if err != nil || got[`anywatch_prefixes_total{source="bgp"}`] != 1_200_001 || len(got) != 2 {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := parseMetrics(strings.NewReader("anywatch_queue_depth many\n")); err == nil {
		t.Error("a metric that is no number")
	}
}

func TestBIRDAnswer(t *testing.T) {
	for _, c := range []struct{ in, want, err string }{
		{"0001 BIRD 2.0.12 ready.\n", "BIRD 2.0.12 ready.", ""},
		{"1002-sender     BGP        ---        up\n1006-  Description:    x\n   Routes:         5 imported\n0000 \n", "sender     BGP        ---        up|  Description:    x|   Routes:         5 imported|", ""},
		{"8003 No protocols match\n", "", "BIRD refuses: 8003 No protocols match"},
		{"1002-sender\n", "", "BIRD's answer broke off"},
	} {
		got, err := answer(bufio.NewScanner(strings.NewReader(c.in)))
		if strings.Join(got, "|") != c.want && c.err == "" || (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%q is read as %q, %v", c.in, got, err)
		}
	}
}

func TestBIRDRoutes(t *testing.T) {
	lines := strings.Split(`sender     BGP        ---        up     19:41:00.000  Established
  Channel ipv4
    Routes:         1000000 imported, 3 exported, 999999 preferred
    Route change stats:     received   rejected   filtered    ignored   accepted
      Import updates:        1000000          0          0          0    1000000
  Channel ipv6
    Routes:         200000 imported, 2 filtered, 4 exported, 200000 preferred`, "\n")
	if imported, exported := routesOf(lines); imported != 1_200_000 || exported != 7 {
		t.Errorf("%d imported, %d exported", imported, exported)
	}
}

func TestMissingProgram(t *testing.T) {
	_, err := Find("no-such-program-anywhere", "bird2")
	var missing *Missing
	if !errors.As(err, &missing) || err.Error() != "not installed (Debian package bird2)" {
		t.Errorf("error %v", err)
	}
	if path, err := Find("sh", "dash"); err != nil || path == "" {
		t.Errorf("no shell: %v", err)
	}
}

func post(t *testing.T, url, event, kind, prefix string) {
	t.Helper()
	body := fmt.Sprintf(`{"event": %q, "incident": {"kind": %q, "prefix": %q}}`, event, kind, prefix)
	resp, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", resp, err)
	}
	resp.Body.Close()
}

func TestHook(t *testing.T) {
	h, err := NewHook()
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	a, b := netip.MustParsePrefix("100.64.0.0/24"), netip.MustParsePrefix("100.64.1.0/24")
	before := time.Now()
	post(t, h.URL(), "opened", "feed-lost", a.String()) // not what is waited for
	post(t, h.URL(), "opened", "origin-hijack", b.String())
	between := time.Now()
	post(t, h.URL(), "updated", "origin-hijack", a.String())
	post(t, h.URL(), "opened", "origin-hijack", a.String())
	post(t, h.URL(), "opened", "origin-hijack", b.String()) // the first report counts
	at, err := h.Wait(deadline(t), a, b)
	if err != nil {
		t.Fatal(err)
	}
	if at[0].Before(between) || at[1].Before(before) || at[1].After(between) {
		t.Errorf("reported at %v; asked from %v over %v", at, before, between)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := h.Wait(ended, a); !errors.Is(err, errMissed) {
		t.Errorf("error %v", err)
	}
}

func TestFreePort(t *testing.T) {
	a := netip.MustParseAddr("127.0.0.1")
	if p, err := FreePort(a); err != nil || p.Addr() != a || p.Port() == 0 {
		t.Errorf("%v, %v", p, err)
	}
}
