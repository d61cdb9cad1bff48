package rpki

import (
	"fmt"
	"slices"
	"time"
)

// Snapshot is all that is known of the VRPs at one time. It never changes; the zero value is that nothing is configured, and
// nothing is checked. Package keeper makes one after each change.
type Snapshot struct {
	// Table is what to judge by; nil when there are no data. VRPs that vanished in a drop which is not yet believed are in it.
	Table *Table
	// TooOld says that every source that was to fill Table is older than is allowed: routes are still judged by it, and nobody is
	// accused on its word alone.
	TooOld bool
	// Sources are the caches, in the order of the configuration, and after them the files.
	Sources []SourceStatus
	// Drops are the trust anchors that lost too much at once: those that stand, and, in the one snapshot that says so, those
	// that were accepted as the truth.
	Drops []AnchorDrop
	// Differences are those between the cache in use and the others.
	Differences []Difference
	// Added and Removed are what Table authorises more and less than that of the snapshot before, whichever trust anchor says so.
	// Both are empty where a source came or went without another in its place, or either of the two tables holds nothing: data that
	// come or go as a whole are no change to any ROA.
	Added, Removed []VRP
}

// SourceState is how good the data of one source are.
type SourceState uint8

// The states of sources.
const (
	SourceWaiting SourceState = iota // nothing was received yet
	SourceFresh                      // as the source has it now
	SourceStale                      // an answer of the cache is overdue; the data are in use until they expire
	SourceExpired                    // the cache has not confirmed them for so long that they were dropped
	SourceBroken                     // the file can't be read; what it held before is in use
)

var sourceStates = [...]string{"waiting", "fresh", "stale", "expired", "broken"}

// String gives waiting, fresh, stale, expired or broken.
func (s SourceState) String() string {
	if int(s) >= len(sourceStates) {
		return fmt.Sprintf("SourceState(%d)", s)
	}
	return sourceStates[s]
}

// MarshalText writes what String gives.
func (s SourceState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// SourceStates gives all states, in order.
func SourceStates() []SourceState {
	return []SourceState{SourceWaiting, SourceFresh, SourceStale, SourceExpired, SourceBroken}
}

// SourceStatus is what is known of one cache or one file.
type SourceStatus struct {
	Name    string // as people know it: "cache 127.0.0.1:3323", "file vrps.json", "slurm exceptions.json"
	Cache   bool   // it is an RPKI-to-Router cache, and no file
	State   SourceState
	Since   time.Time // when it came to be in this state
	Updated time.Time // when its data were true: the last End of Data, the time of generation of a file; zero without data
	Expires time.Time // when the data of a cache will be dropped unless they are confirmed before; zero for files
	Err     string    // why it is not as it should be, "" when all is well
	VRPs    int
	ASPAs   int
	InUse   bool   // its data are in the table
	TooOld  bool   // its data are older than is allowed
	Version uint8  // of the protocol, of a cache
	Serial  uint32 // likewise
}

// AnchorDrop is a trust anchor that lost more of its VRPs between two data sets of one source than is believable. While it stands,
// what vanished stays in the table.
type AnchorDrop struct {
	Anchor string // its name in the source, "" where the source names none: an RPKI-to-Router cache does not
	Source string // Name of its SourceStatus
	Was    int    // VRPs before, and
	Is     int    // now
	Since  time.Time
	Lost   []VRP // the first few that vanished
	// Held is all that vanished, and is kept in the table while the drop stands: of this trust anchor, and of others of the
	// source that fell; nil where only the examples are known.
	Held *Set
	// Accepted says that the drop has lasted so long that it is taken for the truth: from this snapshot on, what vanished is gone.
	Accepted bool
}

// Difference is what one cache holds and another does not. That two caches differ for as long as one takes to refresh is normal.
type Difference struct {
	Used, Other string // names of the SourceStatus of the cache in use and of the other
	Missing     int    // VRPs that the one in use has and the other does not
	Extra       int    // VRPs that the other has and the one in use does not
	Examples    []VRP  // the first few of both
	Since       time.Time
}

// DiffAuthority is Diff without regard to trust anchors: it gives each VRP that is asserted in the new set alone, and each that is
// asserted in the old set alone, whoever asserts it there.
func DiffAuthority(old, new *Set) (added, removed []VRP) {
	a, b := old.rows(), new.rows()
	for len(a) > 0 || len(b) > 0 {
		c := 1
		switch {
		case len(b) == 0:
			c = -1
		case len(a) > 0:
			c = a[0].claims(b[0])
		}
		if c < 0 {
			removed = append(removed, a[0].vrp(old.anchors))
		} else if c > 0 {
			added = append(added, b[0].vrp(new.anchors))
		}
		if c <= 0 {
			a = afterClaim(a)
		}
		if c >= 0 {
			b = afterClaim(b)
		}
	}
	return slices.Clip(added), slices.Clip(removed)
}

// claims orders as compare does, without the trust anchor.
func (r record) claims(o record) int {
	o.anchor = r.anchor
	return r.compare(o)
}

// afterClaim goes past all records that claim what the first does.
func afterClaim(records []record) []record {
	n := 1
	for n < len(records) && records[0].claims(records[n]) == 0 {
		n++
	}
	return records[n:]
}
