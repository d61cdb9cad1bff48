// Package terminal is the sink that prints the changes of incidents for a person: what happened, who did it, where it is seen, why it is
// wrong, and what to do.
package terminal

import (
	"context"
	"fmt"
	"io"
	"strings"

	"anywatch/alerts"
)

// DefaultWidth is how many columns are used when the caller does not know the terminal's.
const DefaultWidth = 100

// minWidth is what the layout needs to stay readable.
const minWidth = 48

// Options are how the sink prints.
type Options struct {
	// Color asks for ANSI colours. Whether the terminal has them, and the user wants them (NO_COLOR), is the caller's to know.
	Color bool
	// Width is the number of columns; 0 means DefaultWidth.
	Width int
}

// Sink prints to one terminal.
type Sink struct {
	name   string
	out    io.Writer
	layout layout
}

// New makes a sink that prints to out; each notification is one Write.
func New(name string, out io.Writer, o Options) *Sink {
	if o.Width == 0 {
		o.Width = DefaultWidth
	}
	return &Sink{name: name, out: out, layout: layout{color: o.Color, width: max(o.Width, minWidth)}}
}

// Name gives the name in the configuration.
func (s *Sink) Name() string { return s.name }

// Manner asks for every change by itself, at once: somebody is watching.
func (s *Sink) Manner() alerts.Manner { return alerts.Manner{Alone: true, Record: true} }

// Notify prints the changes. A terminal that is gone does not come back, so its error is permanent.
func (s *Sink) Notify(_ context.Context, n alerts.Notification) error {
	var b strings.Builder
	for _, c := range n.Changes {
		s.layout.change(&b, c)
	}
	if _, err := io.WriteString(s.out, b.String()); err != nil {
		return alerts.Permanent(fmt.Errorf("terminal sink %s: %w", s.name, err))
	}
	return nil
}
