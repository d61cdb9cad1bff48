//go:build interop

package peers

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Daemon is a running daemon.
type Daemon struct {
	t       *testing.T
	dir     string
	cmd     *exec.Cmd
	out     output
	control func(d *Daemon, args ...string) *exec.Cmd
	ended   chan struct{}
	wait    error
}

type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// Bird starts BIRD with a configuration, which must have neither a kernel nor a direct protocol.
func Bird(t *testing.T, config string) *Daemon {
	t.Helper()
	d := prepare(t, "bird.conf", config)
	d.control = func(d *Daemon, args ...string) *exec.Cmd {
		return exec.Command("/usr/sbin/birdc", append([]string{"-s", filepath.Join(d.dir, "ctl")}, args...)...)
	}
	d.start("/usr/sbin/bird", "-f", "-c", filepath.Join(d.dir, "bird.conf"), "-s", filepath.Join(d.dir, "ctl"))
	return d
}

// FRR starts FRR's bgpd alone, with neither zebra nor the kernel, listening for BGP on an address and port. More arguments may load modules: "-M", "bmp".
func FRR(t *testing.T, config, address, port string, more ...string) *Daemon {
	t.Helper()
	d := prepare(t, "bgpd.conf", config)
	if err := os.WriteFile(filepath.Join(d.dir, "vtysh.conf"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	d.control = func(d *Daemon, lines ...string) *exec.Cmd {
		args := []string{"--vty_socket", d.dir, "--config_dir", d.dir, "-d", "bgpd"}
		for _, line := range lines {
			args = append(args, "-c", line)
		}
		return exec.Command("/usr/bin/vtysh", args...)
	}
	d.start("/usr/lib/frr/bgpd", append([]string{"-S", "-n", "-Z", "-p", port, "-l", address, "-P", "0", "-f", filepath.Join(d.dir, "bgpd.conf"),
		"-i", filepath.Join(d.dir, "pid"), "--vty_socket", d.dir}, more...)...)
	return d
}

// prepare makes a folder with a short name: the paths of control sockets have at most 107 octets.
func prepare(t *testing.T, name, config string) *Daemon {
	t.Helper()
	dir, err := os.MkdirTemp("", "peer")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(filepath.Join(dir, name), []byte(config), 0o644)); err != nil {
		t.Fatal(err)
	}
	return &Daemon{t: t, dir: dir, ended: make(chan struct{})}
}

func (d *Daemon) start(program string, args ...string) {
	d.t.Helper()
	d.cmd = exec.Command(program, args...)
	d.cmd.Stdout, d.cmd.Stderr = &d.out, &d.out
	if err := d.cmd.Start(); err != nil {
		d.t.Fatalf("%v; install the Debian packages bird2 and frr", err)
	}
	go func() {
		d.wait = d.cmd.Wait()
		close(d.ended)
	}()
	d.t.Cleanup(func() {
		d.Kill()
		if d.t.Failed() {
			d.t.Logf("%s said:\n%s", filepath.Base(program), d.out.String())
		}
	})
}

// Kill ends the daemon at once, without a goodbye.
func (d *Daemon) Kill() {
	_ = d.cmd.Process.Signal(syscall.SIGKILL) // it may have ended already
	<-d.ended
}

// Do gives a command to the daemon: words for BIRD, lines for FRR. A daemon that has just been started may not listen yet: it is
// tried again for a while.
func (d *Daemon) Do(args ...string) string {
	d.t.Helper()
	for late := time.Now().Add(20 * time.Second); ; {
		out, err := d.control(d, args...).CombinedOutput()
		if err == nil {
			return string(out)
		}
		if time.Now().After(late) {
			d.t.Fatalf("%v: %v: %s", args, err, out)
		}
		select {
		case <-d.ended:
			d.t.Fatalf("the daemon has ended: %v: %s", d.wait, d.out.String())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

var _ io.Writer = (*output)(nil)
