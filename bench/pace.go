package main

import (
	"context"
	"io"
	"time"
)

// ring gives messages over and over again. They lie one behind the other, so that many are written at once.
type ring struct {
	b    []byte
	ends []int
	next int
}

// newRing joins messages.
func newRing(messages [][]byte) *ring {
	r := &ring{}
	for _, m := range messages {
		r.b = append(r.b, m...)
		r.ends = append(r.ends, len(r.b))
	}
	return r
}

// take gives the next messages, at most so many, as one piece; fewer at the end of the ring.
func (r *ring) take(most int) (piece []byte, n int) {
	start := 0
	if r.next > 0 {
		start = r.ends[r.next-1]
	}
	n = min(most, len(r.ends)-r.next)
	piece = r.b[start:r.ends[r.next+n-1]]
	r.next = (r.next + n) % len(r.ends)
	return piece, n
}

// pace is noise at a steady rate with single messages in between.
type pace struct {
	noise *ring
	rate  int // messages a second; zero for silence
	every time.Duration
	// settle is how long there is noise before the first single message, and after the last.
	settle time.Duration
}

// paced is what was sent.
type paced struct {
	at   []time.Time // of each single message, just before it was written
	rate float64     // of the noise
}

// send writes until all single messages were sent. Noise that is late, because the reader or the clock was, is made up for.
func (p pace) send(ctx context.Context, w io.Writer, singles [][]byte) (out paced, err error) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	began, sent := time.Now(), 0
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return out, context.Cause(ctx)
		}
		gone := time.Since(began)
		for due := int(gone.Seconds()*float64(p.rate)) - sent; due > 0; {
			piece, n := p.noise.take(due)
			if _, err := w.Write(piece); err != nil {
				return out, err
			}
			due -= n
			sent += n
		}
		i := len(out.at)
		switch {
		case i == len(singles) && (i == 0 || time.Since(out.at[i-1]) >= p.settle):
			out.rate = float64(sent) / gone.Seconds()
			return out, nil
		case i < len(singles) && gone >= p.settle+time.Duration(i)*p.every:
			out.at = append(out.at, time.Now())
			if _, err := w.Write(singles[i]); err != nil {
				return out, err
			}
		}
	}
}
