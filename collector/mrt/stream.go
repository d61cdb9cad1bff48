package mrt

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
)

// Malformed is a record that could not be read. It was counted; its stream goes on.
type Malformed struct {
	Type, Subtype uint16
	Err           error
}

// Error names the record and says what is wrong with it.
func (m *Malformed) Error() string {
	return fmt.Sprintf("malformed MRT record of type %d, subtype %d: %v", m.Type, m.Subtype, m.Err)
}

// Unwrap gives the fault itself.
func (m *Malformed) Unwrap() error { return m.Err }

// fault is what is wrong with a record itself, as opposed to an error that ends the stream.
type fault string

// Error gives the text.
func (f fault) Error() string { return string(f) }

const (
	errShort   fault = "it is shorter than its fields"
	errFamily  fault = "its address family is neither IPv4 nor IPv6"
	errMarker  fault = "its BGP message does not begin with the marker"
	errLength  fault = "its BGP message has an impossible length, or is longer than the record"
	errBGPType fault = "its BGP message is of no known type"
	errPrefix  fault = "its prefix is longer than an address"
	errPeer    fault = "it refers to a peer that no peer index table before it names"
	errPeers   fault = "the file names more peers than are believed"
	errState   fault = "it tells of a state that the BGP state machine does not have"
)

// Stream takes the records of one input in their order. Not for concurrent use.
type Stream struct {
	in    *collector.Intake
	reg   *collector.Registry
	ours  []route.ASN
	peers map[peerKey]*peer
	// lastKey and last are the peer met last: bursts come from one.
	lastKey peerKey
	last    *peer
	heard   []*peer // since the last gap
	index   []*peer // the peer index table in force
	tables  *Tables
	dump    dump
	lost    bool // octets before the next record are none
	turned  bool // state changes have the collector in the place of the peer
	scratch []byte
	entry   collector.Reader
	at      time.Time // of the newest record
	stamp   uint64    // the header from which time was read last
	time    time.Time
}

// NewStream begins an input. Peers whose AS is among ours are internal vantages, all others external. Streams that are read side by side share
// tables.
func NewStream(in *collector.Intake, reg *collector.Registry, ours []route.ASN, tables *Tables) *Stream {
	return &Stream{in: in, reg: reg, ours: ours, tables: tables, peers: make(map[peerKey]*peer)}
}

// Time gives the time of a whole record, as the function of that name does; many records have the time of the one before.
func (s *Stream) Time(record []byte) time.Time {
	if stamp := binary.BigEndian.Uint64(record); stamp>>16 != s.stamp>>16 || uint16(stamp>>16) != typeBGP4MP && uint16(stamp>>16) != typeTableDumpV2 {
		s.stamp, s.time = stamp, Time(record)
	}
	return s.time
}

// Record takes one whole record as Split found it; the bytes may be used again afterwards. It returns a *Malformed or a
// *collector.Malformed for a record that was passed over, in whole or in part, and any other error when the stream must end.
func (s *Stream) Record(ctx context.Context, record []byte) error {
	tally := &s.in.Tally
	tally.Messages++
	before := tally.Malformed
	typ, subtype := binary.BigEndian.Uint16(record[4:]), binary.BigEndian.Uint16(record[6:])
	s.at = s.Time(record)
	err := s.gap(ctx)
	if err == nil {
		err = s.take(ctx, typ, subtype, record[headerSize:])
	}
	if err == nil {
		return nil
	}
	switch e := err.(type) {
	case *collector.Malformed:
	case fault:
		err = &Malformed{typ, subtype, e}
	default:
		return err
	}
	tally.Malformed = before + 1 // one record, however many of its entries are bad
	return err
}

// Leave passes over a record without counting or applying it. Only who the peers of a table are is read, because what comes after can't be read
// without it. A table of which an entry is passed over is not whole.
func (s *Stream) Leave(ctx context.Context, record []byte) error {
	if err := s.gap(ctx); err != nil {
		return err
	}
	typ, subtype := binary.BigEndian.Uint16(record[4:]), binary.BigEndian.Uint16(record[6:])
	switch {
	case typ == typeTableDumpV2 && subtype == geoPeerTable:
		return nil
	case typ == typeTableDumpV2 && subtype != peerIndexTable, typ == typeTableDump, typ == typeBGP4MP && subtype == entry:
		s.dump.broken = true
		return nil
	case typ != typeTableDumpV2:
		return s.complete(ctx)
	}
	err := s.peerIndexTable(ctx, record[headerSize:])
	if f, bad := err.(fault); bad {
		return &Malformed{typ, subtype, f}
	}
	return err
}

func (s *Stream) take(ctx context.Context, typ, subtype uint16, b []byte) error {
	if typ == typeBGP4MPET {
		if len(b) < 4 {
			return errShort
		}
		typ, b = typeBGP4MP, b[4:]
	}
	if typ == typeTableDump || typ == typeTableDumpV2 {
		if typ == typeTableDump {
			return s.tableDump(ctx, subtype, b)
		}
		return s.tableDumpV2(ctx, subtype, b)
	}
	if typ == typeBGP4MP && subtype == entry {
		return s.entryRecord(ctx, b)
	}
	if err := s.complete(ctx); err != nil {
		return err
	}
	if typ == typeBGP4MP {
		return s.bgp4mp(ctx, subtype, b)
	}
	// What other protocols write (OSPF, IS-IS), and what predates BGP4MP, is counted as a message.
	return nil
}

// Finish ends the input: the tables in it are complete.
func (s *Stream) Finish(ctx context.Context) error {
	if err := s.gap(ctx); err != nil {
		return err
	}
	return s.complete(ctx)
}
