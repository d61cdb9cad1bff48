//go:build interop

package peers

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a daemon may take to do what it was told, on a busy host.
const patience = 60 * time.Second

// Daemon is a running daemon.
type Daemon struct {
	t       *testing.T
	make    Make
	dir     string
	argv    []string
	env     []string // beside the test's own
	out     output
	control func(d *Daemon, args ...string) *exec.Cmd

	pid   int
	ended chan struct{}
	wait  error // valid after ended
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
	d := prepare(t, BIRD)
	d.file("bird.conf", config)
	d.bird()
	d.Start()
	return d
}

// FRR starts FRR's bgpd alone, with neither zebra nor the kernel, listening for BGP on an address and port. More arguments may load modules: "-M", "bmp".
func FRR(t *testing.T, config, address, port string, more ...string) *Daemon {
	t.Helper()
	d := prepare(t, FRRouting)
	d.file("bgpd.conf", config)
	d.frr(address, port, more...)
	d.Start()
	return d
}

// prepare makes a folder with a short name: the paths of control sockets have at most 107 octets.
func prepare(t *testing.T, m Make) *Daemon {
	t.Helper()
	dir, err := os.MkdirTemp("", "peer")
	if err != nil {
		t.Fatal(err)
	}
	d := &Daemon{t: t, make: m, dir: dir}
	t.Cleanup(func() {
		d.Kill()
		if t.Failed() {
			said := d.out.String()
			t.Logf("%s said:\n%s", m, said[max(0, len(said)-20000):])
		}
		_ = os.RemoveAll(dir)
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *Daemon) path(name string) string { return filepath.Join(d.dir, name) }

// file writes a file into the daemon's folder. OpenBGPD refuses a configuration that others can read.
func (d *Daemon) file(name, text string) {
	d.t.Helper()
	if err := os.WriteFile(d.path(name), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// Start starts the daemon, again where it was killed: with the same configuration and nothing else of its former life.
func (d *Daemon) Start() {
	d.t.Helper()
	cmd := exec.Command(d.argv[0], d.argv[1:]...)
	cmd.Env = append(os.Environ(), d.env...)
	cmd.Stdout, cmd.Stderr = &d.out, &d.out
	// All processes of the daemon are one group, to be stopped and killed together. They also end when the test is gone, however it ended.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = time.Second // a child that outlives the daemon may hold its output open
	d.ended = make(chan struct{})
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // Pdeathsig means the thread that started the daemon
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if err == nil {
			d.pid = cmd.Process.Pid
		}
		started <- err
		if err == nil {
			d.wait = cmd.Wait()
		}
		close(d.ended)
	}()
	if err := <-started; err != nil {
		d.t.Fatalf("%v; install the Debian package %s", err, d.make)
	}
}

// Kill ends the daemon at once, without a goodbye.
func (d *Daemon) Kill() {
	if d.pid != 0 {
		d.signal(syscall.SIGKILL)
		<-d.ended
	}
}

// Freeze stops all of the daemon: its connections stay, and it says nothing any more.
func (d *Daemon) Freeze() { d.signal(syscall.SIGSTOP) }

// Thaw lets a frozen daemon go on.
func (d *Daemon) Thaw() { d.signal(syscall.SIGCONT) }

// signal reaches all processes of the daemon; it may have ended already.
func (d *Daemon) signal(s syscall.Signal) {
	_ = syscall.Kill(-d.pid, s)
}

// Log is what the daemon wrote to its output.
func (d *Daemon) Log() string { return d.out.String() }

// String names the daemon's software.
func (d *Daemon) String() string { return string(d.make) }

// Do gives a command to the daemon: words for BIRD, GoBGP and OpenBGPD, lines for FRR. A daemon that has just been started may not listen yet: it
// is tried again for a while.
func (d *Daemon) Do(args ...string) string {
	d.t.Helper()
	out, err := d.try(args...)
	if err != nil {
		d.t.Fatal(err)
	}
	return out
}

func (d *Daemon) try(args ...string) (string, error) {
	for late := time.Now().Add(patience); ; {
		out, err := d.control(d, args...).CombinedOutput()
		if err == nil {
			return string(out), nil
		}
		if time.Now().After(late) {
			return "", fmt.Errorf("%s: %v: %w: %s", d.make, args, err, out)
		}
		select {
		case <-d.ended:
			return "", fmt.Errorf("%s has ended: %w", d.make, errors.Join(d.wait, err))
		case <-time.After(200 * time.Millisecond):
		}
	}
}
