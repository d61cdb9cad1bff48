package alerts

import (
	"context"
	"time"

	"anywatch/detector"
)

// Sink is one receiver of notifications.
type Sink interface {
	// Name is the sink's name in the configuration; it labels metrics and logs.
	Name() string
	// Manner says how the sink likes to be told; it does not change.
	Manner() Manner
	// Notify delivers. It is called from one goroutine at a time and returns in bounded time, at the latest when ctx ends. An error means
	// that not everything arrived: the same notification comes again later, unless the error is Permanent. A sink that had part of it
	// delivered makes sure that the repetition does no harm. Errors never show a secret.
	Notify(ctx context.Context, n Notification) error
}

// Manner is how a sink likes to be told.
type Manner struct {
	// Alone asks for each change by itself and at once, as a log or a program wants it. Otherwise what belongs together is gathered.
	Alone bool
	// Record says that the sink keeps a record for programs: it is told everything, also what is silenced or explained by another incident.
	Record bool
	// Reminders says that the sink speaks to people, who are told again of what they have left open.
	Reminders bool
	// Updates are the changes of an open incident that the sink is told.
	Updates Updates
}

// Updates says which updates of an open incident a sink is told; what opened and what resolved it is told always.
type Updates uint8

// The choices.
const (
	// EveryUpdate is for sinks that keep a record, or that can change what they said.
	EveryUpdate Updates = iota
	// SeverityUpdates is for sinks in which every update is one more message for people: only a new severity is worth it.
	SeverityUpdates
)

// Notification is what a sink is told at one time: the changes of one incident, or of several that belong together, in the order in which
// they happened. The changes are shared between sinks and not to be altered.
type Notification struct {
	Changes []detector.Change
	// Reminder says that nothing is new: this is still open, and nobody has acknowledged it.
	Reminder bool
	// Since is when the oldest of it was handed over: the same at every try, and another with every reminder.
	Since time.Time
}

// Latest gives the newest change of each incident, in the order in which the incidents first appear.
func (n Notification) Latest() []detector.Change {
	var latest []detector.Change
	place := make(map[string]int, len(n.Changes))
	for _, c := range n.Changes {
		if i, known := place[c.Incident.ID]; known {
			latest[i] = c
			continue
		}
		place[c.Incident.ID] = len(latest)
		latest = append(latest, c)
	}
	return latest
}
