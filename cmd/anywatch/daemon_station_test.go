package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what must happen before it gives up.
const patience = 90 * time.Second

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	late := time.After(patience)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !holds() {
		select {
		case <-again.C:
		case <-late:
			t.Fatalf("it did not happen within %v: %s", patience, what)
		}
	}
}

// buildDaemon makes the binary that the tests of the daemon run.
func buildDaemon(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "anywatch")
	cmd := exec.Command("go", "build", "-race=false", "-o", bin, "./cmd/anywatch")
	cmd.Dir = filepath.Join("..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return bin
}

// station is a place for a daemon: a folder with its configuration, and loopback addresses that no other station has.
type station struct {
	t             *testing.T
	bin, dir      string
	block         string // the first three octets of its addresses
	bgp, bmp, web string // where its daemon listens
	hook          *hook
	passed        int // how many lines of the file sink have been looked at
}

// newStation makes a station on 127.31.n.0/24.
func newStation(t *testing.T, bin string, n byte) *station {
	t.Helper()
	t.Parallel()
	s := &station{t: t, bin: bin, dir: t.TempDir(), block: fmt.Sprintf("127.31.%d", n), hook: newHook(t)}
	s.bgp, s.bmp, s.web = s.freePort(1), s.freePort(1), s.freePort(1)
	s.put("secret", hookSecret+"\n")
	return s
}

// host gives one of the station's addresses: 1 is the daemon's, the others are for routers.
func (s *station) host(n byte) string { return fmt.Sprintf("%s.%d", s.block, n) }

// freePort gives an address with a port on which nobody listens now.
func (s *station) freePort(host byte) string {
	s.t.Helper()
	l, err := net.Listen("tcp", s.host(host)+":0")
	if err != nil {
		s.t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// put writes a file of the station, replacing it whole, as a careful program does.
func (s *station) put(name, text string) {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := errors.Join(os.WriteFile(path+".new", []byte(text), 0o600), os.Rename(path+".new", path)); err != nil {
		s.t.Fatal(err)
	}
}

// configure writes the configuration, with the station's addresses in place of $BGP, $BMP, $WEB, $HOOK and, for the routers', $R2 to $R4.
func (s *station) configure(text string) {
	s.t.Helper()
	values := map[string]string{
		"BGP": s.bgp, "BMP": s.bmp, "WEB": s.web, "HOOK": s.hook.server.URL,
		"R2": s.host(2), "R3": s.host(3), "R4": s.host(4),
	}
	s.put("anywatch.yaml", os.Expand(text, func(name string) string {
		v, ok := values[name]
		if !ok {
			s.t.Fatalf("the configuration of the test names $%s, which there is not", name)
		}
		return v
	}))
}

// process is a running daemon.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	log   output
	ended chan struct{}
	web   string
}

// output keeps what a process writes.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write takes more of it.
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

// String gives all of it.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// launch starts a daemon, whatever becomes of it.
func (s *station) launch() *process {
	s.t.Helper()
	p := &process{t: s.t, cmd: exec.Command(s.bin, "run", "-c", "anywatch.yaml"), ended: make(chan struct{}), web: s.web}
	p.cmd.Dir, p.cmd.Stderr = s.dir, &p.log
	if err := p.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ended stands in ProcessState
		close(p.ended)
	}()
	s.t.Cleanup(func() {
		p.signal(syscall.SIGKILL)
		<-p.ended
		if s.t.Failed() {
			s.t.Logf("the daemon's log:\n%s", p.log.String())
		}
	})
	return p
}

// start starts a daemon that must come up.
func (s *station) start() *process {
	s.t.Helper()
	p := s.launch()
	eventually(s.t, "the daemon answers", func() bool {
		select {
		case <-p.ended:
			s.t.Fatalf("the daemon ended: %v", p.cmd.ProcessState)
		default:
		}
		status, _ := p.get("/-/healthy")
		return status == http.StatusOK
	})
	return p
}

// signal sends a signal; a daemon that has ended gets none.
func (p *process) signal(sig os.Signal) { _ = p.cmd.Process.Signal(sig) }

// wait waits for the end and gives the exit status, -1 where a signal ended it.
func (p *process) wait() int {
	p.t.Helper()
	eventually(p.t, "the daemon ends", func() bool {
		select {
		case <-p.ended:
			return true
		default:
			return false
		}
	})
	return p.cmd.ProcessState.ExitCode()
}

// says waits until the log holds a text.
func (p *process) says(text string) {
	p.t.Helper()
	eventually(p.t, "the log says "+text, func() bool { return strings.Contains(p.log.String(), text) })
}

// get asks the daemon's web server; status 0 means that it does not answer.
func (p *process) get(path string) (status int, body string) {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + p.web + path)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(b)
}

// metrics gives the samples of /metrics as Prometheus writes them, name and labels before the value; none while the daemon does not answer.
func (p *process) metrics() map[string]string {
	_, body := p.get("/metrics")
	samples := make(map[string]string)
	for line := range strings.Lines(body) {
		line = strings.TrimSpace(line)
		if i := strings.LastIndexByte(line, ' '); i > 0 && line[0] != '#' {
			samples[line[:i]] = line[i+1:]
		}
	}
	return samples
}

// measures waits until a metric has a value.
func (p *process) measures(name, value string) {
	p.t.Helper()
	eventually(p.t, name+" is "+value, func() bool { return p.metrics()[name] == value })
}

// synchronised waits until so many vantages are there with their whole tables.
func (p *process) synchronised(n int) {
	p.t.Helper()
	p.measures(`anywatch_vantages{state="synchronised"}`, fmt.Sprint(n))
}

// hangup makes the daemon read its configuration again and waits until it has, with the result: "1" when it took it, "0" when not.
func (p *process) hangup(result string) {
	p.t.Helper()
	before := p.reloads()
	p.signal(syscall.SIGHUP)
	eventually(p.t, "the daemon reloads", func() bool { return p.reloads() > before })
	p.measures("anywatch_config_last_reload_successful", result)
}

// reloads counts what the log says of reloads.
func (p *process) reloads() int {
	log := p.log.String()
	return strings.Count(log, "configuration reloaded") + strings.Count(log, "reload failed")
}
