// Package exec is the sink that runs a command for each change of an incident, with the change as JSON on its standard input.
package exec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"anywatch/alerts"
	"anywatch/detector"
)

// DefaultTimeout is how long a command may run.
const DefaultTimeout = 30 * time.Second

const (
	// stderrShown is how much of what a command says on standard error stands in the error: the last of it.
	stderrShown = 500
	// outputGrace is how long we wait for a command's output after it was killed: something that left its process group may hold it open.
	outputGrace = time.Second
)

// tempFail is the status by which a command asks to be run again (EX_TEMPFAIL of sysexits.h).
const tempFail = 75

// Config is what to run.
type Config struct {
	// Command is the program and its arguments. No shell reads them.
	Command []string
	// Timeout bounds one run; 0 means DefaultTimeout.
	Timeout time.Duration
	// Dir is the working directory; "" means that of this process.
	Dir       string
	Dashboard alerts.Dashboard
}

// Sink runs one command, one run at a time.
type Sink struct {
	name   string
	config Config
}

// New makes the sink. The error tells what is wrong with the configuration.
func New(name string, c Config) (*Sink, error) {
	if len(c.Command) == 0 || c.Command[0] == "" {
		return nil, fmt.Errorf("exec sink %s: no program is named; give it and its arguments", name)
	}
	if c.Timeout < 0 {
		return nil, fmt.Errorf("exec sink %s: a timeout of %s leaves no time; give one above 0", name, c.Timeout)
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	return &Sink{name: name, config: c}, nil
}

// Name gives the name in the configuration.
func (s *Sink) Name() string { return s.name }

// Manner asks for every change by itself, at once: the receiver is a program.
func (s *Sink) Manner() alerts.Manner { return alerts.Manner{Alone: true} }

// String names the sink and its program. Arguments may be secrets.
func (s *Sink) String() string { return fmt.Sprintf("exec sink %s of %s", s.name, s.config.Command[0]) }

// GoString keeps %#v from showing arguments.
func (s *Sink) GoString() string { return s.String() }

// Notify runs the command for each change, in order, and stops at the first run that fails. Status 75 asks for another try later, as do a
// timeout and a signal; another status says that the same change would fail again.
func (s *Sink) Notify(ctx context.Context, n alerts.Notification) error {
	for _, c := range n.Changes {
		if err := s.run(ctx, c); err != nil {
			return fmt.Errorf("exec sink %s: %s of incident %s: %w", s.name, c.Event, c.Incident.ID, err)
		}
	}
	return nil
}

func (s *Sink) run(ctx context.Context, c detector.Change) error {
	body, err := c.JSON()
	if err != nil {
		return alerts.Permanent(fmt.Errorf("can't be written as JSON: %w", err))
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.config.Command[0], s.config.Command[1:]...)
	said := &tail{limit: stderrShown}
	cmd.Stdin, cmd.Stderr, cmd.Dir = bytes.NewReader(append(body, '\n')), said, s.config.Dir
	cmd.Env = append(os.Environ(), s.environment(c)...)
	// A group of its own, so that what the command started is killed with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = outputGrace
	return s.judge(ctx, cmd.Run(), said)
}

// judge says what to make of the end of a run.
func (s *Sink) judge(ctx context.Context, err error, said *tail) error {
	if err == nil || errors.Is(err, exec.ErrWaitDelay) {
		return nil // it succeeded, though something that it started still holds its output open
	}
	words := alerts.Printable(strings.TrimSpace(said.String()))
	if words != "" {
		words = "; it said: " + words
	}
	ended, ran := errors.AsType[*exec.ExitError](err)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("%s ran for more than %s and was killed%s", s.config.Command[0], s.config.Timeout, words)
	case !ran:
		return fmt.Errorf("%s can't be run: %w; see that it is there and executable", s.config.Command[0], err)
	case ended.ExitCode() == tempFail || ended.ExitCode() < 0:
		return fmt.Errorf("%s ended with %s%s", s.config.Command[0], ended.ProcessState, words)
	}
	return alerts.Permanent(fmt.Errorf("%s ended with %s%s", s.config.Command[0], ended.ProcessState, words))
}

// environment gives what a script wants to know without reading JSON. Routers and feeds choose some of it: it is to be quoted.
func (s *Sink) environment(c detector.Change) []string {
	i := &c.Incident
	values := map[string]string{
		"EVENT": string(c.Event), "ID": i.ID, "KIND": string(i.Kind), "SEVERITY": i.Severity.String(), "STATE": i.State,
		"SUMMARY": i.Summary, "MATTER": i.Matter(), "LINK": s.config.Dashboard.Incident(i.ID), "SINK": s.name,
		"TIME": c.Time.UTC().Format(time.RFC3339),
	}
	if i.Prefix != nil {
		values["PREFIX"] = i.Prefix.String()
	}
	if i.Site != nil {
		values["SITE"] = *i.Site
	}
	if i.Origin != nil {
		values["ORIGIN"] = i.Origin.String()
	}
	if i.Offender != nil {
		values["OFFENDER"] = i.Offender.String()
	}
	env := make([]string, 0, len(values))
	for name, value := range values {
		env = append(env, "ANYWATCH_"+name+"="+alerts.Printable(value))
	}
	return env
}

// tail keeps the end of what is written to it.
type tail struct {
	limit int
	kept  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - t.limit; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return string(t.kept) }
