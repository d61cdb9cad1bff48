package archive

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"time"

	"anywatch/collector"
	"anywatch/collector/bmp"
)

// stations is a cursor over a raw BMP stream, which has a framing and a tally of its own.
type stations struct {
	win    *window
	frames *bmp.Reader
	stream *bmp.Stream
	frame  []byte
	at     int64 // of the frame
	broken bool  // the end of the input was told to be cut
}

func newBMP(w *window, s *bmp.Stream) *stations {
	return &stations{win: w, frames: bmp.NewReader(w, 0, true), stream: s}
}

func (s *stations) next() (time.Time, error) {
	s.at += int64(len(s.frame))
	s.frame = nil
	frame, err := s.frames.Next()
	if err == nil {
		s.frame = frame
		return bmpTime(frame), nil
	}
	var bad *bmp.FrameError
	switch {
	case errors.As(err, &bad) && bad.Skipped > 0:
		s.at = bad.Offset + bad.Skipped
		s.broken = s.broken || errors.Is(err, bmp.ErrCut)
		return time.Time{}, &damage{bad.Offset, bad.Skipped, bad.Err}
	case !errors.Is(err, io.EOF):
		return time.Time{}, err
	}
	if fault := s.win.fault(); fault != nil && !s.broken {
		s.broken = true
		return time.Time{}, &damage{s.at, 0, fault}
	}
	return time.Time{}, io.EOF
}

// BMP messages that tell of routers and their sessions (RFC 7854 section 4.1).
const (
	bmpPeerDown    = 2
	bmpPeerUp      = 3
	bmpInitiation  = 4
	bmpTermination = 5
)

// bmpTime reads the time in the per-peer header (RFC 7854 section 4.2); messages about the router itself have none.
func bmpTime(frame []byte) time.Time {
	const stamp = 6 + 34
	if len(frame) < stamp+8 || frame[5] == bmpInitiation || frame[5] == bmpTermination {
		return time.Time{}
	}
	sec, usec := binary.BigEndian.Uint32(frame[stamp:]), binary.BigEndian.Uint32(frame[stamp+4:])
	if sec == 0 {
		return time.Time{}
	}
	return time.Unix(int64(sec), int64(min(usec, 999_999))*1000).UTC()
}

func (s *stations) offset() int64 { return s.at }

func (s *stations) take(ctx context.Context, at time.Time) error {
	return s.stream.Message(ctx, s.frame, at)
}

// leave reads who the peers are and how they speak: without that, later messages can't be read.
func (s *stations) leave(ctx context.Context, at time.Time, before bool) error {
	if !before {
		return nil
	}
	switch s.frame[5] {
	case bmpPeerDown, bmpPeerUp, bmpInitiation, bmpTermination:
		return s.take(ctx, at)
	}
	return nil
}

func (s *stations) lost() {}

func (s *stations) finish(context.Context) error { return nil }

func (s *stations) tally() collector.Tally { return s.stream.Tally() }
