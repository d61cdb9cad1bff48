package mrt

import (
	"context"
	"hash/crc32"
	"slices"

	"anywatch/collector"
	"anywatch/collector/route"
)

// Tables knows which tables are being shown, by all streams that are read side by side: two dumps of one vantage that overlap in time are one table,
// complete when both are. Not for concurrent use.
type Tables struct{ open map[table]int }

// table is what a vantage shows of one family.
type table struct {
	vantage collector.VantageID
	family  route.Family
}

// NewTables begins with none.
func NewTables() *Tables { return &Tables{open: make(map[table]int)} }

// begin tells whether the table was not being shown already.
func (t *Tables) begin(k table) bool {
	t.open[k]++
	return t.open[k] == 1
}

// end tells whether nobody shows the table any more.
func (t *Tables) end(k table) bool {
	t.open[k]--
	if t.open[k] > 0 {
		return false
	}
	delete(t.open, k)
	return true
}

// shown tells whether no table of the vantage is being shown.
func (t *Tables) shown(v collector.VantageID) bool {
	return t.open[table{v, route.IPv4}] == 0 && t.open[table{v, route.IPv6}] == 0
}

// dump is the table dump that is being read. Views of a router (RFC 6396 section 4.3.1) that come one after the other are one dump: to us they are
// what one router knows.
type dump struct {
	peers    []*peer      // those whose tables were begun, in that order
	views    []uint32     // whose peer indexes came: checksums of their names
	families route.Family // begun since the newest peer index
	broken   bool         // part of it was not read: nothing follows from what is not in it
	old      position     // of the newest record of TABLE_DUMP
}

// maxViews bounds how many views make one dump.
const maxViews = 4096

// position is where a record of TABLE_DUMP stands in its dump.
type position struct{ subtype, view, seq uint16 }

// again tells that a record of TABLE_DUMP begins another dump: numbers only grow within one, but that 65535 is the last before 0 or 1.
func (p position) again(next position) bool {
	return p.subtype == next.subtype && p.view == next.view && next.seq < p.seq && p.seq != 0xFFFF
}

// begin tells that a peer's table of one family follows. With a part of the dump missing, nothing is told.
func (s *Stream) begin(ctx context.Context, p *peer, f route.Family) error {
	if p.begun&f != 0 || s.dump.broken {
		return nil
	}
	if p.begun == 0 {
		s.dump.peers = append(s.dump.peers, p)
	}
	p.begun |= f
	if !s.tables.begin(table{p.vantage.ID, f}) {
		return nil
	}
	return s.in.Out.Emit(ctx, collector.Event{Kind: collector.TableBegins, Time: s.at, Vantage: p.vantage, Family: f})
}

// beginAll does so for all peers of the index: also for those that have nothing to show any more.
func (s *Stream) beginAll(ctx context.Context, f route.Family) error {
	if s.dump.families&f != 0 {
		return nil
	}
	s.dump.families |= f
	for _, p := range s.index {
		if err := s.begin(ctx, p, f); err != nil {
			return err
		}
	}
	return nil
}

// indexed begins a dump with its peer index, or goes on with another view of the one that is being read.
func (s *Stream) indexed(ctx context.Context, view []byte) error {
	name := crc32.ChecksumIEEE(view)
	if slices.Contains(s.dump.views, name) || len(s.dump.views) == maxViews {
		if err := s.complete(ctx); err != nil {
			return err
		}
	}
	if len(s.dump.views) == 0 {
		s.dump.broken = false // whatever was missing stood before it
	}
	s.dump.views, s.dump.families = append(s.dump.views, name), 0
	return nil
}

// complete ends a dump: the tables in it are whole.
func (s *Stream) complete(ctx context.Context) error {
	d := s.dump
	if len(d.peers)+len(d.views) == 0 {
		s.dump.broken, s.dump.old = false, position{}
		return nil
	}
	s.dump = dump{peers: d.peers[:0], views: d.views[:0]}
	for _, p := range d.peers {
		if err := s.end(ctx, p, !d.broken); err != nil {
			return err
		}
	}
	return nil
}

// end ends a peer's tables. Only who showed routes is synchronised with that: whose session was down is in the index too.
func (s *Stream) end(ctx context.Context, p *peer, whole bool) error {
	begun, showed := p.begun, p.showed
	p.begun, p.showed = 0, false
	for _, f := range []route.Family{route.IPv4, route.IPv6} {
		if begun&f == 0 || !s.tables.end(table{p.vantage.ID, f}) || !whole {
			continue
		}
		if err := s.in.Out.Emit(ctx, collector.Event{Kind: collector.EndOfRIB, Time: s.at, Vantage: p.vantage, Family: f}); err != nil {
			return err
		}
	}
	if !showed || !whole || !s.tables.shown(p.vantage.ID) {
		return nil
	}
	return s.in.Out.Emit(ctx, collector.Event{Kind: collector.Synchronised, Time: s.at, Vantage: p.vantage})
}

// Lost says that octets before the next record, or before the end, are none: messages may have been in them. Who was heard in this input has a gap,
// and a table dump around them is not whole.
func (s *Stream) Lost() { s.lost = true }

// gap tells of a loss.
func (s *Stream) gap(ctx context.Context) error {
	if !s.lost {
		return nil
	}
	s.lost, s.dump.broken = false, true
	for _, p := range s.heard {
		p.heard = false
		ev := collector.Event{Kind: collector.Gap, Time: s.at, Vantage: p.vantage, Reason: "part of the archive can't be read"}
		if err := s.in.Out.Emit(ctx, ev); err != nil {
			return err
		}
	}
	s.heard = s.heard[:0]
	return nil
}

// hear notes who would miss something when octets are lost.
func (s *Stream) hear(p *peer) {
	if !p.heard {
		p.heard = true
		s.heard = append(s.heard, p)
	}
}
