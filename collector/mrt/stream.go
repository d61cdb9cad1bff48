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
	ours  map[route.ASN]bool
	peers map[peerKey]*peer
	// lastKey and last are the peer met last: bursts come from one.
	lastKey peerKey
	last    *peer
	index   []*peer // the peer index table in force
	loaded  []*peer // peers of which a table dump has shown routes, in that order
	entry   collector.Reader
	at      time.Time // of the newest record
}

// NewStream begins an input. Peers whose AS is among ours are internal vantages, all others external.
func NewStream(in *collector.Intake, reg *collector.Registry, ours []route.ASN) *Stream {
	s := &Stream{in: in, reg: reg, ours: make(map[route.ASN]bool), peers: make(map[peerKey]*peer)}
	for _, asn := range ours {
		s.ours[asn] = true
	}
	return s
}

// Record takes one whole record as Split found it; the bytes may be used again afterwards. It returns a *Malformed or a
// *collector.Malformed for a record that was passed over, in whole or in part, and any other error when the stream must end.
func (s *Stream) Record(ctx context.Context, record []byte) error {
	tally := &s.in.Tally
	tally.Messages++
	before := tally.Malformed
	typ, subtype := binary.BigEndian.Uint16(record[4:]), binary.BigEndian.Uint16(record[6:])
	s.at = Time(record)
	err := s.take(ctx, typ, subtype, record[headerSize:])
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
// without it.
func (s *Stream) Leave(ctx context.Context, record []byte) error {
	typ, subtype := binary.BigEndian.Uint16(record[4:]), binary.BigEndian.Uint16(record[6:])
	if typ != typeTableDumpV2 || subtype != peerIndexTable {
		return nil
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
	if err := s.synchronised(ctx); err != nil {
		return err
	}
	if typ == typeBGP4MP {
		return s.bgp4mp(ctx, subtype, b)
	}
	// What other protocols write (OSPF, IS-IS), and what predates BGP4MP, is counted as a message.
	return nil
}

// Finish ends the input: the tables in it are complete.
func (s *Stream) Finish(ctx context.Context) error { return s.synchronised(ctx) }

// synchronised says of each peer of which a table dump showed routes that its table is complete.
func (s *Stream) synchronised(ctx context.Context) error {
	if len(s.loaded) == 0 {
		return nil
	}
	for _, p := range s.loaded {
		p.loaded = false
		if err := s.in.Out.Emit(ctx, collector.Event{Kind: collector.Synchronised, Time: s.at, Vantage: p.vantage}); err != nil {
			return err
		}
	}
	s.loaded = s.loaded[:0]
	return nil
}
