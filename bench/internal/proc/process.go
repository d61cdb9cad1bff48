// Package proc runs what is measured: anywatch, the programs that it is compared with, and the benchmark's own helpers, each as a process of its
// own, so that its memory is its own. All of them end when the context does, and with the benchmark itself.
package proc

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// grace is how long a process may take to end when it is told to.
const grace = 5 * time.Second

// Process is a program that runs.
type Process struct {
	name  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines chan line
	errs  tail
	ended chan struct{}
	once  sync.Once
}

// line is what a process wrote to standard output, and when it was read.
type line struct {
	text string
	at   time.Time
}

// Start runs a program. Its standard error is kept for the message of a failure.
func Start(ctx context.Context, program string, args ...string) (*Process, error) {
	p := &Process{name: program, cmd: exec.CommandContext(ctx, program, args...), lines: make(chan line, 1024), ended: make(chan struct{})}
	if i := strings.LastIndexByte(program, '/'); i >= 0 {
		p.name = program[i+1:]
	}
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = grace
	p.cmd.SysProcAttr = endWithParent()
	p.cmd.Stderr = &p.errs
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go p.follow(out)
	return p, nil
}

// follow reads the lines of standard output until the process ends. What nobody waits for is dropped.
func (p *Process) follow(out io.Reader) {
	in := bufio.NewScanner(out)
	for in.Scan() {
		select {
		case p.lines <- line{in.Text(), time.Now()}:
		default:
		}
	}
	_ = p.cmd.Wait() // how it ended stands in its state
	close(p.ended)
}

// Expect waits for a line that begins with a word, and gives the words after it and when the line came. Other lines are passed over. It
// fails when the process ends, or ctx.
func (p *Process) Expect(ctx context.Context, word string) (rest []string, at time.Time, err error) {
	for {
		select {
		case l := <-p.lines:
			if f := strings.Fields(l.text); len(f) > 0 && f[0] == word {
				return f[1:], l.at, nil
			}
			continue
		default:
		}
		select {
		case l := <-p.lines:
			if f := strings.Fields(l.text); len(f) > 0 && f[0] == word {
				return f[1:], l.at, nil
			}
		case <-p.ended:
			if len(p.lines) == 0 {
				return nil, time.Time{}, p.failure(fmt.Sprintf("ended before it said %q", word))
			}
		case <-ctx.Done():
			return nil, time.Time{}, p.failure(fmt.Sprintf("did not say %q: %v", word, context.Cause(ctx)))
		}
	}
}

// failure is an error with the last of what the process wrote to standard error.
func (p *Process) failure(what string) error {
	text := fmt.Sprintf("%s %s", p.name, what)
	if said := strings.TrimSpace(p.errs.String()); said != "" {
		text += "; it wrote: " + said
	}
	return errors.New(text)
}

// Say writes a line to standard input, and gives the time just before.
func (p *Process) Say(text string) (time.Time, error) {
	at := time.Now()
	if _, err := io.WriteString(p.stdin, text+"\n"); err != nil {
		return at, p.failure("does not listen: " + err.Error())
	}
	return at, nil
}

// Alive fails when the process has ended.
func (p *Process) Alive() error {
	select {
	case <-p.ended:
		return p.failure("has ended")
	default:
		return nil
	}
}

// PeakMemory is the most resident memory that the process has had, in octets (VmHWM of proc_pid_status(5)). The process must still run.
func (p *Process) PeakMemory() (float64, error) {
	return peakMemory(p.cmd.Process.Pid)
}

func peakMemory(pid int) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	return peakOf(string(b))
}

func peakOf(status string) (float64, error) {
	for l := range strings.Lines(status) {
		if rest, ok := strings.CutPrefix(l, "VmHWM:"); ok {
			kB, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 64)
			return kB * 1024, err
		}
	}
	return 0, errors.New("no VmHWM in the status of the process")
}

// Stop ends the process, by force when it takes too long, and waits for its end.
func (p *Process) Stop() {
	p.once.Do(func() {
		_ = p.stdin.Close()
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		force := time.AfterFunc(grace, func() { _ = p.cmd.Process.Kill() })
		defer force.Stop()
		<-p.ended
	})
}

// Finished is how a program ended that was run to its end.
type Finished struct {
	Took   time.Duration
	Memory float64 // the most resident memory, in octets, as far as it was seen
	Output []byte
}

// Run runs a program to its end. Its standard output goes to out, or, when that is nil, to the result.
func Run(ctx context.Context, out io.Writer, program string, args ...string) (Finished, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = grace
	cmd.SysProcAttr = endWithParent()
	var kept bytes.Buffer
	var errs tail
	if cmd.Stdout, cmd.Stderr = out, &errs; out == nil {
		cmd.Stdout = &kept
	}
	began := time.Now()
	err := cmd.Start()
	if err != nil {
		return Finished{}, err
	}
	ended, peak := make(chan struct{}), make(chan float64)
	go func() { peak <- watchMemory(cmd.Process.Pid, ended) }()
	err = cmd.Wait()
	took := time.Since(began)
	close(ended)
	f := Finished{Took: took, Memory: <-peak, Output: kept.Bytes()}
	if err != nil {
		return f, fmt.Errorf("%s: %w; it wrote: %s", program, err, strings.TrimSpace(errs.String()))
	}
	return f, nil
}

// watchMemory looks at a process from time to time until it has ended. What the system says of it afterwards (getrusage(2)) will not do: on
// Linux it includes the memory of the parent, which the process shared before it became another program.
func watchMemory(pid int, ended <-chan struct{}) (peak float64) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ended:
			return peak
		}
		if v, err := peakMemory(pid); err == nil { // it fails when the process has ended in the meantime
			peak = v
		}
	}
}

// tail keeps the end of what is written to it.
type tail struct {
	mu sync.Mutex
	b  []byte
}

const tailSize = 4000

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, b...)
	if n := len(t.b); n > tailSize {
		t.b = append(t.b[:0], t.b[n-tailSize:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.b)
}
