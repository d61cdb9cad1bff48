package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"anywatch/collector"
	"anywatch/collector/mrt"
	"anywatch/collector/openbmp"
)

// cursor goes through one input, record by record.
type cursor interface {
	// next moves to the next record and gives its time, zero when it has none of its own. The error is io.EOF at the end, or a *damage for
	// octets that are no record: then it goes on.
	next() (time.Time, error)
	// offset is where the record stands in the unpacked input.
	offset() int64
	// take hands the record on. The error is one that tells of a record passed over, or ends the reading.
	take(ctx context.Context, at time.Time) error
	// leave passes over a record that is before the time wanted, or after it, but for what later ones can't be read without.
	leave(ctx context.Context, at time.Time, before bool) error
	// lost is called when octets before the next record, or before the end, are none.
	lost()
	// finish is called after the last record.
	finish(ctx context.Context) error
	// tally is what was counted apart from the common intake.
	tally() collector.Tally
}

// damage is a stretch of octets that are no record; none at all when an input only ends too early.
type damage struct {
	at, octets int64
	err        error
}

func (d *damage) Error() string {
	if d.octets == 0 {
		return d.err.Error()
	}
	return fmt.Sprintf("%d octets can't be read: %v", d.octets, d.err)
}

func (d *damage) Unwrap() error { return d.err }

var errNoRecord = errors.New("they are no record, or one that is cut")

// framed is a cursor over a window.
type framed struct {
	win    *window
	size   int   // of the record at the beginning of the window
	noise  int64 // octets before it that are no record
	broken bool  // the fault at the end of the input was told

	split func(b []byte, end bool) (skip, size int)
	why   error // what octets are that are no record
	when  func(record []byte) time.Time
	into  func(ctx context.Context, record []byte, at time.Time) error
	past  func(ctx context.Context, record []byte) error
	end   func(ctx context.Context) error
	gone  func() // octets were none
	count func() collector.Tally
}

func newMRT(w *window, s *mrt.Stream) *framed {
	w.limit = mrt.Window
	return &framed{
		win: w, split: mrt.Split, why: errNoRecord, when: s.Time, past: s.Leave, end: s.Finish, gone: s.Lost,
		into: func(ctx context.Context, record []byte, _ time.Time) error { return s.Record(ctx, record) },
	}
}

func newFrames(w *window, d *openbmp.Decoder) *framed {
	w.limit = openbmp.Window
	when := func(frame []byte) time.Time { t, _ := openbmp.Time(frame); return t }
	return &framed{
		win: w, split: openbmp.Split, why: errNoRecord, into: d.Frame, when: when, count: d.Tally,
		past: func(ctx context.Context, frame []byte) error { return d.Leave(ctx, frame, when(frame)) },
		end:  func(context.Context) error { return nil },
		gone: func() {},
	}
}

// lineDecoder takes the lines of one stream; lineTime tells the time of one.
type (
	lineDecoder interface {
		Line(ctx context.Context, line []byte, arrived time.Time) error
	}
	lineTime func(line []byte) (time.Time, bool)
)

func newLines(w *window, d lineDecoder, tell lineTime, longest int) *framed {
	w.limit = 2 * longest
	l := lineSplitter{longest: longest}
	return &framed{
		win: w, split: l.split, why: fmt.Errorf("a line is longer than %d octets", longest), into: d.Line,
		when: func(line []byte) time.Time { t, _ := tell(line); return t },
		past: func(context.Context, []byte) error { return nil },
		end:  func(context.Context) error { return nil },
		gone: func() {},
	}
}

func (f *framed) next() (time.Time, error) {
	f.win.advance(f.size)
	f.size = 0
	for {
		b, end := f.win.bytes(), f.win.ended()
		if len(b) > 0 {
			skip, size := f.split(b, end)
			f.win.advance(skip)
			f.noise += int64(skip)
			if size > 0 {
				if f.noise > 0 {
					return time.Time{}, f.stretch(f.why)
				}
				f.size = size
				return f.when(f.record()), nil
			}
			if skip > 0 {
				continue
			}
		}
		if !f.win.more() && end {
			return time.Time{}, f.last()
		}
	}
}

// stretch reports the octets that are lost, those that end where the window begins.
func (f *framed) stretch(why error) *damage {
	d := &damage{f.win.offset - f.noise, f.noise, why}
	f.noise = 0
	return d
}

// last tells what is wrong with the end of the input, once: octets that are no record, a packing that is cut, or both at once.
func (f *framed) last() error {
	fault := f.win.fault()
	switch {
	case f.noise > 0 && fault != nil:
		f.broken = true
		return f.stretch(fmt.Errorf("the input ends in them: %w", fault))
	case f.noise > 0:
		return f.stretch(f.why)
	case fault != nil && !f.broken:
		f.broken = true
		return &damage{f.win.offset, 0, fault}
	}
	return io.EOF
}

func (f *framed) record() []byte { return f.win.bytes()[:f.size] }

func (f *framed) offset() int64 { return f.win.offset }

func (f *framed) take(ctx context.Context, at time.Time) error { return f.into(ctx, f.record(), at) }

func (f *framed) leave(ctx context.Context, _ time.Time, _ bool) error {
	return f.past(ctx, f.record())
}

func (f *framed) lost() { f.gone() }

func (f *framed) finish(ctx context.Context) error { return f.end(ctx) }

func (f *framed) tally() collector.Tally {
	if f.count == nil {
		return collector.Tally{}
	}
	return f.count()
}

// lineSplitter finds lines.
type lineSplitter struct {
	longest int
	inside  bool // in a line that is too long
}

func (l *lineSplitter) split(b []byte, end bool) (skip, size int) {
	n := bytes.IndexByte(b, '\n') + 1
	if n == 0 && end {
		n = len(b)
	}
	switch {
	case n == 0 && (l.inside || len(b) > l.longest):
		l.inside = true
		return len(b), 0
	case l.inside || n > l.longest:
		l.inside = false
		return n, 0
	}
	return 0, n
}
