package exabgp

import (
	"bufio"
	"context"
	"errors"
	"io"
	"syscall"
	"time"

	"anywatch/collector"
)

// reading is one run of the command.
type reading struct {
	source  *Source
	in      *collector.Intake
	decoder *Decoder
	out     collector.Sink
	cfg     Config
	heard   bool // a line came that could be read
	flushed time.Time
	failed  error // why the whole source can't go on
}

// run starts the command and reads it until its end; the error says how it ended.
func (r *reading) run(ctx context.Context, changed <-chan struct{}) error {
	s := r.source
	began := s.deps.Now()
	errs := &murmur{hide: hider(r.cfg.Command), log: s.murmurs}
	p, err := start(r.cfg.Command, errs)
	if err != nil {
		s.outage.ended(began, s.deps.Now(), r.cfg, err.Error())
		return err
	}
	s.deps.Counters.Sessions.Add(1)
	s.deps.Log.Info("ExaBGP's command was started", "source", s.name)
	ctx, cancel := context.WithCancelCause(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		r.watch(ctx, cancel, changed)
		r.stop(ctx, p)
	}()
	err = r.read(ctx, p.out)
	cause := context.Cause(ctx)
	if cause == nil && err != nil {
		r.failed, cause = err, err
	}
	status := p.wait(s.timing.grace)
	cancel(errEnded)
	<-watched
	s.deps.Counters.Sessions.Add(-1)
	if cause != nil {
		return cause
	}
	err = describe(status, errs.words())
	s.outage.ended(began, s.deps.Now(), r.cfg, err.Error())
	return err
}

// errEnded ends the watch over a command that has ended by itself.
var errEnded = errors.New("the command has ended")

// watch waits until the command is no longer wanted as it was started, or has ended.
func (r *reading) watch(ctx context.Context, cancel context.CancelCauseFunc, changed <-chan struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
			var cfg Config
			if cfg, changed = r.source.config(); !same(cfg, r.cfg) {
				cancel(errReconfigured)
				return
			}
		}
	}
}

// stop ends a command that runs: it is asked to, and after a while made to. Closing its output ends the reading whoever else holds it.
func (r *reading) stop(ctx context.Context, p *process) {
	if errors.Is(context.Cause(ctx), errEnded) {
		return
	}
	p.signal(syscall.SIGTERM)
	_ = p.out.Close()
}

// read takes lines until there are no more. The error is one that ends the whole source.
func (r *reading) read(ctx context.Context, from io.Reader) error {
	br := bufio.NewReaderSize(from, 64<<10)
	lines := lineReader{br: br}
	for {
		if br.Buffered() == 0 {
			r.flush(r.source.deps.Now(), true)
		}
		line, err := lines.next()
		if len(line) > 0 {
			if failed := r.take(ctx, line); failed != nil {
				return failed
			}
		}
		if err != nil {
			return nil // how the command ended says more
		}
	}
}

// take hands one line on.
func (r *reading) take(ctx context.Context, line []byte) error {
	s, now := r.source, r.source.deps.Now()
	before := r.in.Tally.Messages
	err := r.decoder.Line(ctx, line, now)
	if err != nil && !PassedOver(err) {
		return err
	}
	var own *Malformed
	if known := !errors.As(err, &own) && r.in.Tally.Messages > before; known {
		r.heard = true
		if err := s.back(ctx, r.out, now); err != nil {
			return err
		}
	}
	if err != nil {
		if n, ok := s.bad.Pass(); ok {
			s.deps.Log.Warn("ExaBGP's line could not be used; the next ones are read", "source", s.name, "error", err, "not_logged", n)
		}
	}
	if sent := r.decoder.Sent(); !sent.IsZero() {
		s.deps.Counters.Arrived(now, sent)
	}
	r.flush(now, false)
	return nil
}

// flush adds what was counted to the totals, now and then.
func (r *reading) flush(now time.Time, due bool) {
	if due || now.Sub(r.flushed) >= r.source.timing.flush {
		r.flushed = now
		r.source.deps.Counters.Add(&r.in.Tally)
	}
}

// murmurs logs a line that the command said on standard error.
func (s *Source) murmurs(line string) {
	if n, ok := s.said.Pass(); ok {
		s.deps.Log.Warn("ExaBGP's command says", "source", s.name, "says", line, "not_logged", n)
	}
}

// lineReader cuts a stream into lines. A line that is too long comes as its first MaxLine+1 octets, which no decoder takes.
type lineReader struct {
	br  *bufio.Reader
	big []byte
}

// next gives the next line, valid until the following call; the last may come with the error that ends the stream.
func (l *lineReader) next() ([]byte, error) {
	line, err := l.br.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return line, err
	}
	l.big = append(l.big[:0], line...)
	for errors.Is(err, bufio.ErrBufferFull) {
		line, err = l.br.ReadSlice('\n')
		l.big = append(l.big, line[:min(len(line), MaxLine+1-len(l.big))]...)
	}
	return l.big, err
}
