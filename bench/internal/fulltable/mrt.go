package fulltable

import (
	"bufio"
	"encoding/binary"
	"io"
	"net/netip"

	"anywatch/bench/internal/wire"
)

// MRT types and subtypes (RFC 6396 section 4).
const (
	tableDumpV2    = 13
	peerIndexTable = 1
	ribIPv4        = 2
	ribIPv6        = 4
	bgp4mp         = 16
	messageAS4     = 4
)

// archiveStart is the time of the first record; updates follow, 200 of them in a second.
const archiveStart = 1_790_000_000

// MRTFile says how much is in a file.
type MRTFile struct {
	Peers  int // that have the whole table, in the table dump
	Passes int // how often the table comes again as updates
}

// MRTContent counts what was written.
type MRTContent struct {
	Octets, Records, Routes int
}

// WriteMRT writes a table dump (TABLE_DUMP_V2) with entries of all peers, and behind it the table again as updates (BGP4MP), as one file
// of a collector and the updates that follow it would be.
func (t *Table) WriteMRT(w io.Writer, f MRTFile) (MRTContent, error) {
	m := &mrtWriter{w: bufio.NewWriterSize(w, 1<<20), peers: f.Peers}
	m.record(archiveStart, tableDumpV2, peerIndexTable, m.index())
	for i := range t.Groups {
		m.entries(&t.Groups[i])
	}
	n := 0
	for pass := range f.Passes {
		for i, u := range t.Updates() {
			m.message(archiveStart+1+n/200, (i+pass)%f.Peers, u)
			m.n.Routes += len(t.Groups[i].Prefixes)
			n++
		}
	}
	if m.err == nil {
		m.err = m.w.Flush()
	}
	return m.n, m.err
}

// mrtWriter writes records; the first error stays.
type mrtWriter struct {
	w       *bufio.Writer
	peers   int
	n       MRTContent
	seq     uint32
	attrs   [][]byte
	scratch []byte
	err     error
}

func (m *mrtWriter) record(at, typ, subtype int, body []byte) {
	var h [12]byte
	binary.BigEndian.PutUint32(h[:], uint32(at))
	binary.BigEndian.PutUint16(h[4:], uint16(typ))
	binary.BigEndian.PutUint16(h[6:], uint16(subtype))
	binary.BigEndian.PutUint32(h[8:], uint32(len(body)))
	for _, b := range [][]byte{h[:], body} {
		if m.err == nil {
			_, m.err = m.w.Write(b)
		}
	}
	m.n.Records++
	m.n.Octets += len(h) + len(body)
}

func peerAddr(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 64, 21, byte(1 + i)}) }
func peerAS(i int) uint32       { return uint32(SenderAS + i) }

// index is the PEER_INDEX_TABLE (RFC 6396 section 4.3.1): the collector's ID, no view name, and peers with IPv4 addresses and AS numbers of
// four octets.
func (m *mrtWriter) index() []byte {
	b := append([]byte{}, NextHop4().AsSlice()...)
	b = binary.BigEndian.AppendUint16(b, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(m.peers))
	for i := range m.peers {
		b = append(b, 2)
		b = append(b, peerAddr(i).AsSlice()...)
		b = append(b, peerAddr(i).AsSlice()...)
		b = binary.BigEndian.AppendUint32(b, peerAS(i))
	}
	return b
}

// entries writes one record for each prefix of the group, with an entry for each peer (RFC 6396 section 4.3.2). The peers differ in the
// first AS of the path.
func (m *mrtWriter) entries(g *Group) {
	m.attrs = m.attrs[:0]
	for i := range m.peers {
		u := g.update()
		u.Path = append([]uint32{peerAS(i)}, g.Path[1:]...)
		m.attrs = append(m.attrs, u.Attributes(true))
	}
	subtype := ribIPv4
	if g.IPv6() {
		subtype = ribIPv6
	}
	for _, p := range g.Prefixes {
		b := binary.BigEndian.AppendUint32(m.scratch[:0], m.seq)
		b = wire.AppendPrefix(b, p)
		b = binary.BigEndian.AppendUint16(b, uint16(m.peers))
		for i, a := range m.attrs {
			b = binary.BigEndian.AppendUint16(b, uint16(i))
			b = binary.BigEndian.AppendUint32(b, archiveStart-3600)
			b = binary.BigEndian.AppendUint16(b, uint16(len(a)))
			b = append(b, a...)
		}
		m.record(archiveStart, tableDumpV2, subtype, b)
		m.n.Routes += m.peers
		m.seq++
		m.scratch = b
	}
}

// message writes a BGP message of a peer (RFC 6396 section 4.4.3).
func (m *mrtWriter) message(at, peer int, update []byte) {
	b := binary.BigEndian.AppendUint32(m.scratch[:0], peerAS(peer))
	b = binary.BigEndian.AppendUint32(b, SenderAS)
	b = append(b, 0, 0, 0, 1) // interface 0, IPv4
	b = append(b, peerAddr(peer).AsSlice()...)
	b = append(b, NextHop4().AsSlice()...)
	b = append(b, update...)
	m.record(at, bgp4mp, messageAS4, b)
	m.scratch = b
}
