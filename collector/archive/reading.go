package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"anywatch/collector"
	"anywatch/collector/bmp"
	"anywatch/collector/exabgp"
	"anywatch/collector/mrt"
	"anywatch/collector/openbmp"
	"anywatch/collector/rislive"
	"anywatch/collector/screen"
)

// reading is one call of Read.
type reading struct {
	deps   Deps
	opt    Options
	in     *collector.Intake
	tables *mrt.Tables
	stats  Stats
	// bounded tells that records of some times are not wanted.
	bounded bool
	clocked time.Time // of the newest record
	ticked  time.Time
	failed  []error
	total   int64 // octets of all inputs as stored; zero when that is not known
	done    int64 // of those that are finished
	open    []*source
	steps   int
}

func newReading(inputs []Input, deps Deps, opt Options) *reading {
	r := &reading{deps: deps, opt: opt, bounded: !opt.From.IsZero() || !opt.To.IsZero(),
		in: &collector.Intake{Screen: screen.New(deps.Live), Out: deps.Out}, tables: mrt.NewTables()}
	for _, in := range inputs {
		r.total += in.Size
	}
	if slices.ContainsFunc(inputs, func(in Input) bool { return in.once }) {
		r.total = 0
	}
	return r
}

// source is an input that is being read.
type source struct {
	in     Input
	format Format
	stored *counted
	closed func()
	cursor cursor
	at     time.Time // of its record, or of one before it when that has none
	read   bool      // some record of it could be read
}

// counted counts what is read of an input as stored. Unpacking reads in a goroutine of its own.
type counted struct {
	r io.Reader
	n atomic.Int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n.Add(int64(n))
	return n, err
}

// begin opens an input and tells its format; nil when it can't be used, which is noted, or when it is empty.
func (r *reading) begin(in Input) *source {
	s, err := r.recognised(in)
	switch {
	case errors.Is(err, ErrEmpty):
		r.report(in.Name, 0, ErrEmpty)
		r.done += in.Size
		return nil
	case err != nil:
		r.failed = append(r.failed, fmt.Errorf("input %s: %w", in.Name, err))
		r.done += in.Size
		return nil
	}
	r.open = append(r.open, s)
	return s
}

func (r *reading) recognised(in Input) (*source, error) {
	f, err := in.open()
	if err != nil {
		return nil, err
	}
	s := &source{in: in, stored: &counted{r: f}, closed: func() { f.Close() }} // read only: nothing is lost when closing fails
	content, err := unpack(s.stored)
	if err != nil {
		s.closed()
		return nil, err
	}
	s.closed = func() { content.close(); f.Close() }
	w := newWindow(content)
	for {
		s.format, err = recognise(w.bytes(), w.ended())
		if err == nil || w.ended() || len(w.bytes()) >= sniffSize {
			break
		}
		w.more()
	}
	if errors.Is(err, ErrEmpty) && w.fault() != nil {
		err = fmt.Errorf("nothing of it can be unpacked: %w", w.fault())
	}
	if err != nil {
		s.closed()
		return nil, err
	}
	s.cursor = r.cursor(s.format, w)
	return s, nil
}

func (r *reading) cursor(format Format, w *window) cursor {
	switch format {
	case MRT:
		return newMRT(w, mrt.NewStream(r.in, r.deps.Registry, r.deps.ASNs, r.tables))
	case RISLive:
		return newLines(w, rislive.NewDecoder(r.in, r.deps.Registry, nil), rislive.Time, rislive.MaxLine)
	case ExaBGP:
		return newLines(w, exabgp.NewDecoder(exabgp.DecoderConfig{ASNs: r.deps.ASNs}, r.in, r.deps.Registry), exabgp.Time, exabgp.MaxLine)
	case OpenBMP:
		cfg := openbmp.DecoderConfig{ASNs: r.deps.ASNs, VRFs: r.deps.VRFs, Replay: true}
		deps := openbmp.Deps{Live: r.deps.Live, Registry: r.deps.Registry, Log: r.deps.Log, Now: r.deps.Now}
		return newFrames(w, openbmp.NewDecoder(cfg, deps, r.deps.Out))
	}
	cfg := bmp.StreamConfig{ASNs: r.deps.ASNs, VRFs: r.deps.VRFs, Replay: true}
	deps := bmp.Deps{Live: r.deps.Live, Registry: r.deps.Registry, Log: r.deps.Log, Now: r.deps.Now}
	return newBMP(w, bmp.NewStream(cfg, deps, r.deps.Out))
}

