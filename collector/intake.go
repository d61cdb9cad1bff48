package collector

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"anywatch/collector/route"
	"anywatch/collector/screen"
)

// Reader is how the messages of one peer are to be read. With Trial, an update that makes no sense is tried with other encodings, and after
// a few that only then made sense the peer is taken to use that encoding: for feeds that don't tell what was agreed upon.
type Reader struct {
	screen.Context
	Trial bool
	votes int
}

// votesToSwitch is how many more messages must have spoken for another encoding before it becomes the first choice.
const votesToSwitch = 3

// Malformed is an update that could not be read, or only so far that its routes count as withdrawn (RFC 7606). The stream goes on.
type Malformed struct {
	Vantage *Vantage
	Class   route.Class
	Err     error
}

// Error says what was wrong and how it is handled.
func (m *Malformed) Error() string {
	from := ""
	if m.Vantage != nil {
		from = " from " + m.Vantage.Name()
	}
	return fmt.Sprintf("malformed update%s (%s): %v", from, m.Class, m.Err)
}

// Unwrap gives the fault itself.
func (m *Malformed) Unwrap() error { return m.Err }

// Intake is the door that all updates of a stream pass: it counts, screens, decodes what matched, and emits. One stream, one goroutine, one
// Intake. Its methods return a *Malformed for a message that was passed over, which the caller reports and forgets, and any other error
// when the stream must end.
type Intake struct {
	Screen *screen.Screen
	Out    Sink
	Tally  Tally
	// Discarded hears of an update that lost an attribute (RFC 7606 section 2, attribute discard); its routes stand. Nil for nobody.
	Discarded func(*Malformed)
	result    screen.Result
	heard     []bool // by the number of the vantage
	carried   int    // prefixes of others that are followed
	own       int    // prefixes outside the watch that our ASes originated, likewise
}

// Update takes the body of an UPDATE message, what follows the 19 octets of header.
func (in *Intake) Update(ctx context.Context, v *Vantage, t time.Time, body []byte, rd *Reader) error {
	if err := in.hear(ctx, v, t); err != nil {
		return err
	}
	enc := in.screen(body, rd)
	r := &in.result
	if r.Err != nil && !r.Matched {
		in.Tally.Malformed++
		return &Malformed{v, route.Unreadable, r.Err}
	}
	if !r.Matched {
		in.count(r.Announced+r.Withdrawn, false)
		if r.EndOfRIB != 0 {
			return in.Out.Emit(ctx, Event{Kind: EndOfRIB, Time: t, Vantage: v, Family: r.EndOfRIB})
		}
		return nil
	}
	d := route.Decode(body, enc, rd.VRF)
	if err := in.emit(ctx, Event{Kind: Routes, Time: t, Vantage: v, Updates: d.Updates}); err != nil {
		return err
	}
	if d.Class >= route.TreatAsWithdraw {
		in.Tally.Malformed++
		return &Malformed{v, d.Class, d.Err}
	}
	in.count(r.Announced+r.Withdrawn, true)
	if d.Class == route.AttributeDiscard {
		in.Tally.Discarded++
		if in.Discarded != nil {
			in.Discarded(&Malformed{v, d.Class, d.Err})
		}
	}
	return nil
}

// Entry takes one entry of a table dump: a prefix and its path attributes.
func (in *Intake) Entry(ctx context.Context, v *Vantage, t time.Time, n route.NLRI, attrs []byte, rd *Reader) error {
	if err := in.hear(ctx, v, t); err != nil {
		return err
	}
	r := &in.result
	in.Screen.Entry(n.Prefix, attrs, &rd.Context, r)
	if !r.Matched && r.Err == nil {
		in.count(1, false)
		return nil
	}
	a, class, err := route.DecodeAttrs(attrs, rd.Encoding)
	if class >= route.TreatAsWithdraw {
		in.Tally.Malformed++
		return &Malformed{v, class, err}
	}
	in.count(1, r.Matched)
	if !r.Matched {
		return nil
	}
	return in.emit(ctx, Event{Kind: Routes, Time: t, Vantage: v, Table: true,
		Updates: []route.Update{{Announced: []route.NLRI{n}, Attrs: a}}})
}

// Decoded takes one update that a source decoded itself, from JSON say, in the parts that it has; it counts as one update.
func (in *Intake) Decoded(ctx context.Context, v *Vantage, t time.Time, updates []route.Update) error {
	if err := in.hear(ctx, v, t); err != nil {
		return err
	}
	prefixes, matched := 0, false
	for _, u := range updates {
		prefixes += len(u.Announced) + len(u.Withdrawn)
		matched = matched || in.ours(v, u.Attrs) || in.touches(u.Announced) || in.touches(u.Withdrawn)
	}
	in.count(prefixes, matched)
	if !matched {
		return nil
	}
	return in.emit(ctx, Event{Kind: Routes, Time: t, Vantage: v, Updates: updates})
}

