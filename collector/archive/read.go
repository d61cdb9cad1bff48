package archive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/collector/screen"
)

// Deps is what reading works with. Report, Progress and Tick may be nil; they are called from the goroutine that reads.
type Deps struct {
	Registry *collector.Registry
	Live     *screen.Live
	Log      *slog.Logger
	Now      func() time.Time
	ASNs     []route.ASN // ours
	VRFs     []string    // of BMP streams: names or route distinguishers of VRFs to watch besides the global table
	Out      collector.Sink
	// Report hears of what was passed over, and of inputs that are empty.
	Report func(Problem)
	// Progress hears now and then how many octets of the inputs, as stored, were read; total is zero when that is not known.
	Progress func(read, total int64)
	// Tick hears the time of the records, matched or not, whenever it has moved on by a second or more, before the record is handed on, and at
	// the end: the clock of who receives the events.
	Tick func(time.Time)
}

// Options say which records are read, and in which order.
type Options struct {
	// From and To bound the times of the records, From included, To not; zero means no bound. Records outside are neither counted nor applied;
	// but who the peers of a table or of a BMP router are is read before From as well. A record without a time of its own counts as one of
	// the time of the record before it.
	From, To time.Time
	// Merge reads the inputs side by side, ordered by the times of their records; what has the same time comes in the order of the inputs.
	Merge bool
}

// Problem is something that was passed over in an input.
type Problem struct {
	File   string
	Offset int64 // in the unpacked content
	Err    error // ErrEmpty for an input that holds nothing
}

// Error says where and what.
func (p Problem) Error() string {
	if errors.Is(p.Err, ErrEmpty) {
		return p.File + ": " + p.Err.Error()
	}
	return fmt.Sprintf("%s: at octet %d: %v", p.File, p.Offset, p.Err)
}

// Unwrap gives the fault itself.
func (p Problem) Unwrap() error { return p.Err }

// Stats is what was read.
type Stats struct {
	collector.Tally
	// First and Last are the earliest and the latest time of a record; zero when there was none.
	First, Last time.Time
}

// Read reads the inputs and hands on what they tell. Inputs that can't be used (not to be opened, of no known format, without one record that can be
// read) make an error, after the others have been read; so does the end of ctx, at once. What was counted until then is given in any case.
func Read(ctx context.Context, inputs []Input, deps Deps, opt Options) (Stats, error) {
	r := newReading(inputs, deps, opt)
	order := r.oneByOne
	if opt.Merge && len(inputs) > 1 {
		order = r.merged
	}
	err := order(ctx, inputs)
	r.closeAll()
	if err == nil {
		err = errors.Join(r.failed...)
	}
	r.tick(r.stats.Last, 1)
	r.progress()
	r.stats.Tally.Add(r.in.Tally)
	return r.stats, err
}
