package mrt

import (
	"encoding/binary"
	"net/netip"

	"anywatch/collector/route"
)

// StateChange reads a state change as a Stream does, also those that tell nothing of routes.
func StateChange(record []byte) (peer netip.Addr, asn route.ASN, from, to uint16, ok bool) {
	typ, subtype, b := binary.BigEndian.Uint16(record[4:]), binary.BigEndian.Uint16(record[6:]), record[headerSize:]
	if typ == typeBGP4MPET {
		typ, b = typeBGP4MP, b[4:]
	}
	if typ != typeBGP4MP || subtype != stateChange && subtype != stateChangeAS4 {
		return peer, 0, 0, 0, false
	}
	se, rest, err := openSession(b, subtype == stateChangeAS4)
	if err != nil {
		return peer, 0, 0, 0, false
	}
	from, to, err = states(rest)
	return se.key.addr(), se.key.asn, from, to, err == nil
}
