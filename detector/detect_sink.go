package detector

import (
	"fmt"
	"time"
)

// SetSink notes that a sink can't be told what happens, and why, or with an empty reason that it can again. The others are told of it.
func (e *Engine) SetSink(name, why string, now time.Time) {
	e.Advance(now)
	key := Key{Kind: SinkFailed, Subject: name}
	if why == "" {
		e.ledger.lift(key, cause{says: name + " takes notifications again"})
	} else {
		e.ledger.raise(Condition{
			Key: key, Severity: Warning, Since: e.clock,
			Says: fmt.Sprintf("The sink %s can't be told what happens: %s.", name, why), Was: fmt.Sprintf("The sink %s could not be told what happened.", name),
			Why:     []string{"what it should have been told is in the log and in the history, and lost to whoever reads only there"},
			Actions: []string{fmt.Sprintf("Mend the sink %s: its address, its token, what stands before it; then reload", name), "See what it missed with: anywatch incidents --since 1d"},
		})
	}
	e.settle()
}
