package alerts

import (
	"time"

	"anywatch/detector"
)

// Kept is one change that a sink is to be told, as a journal keeps it.
type Kept struct {
	// Seq is the number under which the journal keeps it, rising with each sink, over restarts too; zero is what no journal keeps.
	Seq    uint64
	Sink   string
	At     time.Time // since when it waits
	Change detector.Change
	// Of is the place of the change among those that are recorded together with it; -1 when it is not among them.
	Of int
}

// Outcome is what became of something that a sink was to be told.
type Outcome string

// The outcomes.
const (
	Sent      Outcome = "sent"      // the sink took it
	Failed    Outcome = "failed"    // given up: refused, too old, or there was no room
	Condensed Outcome = "condensed" // contained in something newer that the sink is told
)

// Journal keeps on disk what happened and what sinks have yet to be told, so that the end of the process loses nothing. Every method
// returns within bounded time, whatever the disk does: when it can't keep something it says so to people by itself, and alerting goes on
// from memory.
type Journal interface {
	// Record keeps changes and who is to be told of them, all or nothing, and fills in the numbers. When it returns they are safe, or can't be
	// kept.
	Record(changes []detector.Change, tell []Kept)
	// Settle notes what became of something that a sink was to be told, and of what was given up why. It does not wait for the disk: after a
	// crash the sink may be told again, under the same key.
	Settle(sink string, what Outcome, why string, seqs []uint64)
}

// Backlog is what a journal knows of the sinks when the process starts.
type Backlog struct {
	// Pending is what sinks have yet to be told, in the order of the numbers.
	Pending []Kept
	// Told are the open incidents that sinks know of: the newest change of each that was delivered.
	Told []Kept
}

// noJournal keeps nothing.
type noJournal struct{}

func (noJournal) Record([]detector.Change, []Kept)         {}
func (noJournal) Settle(string, Outcome, string, []uint64) {}