// next moves a source to its next record; what is damaged before it is counted and reported. False means that there is no more.
func (r *reading) next(s *source) bool {
	for {
		t, err := s.cursor.next()
		if err == nil {
			if !t.IsZero() {
				s.at = t
			}
			return true
		}
		if !r.damaged(s, err) {
			return false
		}
	}
}

// damaged counts and reports a stretch that is no record; false means that nothing comes after it.
func (r *reading) damaged(s *source, err error) bool {
	var bad *damage
	switch {
	case errors.As(err, &bad):
		if r.opt.To.IsZero() || s.at.Before(r.opt.To) {
			s.cursor.lost()
		}
		if s.at.IsZero() || r.within(s.at) {
			r.stats.Messages++
			r.stats.Malformed++
			r.report(s.in.Name, bad.at, bad)
		}
		return true
	case !errors.Is(err, io.EOF):
		r.failed = append(r.failed, fmt.Errorf("input %s: %w", s.in.Name, err))
	}
	return false
}

// step hands the record of a source on, when it is of the time that is asked for.
func (r *reading) step(ctx context.Context, s *source) error {
	if r.steps++; r.steps%4096 == 1 {
		r.progress()
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	var err error
	switch {
	case r.within(s.at) || s.at.IsZero():
		r.clock(s.at)
		err = s.cursor.take(ctx, s.at)
	default:
		err = s.cursor.leave(ctx, s.at, s.at.Before(r.opt.From))
	}
	if err == nil {
		s.read = true
		return nil
	}
	return r.passedOver(s, err)
}

// passedOver reports an error that only one record was passed over, and gives any other back.
func (r *reading) passedOver(s *source, err error) error {
	var update *collector.Malformed
	var record *mrt.Malformed
	var line *rislive.Malformed
	switch {
	case errors.As(err, &update), errors.As(err, &record), bmp.PassedOver(err):
		s.read = true // the record itself could be told apart; what is in it could not be used
	case errors.As(err, &line), exabgp.PassedOver(err), openbmp.PassedOver(err):
	default:
		return err
	}
	r.report(s.in.Name, s.cursor.offset(), err)
	return nil
}

func (r *reading) within(t time.Time) bool {
	return !r.bounded || !t.Before(r.opt.From) && (r.opt.To.IsZero() || t.Before(r.opt.To))
}

// clock notes the time of a record that is applied.
func (r *reading) clock(t time.Time) {
	if t == r.clocked || t.IsZero() {
		return
	}
	r.clocked = t
	if r.stats.First.IsZero() || t.Before(r.stats.First) {
		r.stats.First = t
	}
	if t.After(r.stats.Last) {
		r.stats.Last = t
		r.tick(t, time.Second)
	}
}

// tick tells the time when it has moved on so far.
func (r *reading) tick(t time.Time, step time.Duration) {
	if r.deps.Tick != nil && t.Sub(r.ticked) >= step {
		r.ticked = t
		r.deps.Tick(t)
	}
}

// finish ends a source after its last record.
func (r *reading) finish(ctx context.Context, s *source) error {
	if err := s.cursor.finish(ctx); err != nil {
		return err
	}
	if !s.read {
		r.failed = append(r.failed, fmt.Errorf("input %s: it looks like %s, but not one record of it can be read", s.in.Name, s.format))
	}
	r.close(s)
	r.done += s.in.Size
	return nil
}

// close gives back what a source holds, and takes its counts over.
func (r *reading) close(s *source) {
	r.stats.Tally.Add(s.cursor.tally())
	s.closed()
	r.open = slices.DeleteFunc(r.open, func(o *source) bool { return o == s })
}

func (r *reading) closeAll() {
	for len(r.open) > 0 {
		r.close(r.open[0])
	}
}

func (r *reading) report(file string, offset int64, err error) {
	if r.deps.Report != nil {
		r.deps.Report(Problem{file, offset, err})
	}
}

func (r *reading) progress() {
	if r.deps.Progress == nil {
		return
	}
	read := r.done
	for _, s := range r.open {
		read += s.stored.n.Load()
	}
	r.deps.Progress(read, r.total)
}
