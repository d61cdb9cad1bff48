package bmp

import (
	"encoding/binary"
	"time"
)

// Stat is what a figure of a Statistics Report counts: its type (RFC 7854 section 4.8 and the IANA registry), and the family where the type
// is one by family.
type Stat struct {
	Type uint16
	AFI  uint16
	SAFI uint8
}

// maxStats is how many figures are kept of a peer.
const maxStats = 256

// stats takes a Statistics Report: the newest figures are kept. Counters have 4 octets, gauges 8, gauges by family AFI and SAFI before them.
func (s *Stream) stats(b []byte, at time.Time) error {
	if len(b) < peerHeaderLen+4 {
		return s.malformed(statsReport, errShort)
	}
	s.when(b, at)
	k, _ := parsePeer(b)
	p := s.peerOf(k)
	if p == nil {
		return s.malformed(statsReport, errPeers)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.stats == nil {
		p.stats = make(map[Stat]uint64)
	}
	err := tlvs(b[peerHeaderLen+4:], func(typ uint16, value []byte) {
		stat, n := Stat{Type: typ}, uint64(0)
		switch len(value) {
		case 4:
			n = uint64(binary.BigEndian.Uint32(value))
		case 8:
			n = binary.BigEndian.Uint64(value)
		case 11:
			stat.AFI, stat.SAFI = binary.BigEndian.Uint16(value), value[2]
			n = binary.BigEndian.Uint64(value[3:])
		default:
			return
		}
		if _, known := p.stats[stat]; known || len(p.stats) < maxStats {
			p.stats[stat] = n
		}
	})
	if err != nil {
		return s.malformed(statsReport, err)
	}
	return nil
}
