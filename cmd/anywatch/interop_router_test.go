//go:build interop

package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// peer is a BIRD or an FRR: a folder with its configuration, and the program while it runs. Neither touches the kernel's routes.
type peer struct {
	t       *testing.T
	dir     string
	program string
	args    []string
	control func(args ...string) *exec.Cmd
	cmd     *exec.Cmd
	log     output
	ended   chan struct{}
}

// newPeer makes a folder with a short name: the path of a control socket has at most 107 octets.
func newPeer(t *testing.T) *peer {
	t.Helper()
	dir, err := os.MkdirTemp("", "peer")
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{t: t, dir: dir}
	t.Cleanup(func() {
		p.kill()
		_ = os.RemoveAll(dir)
		if t.Failed() {
			t.Logf("%s said:\n%s", p.program, p.log.String())
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return p
}

// file writes a file of the peer's and gives its path.
func (p *peer) file(name, text string) string {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
	return path
}

// edit replaces something in a file of the peer's.
func (p *peer) edit(name, old, new string) {
	p.t.Helper()
	b, err := os.ReadFile(filepath.Join(p.dir, name))
	if err != nil || !strings.Contains(string(b), old) {
		p.t.Fatalf("%s has no %q: %v", name, old, err)
	}
	p.file(name, strings.Replace(string(b), old, new, 1))
}

// newBIRD prepares a BIRD, whose configuration has neither a kernel nor a direct protocol. Start it with start.
func newBIRD(t *testing.T, config string) *peer {
	t.Helper()
	p := newPeer(t)
	socket := filepath.Join(p.dir, "ctl")
	p.program, p.args = "/usr/sbin/bird", []string{"-f", "-c", p.file("bird.conf", config), "-s", socket}
	p.control = func(args ...string) *exec.Cmd {
		return exec.Command("/usr/sbin/birdc", append([]string{"-s", socket}, args...)...)
	}
	return p
}

// newFRR prepares FRR's bgpd alone, without zebra (-Z) and without the kernel (-n), listening for BGP on an address.
func newFRR(t *testing.T, config, listen string, more ...string) *peer {
	t.Helper()
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		t.Fatal(err)
	}
	p := newPeer(t)
	p.file("vtysh.conf", "")
	p.program = "/usr/lib/frr/bgpd"
	p.args = append([]string{"-S", "-n", "-Z", "-p", port, "-l", host, "-P", "0", "-f", p.file("bgpd.conf", config),
		"-i", filepath.Join(p.dir, "pid"), "--vty_socket", p.dir}, more...)
	p.control = func(lines ...string) *exec.Cmd {
		args := []string{"--vty_socket", p.dir, "--config_dir", p.dir, "-d", "bgpd"}
		for _, line := range lines {
			args = append(args, "-c", line)
		}
		return exec.Command("/usr/bin/vtysh", args...)
	}
	return p
}

// start runs the program, for the first time or again.
func (p *peer) start() {
	p.t.Helper()
	p.cmd, p.ended = exec.Command(p.program, p.args...), make(chan struct{})
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	if err := p.cmd.Start(); err != nil {
		p.t.Fatalf("%v; install the Debian packages bird2 and frr", err)
	}
	go func(cmd *exec.Cmd, ended chan struct{}) {
		_ = cmd.Wait()
		close(ended)
	}(p.cmd, p.ended)
}

// kill ends it at once, without a goodbye to its peers.
func (p *peer) kill() {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGKILL)
	<-p.ended
	p.cmd = nil
}

// do gives it a command: words for BIRD, lines for FRR. One that has just been started may not listen yet.
func (p *peer) do(args ...string) (out string) {
	p.t.Helper()
	eventually(p.t, fmt.Sprintf("%s takes %q", filepath.Base(p.program), args), func() bool {
		select {
		case <-p.ended:
			p.t.Fatalf("%s has ended: %s", p.program, p.log.String())
		default:
		}
		b, err := p.control(args...).CombinedOutput()
		out = string(b)
		return err == nil
	})
	return out
}

// relay stands between a BMP sender and the daemon, so that the connection can break while both live.
type relay struct {
	address string
	mu      sync.Mutex
	broken  bool
	open    map[net.Conn]struct{}
	running sync.WaitGroup
}

// relayTo starts one at an address of the station.
func (s *station) relayTo(host byte, target string) *relay {
	s.t.Helper()
	l, err := net.Listen("tcp", s.host(host)+":0")
	if err != nil {
		s.t.Fatal(err)
	}
	r := &relay{address: l.Addr().String(), open: make(map[net.Conn]struct{})}
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(s.host(host))}, Timeout: patience}
	r.running.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			r.running.Go(func() { r.carry(in, &dialer, target) })
		}
	})
	s.t.Cleanup(func() {
		_ = l.Close()
		r.cut()
		r.running.Wait()
	})
	return r
}

func (r *relay) carry(in net.Conn, dialer *net.Dialer, target string) {
	defer in.Close()
	out, err := dialer.Dial("tcp", target)
	if err != nil {
		return
	}
	defer out.Close()
	r.mu.Lock()
	if r.broken {
		r.mu.Unlock()
		return
	}
	r.open[in], r.open[out] = struct{}{}, struct{}{}
	r.mu.Unlock()
	_, _ = io.Copy(out, in) // a BMP station never answers
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, in)
	delete(r.open, out)
}

// cut breaks the connection; until mend there is no other.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken = true
	for c := range r.open {
		_ = c.Close()
	}
}

func (r *relay) mend() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken = false
}

// fill puts values in place of words, each given before its value.
func fill(text string, words ...string) string { return strings.NewReplacer(words...).Replace(text) }
