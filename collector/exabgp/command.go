package exabgp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// process is the command while it runs, in a process group of its own.
type process struct {
	cmd *exec.Cmd
	out *os.File // its standard output
}

// start runs a command by the shell. It is never named in an error.
func start(command string, says *murmur) (*process, error) {
	out, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("the command can't be started: %w", err)
	}
	defer in.Close() // the command has its own
	cmd := exec.Command("/bin/sh", "-c", command)
	cmd.Stdout, cmd.Stderr = in, says
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Second // who inherited standard error may hold it open
	if err := cmd.Start(); err != nil {
		_ = out.Close()
		return nil, fmt.Errorf("the command can't be started: %w", err)
	}
	return &process{cmd: cmd, out: out}, nil
}

// signal sends a signal to the whole group; it may be gone already.
func (p *process) signal(s syscall.Signal) { _ = syscall.Kill(-p.cmd.Process.Pid, s) }

// wait waits until the command has ended, at most for the time it is given, and then kills what is left of its group. It tells how the command ended.
func (p *process) wait(grace time.Duration) string {
	kill := time.AfterFunc(grace, func() { p.signal(syscall.SIGKILL) })
	err := p.cmd.Wait()
	kill.Stop()
	p.signal(syscall.SIGKILL)
	_ = p.out.Close()
	var status *exec.ExitError
	if err != nil && !errors.As(err, &status) && !errors.Is(err, exec.ErrWaitDelay) {
		return err.Error()
	}
	return p.cmd.ProcessState.String()
}

// maxMurmur is how long a line of standard error may be to be kept whole.
const maxMurmur = 300

// murmur takes what a command says on standard error: it hands on line by line, and keeps the last.
type murmur struct {
	hide func(string) string
	log  func(line string)

	mu   sync.Mutex
	part []byte
	last string
}

// Write implements io.Writer.
func (m *murmur) Write(b []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for rest := b; len(rest) > 0; {
		line, more, ended := bytes.Cut(rest, []byte{'\n'})
		rest = more
		m.part = append(m.part, line[:min(len(line), max(0, maxMurmur-len(m.part)))]...)
		if ended {
			m.line()
		}
	}
	return len(b), nil
}

func (m *murmur) line() {
	clean := bytes.TrimSpace(bytes.Map(printable, m.part))
	m.part = m.part[:0]
	if len(clean) == 0 {
		return
	}
	m.last = m.hide(string(clean))
	m.log(m.last)
}

func printable(r rune) rune {
	if r < ' ' && r != '\t' || r == 0x7F || r == '\uFFFD' {
		return -1
	}
	return r
}

// words gives the last line.
func (m *murmur) words() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.part) > 0 {
		m.line()
	}
	return m.last
}

var _ io.Writer = (*murmur)(nil)