// hear tells of a vantage when it is first heard in this stream.
func (in *Intake) hear(ctx context.Context, v *Vantage, t time.Time) error {
	if int(v.ID) < len(in.heard) && in.heard[v.ID] {
		return nil
	}
	for int(v.ID) >= len(in.heard) {
		in.heard = append(in.heard, make([]bool, 64)...)
	}
	in.heard[v.ID] = true
	return in.Out.Emit(ctx, Event{Kind: Heard, Time: t, Vantage: v})
}

func (in *Intake) count(prefixes int, matched bool) {
	in.Tally.Updates++
	in.Tally.Prefixes += uint64(prefixes)
	if matched {
		in.Tally.Matched++
	} else {
		in.Tally.Skipped++
	}
}

// What a stream may have followed, prefixes outside the watch that our AS stands in the path of. A table that leaks through us has a million, and
// whoever forges our AS as origin can make up as many.
const (
	carriedKept = 10_000
	ownKept     = 50_000
)

// emit hands routes on, and follows those of our ASes, and those that we carry, so that their withdrawal is let through too. What can't be followed
// is not handed on, but counted: an incident that it is evidence for would never end.
func (in *Intake) emit(ctx context.Context, ev Event) error {
	left := len(ev.Updates)
	for i := range ev.Updates {
		u := &ev.Updates[i]
		if !in.ours(ev.Vantage, u.Attrs) {
			continue
		}
		kept, limit := &in.carried, carriedKept
		if in.originated(ev.Vantage, u.Attrs) {
			kept, limit = &in.own, ownKept
		}
		if !in.follow(u.Announced, kept, limit) {
			ev.Updates = slices.Clone(ev.Updates)
			u = &ev.Updates[i]
			if u.Announced = in.followed(u.Announced); len(u.Announced)+len(u.Withdrawn) == 0 {
				left--
			}
		}
	}
	if left == 0 {
		return nil
	}
	return in.Out.Emit(ctx, ev)
}

// follow follows prefixes to their withdrawal; false when there is no room for all of them.
func (in *Intake) follow(list []route.NLRI, kept *int, limit int) bool {
	all := true
	for _, n := range list {
		switch {
		case in.Screen.Touches(n.Prefix):
		case *kept == limit:
			all = false
		default:
			*kept++
			in.Screen.Remember(n.Prefix)
		}
	}
	return all
}

// followed leaves of a list what is of interest.
func (in *Intake) followed(list []route.NLRI) (out []route.NLRI) {
	for _, n := range list {
		if in.Screen.Touches(n.Prefix) {
			out = append(out, n)
		}
	}
	in.Tally.Unfollowed += uint64(len(list) - len(out))
	return out
}

// originated tells whether one of our ASes is the origin of a path.
func (in *Intake) originated(v *Vantage, a *route.Attrs) bool {
	w := in.Screen.Watch()
	o := a.Path.Origin(v.Local)
	for _, asn := range o.Set {
		if w.Ours(asn) {
			return true
		}
	}
	return o.Set == nil && w.Ours(o.AS)
}

// ours tells whether one of our ASes stands anywhere in a path, or is meant by an empty one.
func (in *Intake) ours(v *Vantage, a *route.Attrs) bool {
	if a == nil {
		return false
	}
	w := in.Screen.Watch()
	for _, s := range a.Path {
		for _, asn := range s.ASNs {
			if w.Ours(asn) {
				return true
			}
		}
	}
	return in.originated(v, a)
}

func (in *Intake) touches(list []route.NLRI) bool {
	for _, n := range list {
		if in.Screen.Touches(n.Prefix) {
			return true
		}
	}
	return false
}

// Touches tells whether a prefix is of interest, for sources that look before they decode.
func (in *Intake) Touches(p netip.Prefix) bool { return in.Screen.Touches(p) }

// screen walks the message, with other encodings too where the reader allows it, and gives the encoding that made sense.
func (in *Intake) screen(body []byte, rd *Reader) route.Encoding {
	in.Screen.Update(body, &rd.Context, &in.result)
	if !rd.Trial {
		return rd.Encoding
	}
	if in.result.Err == nil && !in.result.Suspect {
		rd.votes = max(rd.votes-1, 0)
		return rd.Encoding
	}
	first, trial := in.result, rd.Context
	for _, enc := range alternatives(rd.Encoding) {
		trial.Encoding = enc
		in.Screen.Update(body, &trial, &in.result)
		if in.result.Err == nil && !in.result.Suspect {
			in.Tally.Redecoded++
			if rd.votes++; rd.votes >= votesToSwitch {
				rd.Encoding, rd.votes = enc, 0
			}
			return enc
		}
	}
	in.result = first
	return rd.Encoding
}

// alternatives are the encodings to try when one makes no sense: path identifiers or none, the other width of AS numbers, both.
func alternatives(e route.Encoding) [3]route.Encoding {
	paths, width := e, e
	paths.AddPath, paths.AddPathLabelled, paths.AddPathVPN = flip(e.AddPath), flip(e.AddPathLabelled), flip(e.AddPathVPN)
	width.TwoByteAS = !e.TwoByteAS
	both := paths
	both.TwoByteAS = width.TwoByteAS
	return [3]route.Encoding{paths, width, both}
}

func flip(f route.Family) route.Family {
	if f == 0 {
		return route.IPv4 | route.IPv6
	}
	return 0
}
