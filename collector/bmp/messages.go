package bmp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// TLV types of Initiation (RFC 7854 section 4.4) and Termination (section 4.5).
const (
	tlvSysDescr = 1
	tlvSysName  = 2
	tlvReason   = 1
)

// TLV types of Peer Up, which have a registry of their own since RFC 9736: a type 2 is no sysName there. Table name: RFC 9069 section 5.2.1;
// admin label: RFC 8671. A Peer Down of a Loc-RIB tells its table's name in the same way (RFC 9069 section 5.3).
const (
	tlvString     = 0
	tlvTableName  = 3
	tlvAdminLabel = 4
)

var errTLV = errors.New("a TLV is longer than its message")

// tlvs calls f for each TLV; those of unknown types are for f to pass over (RFC 7854 section 4.4).
func tlvs(b []byte, f func(typ uint16, value []byte)) error {
	for len(b) >= 4 {
		typ, n := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		if len(b) < 4+n {
			return errTLV
		}
		f(typ, b[4:4+n])
		b = b[4+n:]
	}
	if len(b) > 0 {
		return errTLV
	}
	return nil
}

// text makes printable what a router says of itself; it becomes part of names and logs.
func text(b []byte) string {
	clean := strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7F || r == '\uFFFD' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(string(b), ""))
	return strings.TrimSpace(clean[:min(len(clean), 255)])
}

// initiation takes the router's name. The router's identity is its name, or the address it connects from; never the address in a Loc-RIB's
// header, which is zero for all of them.
func (s *Stream) initiation(ctx context.Context, b []byte, at time.Time, again bool) error {
	var name, software string
	err := tlvs(b, func(typ uint16, value []byte) {
		switch typ {
		case tlvSysDescr:
			software = text(value)
		case tlvSysName:
			name = text(value)
		}
	})
	if name == "" {
		name = s.cfg.Router
	} else if s.naming != nil {
		name = s.naming(name)
	}
	if again && (s.cfg.Replay || name != s.router) {
		if err := s.Lost(ctx, s.now(at), "the router began anew"); err != nil {
			return err
		}
	}
	s.mu.Lock()
	s.router, s.software = name, software
	s.mu.Unlock()
	level := slog.LevelInfo
	if s.cfg.Replay {
		level = slog.LevelDebug
	}
	s.deps.Log.Log(ctx, level, "BMP router introduced itself", "router", name, "address", s.cfg.Router, "software", software)
	if err != nil {
		return s.malformed(initiation, err)
	}
	return nil
}

// termination takes the router's goodbye; it closes the connection afterwards.
func (s *Stream) termination(ctx context.Context, b []byte, at time.Time) error {
	reason, said := "no reason given", ""
	err := tlvs(b, func(typ uint16, value []byte) {
		switch {
		case typ == tlvReason && len(value) == 2:
			reason = terminationReason(binary.BigEndian.Uint16(value))
		case typ == tlvString:
			said = text(value)
		}
	})
	why := "the router ended the BMP session: " + reason
	if said != "" {
		why += fmt.Sprintf(" (%q)", said)
	}
	s.goodbye = why
	s.deps.Log.Warn("BMP session terminated", "router", s.router, "reason", why)
	if lost := s.Lost(ctx, s.now(at), why); lost != nil {
		return lost
	}
	if err != nil {
		return s.malformed(termination, err)
	}
	return nil
}

// terminationReason gives the reason of a Termination in words (RFC 7854 section 4.5).
func terminationReason(code uint16) string {
	reasons := []string{"administratively closed", "unspecified reason", "out of resources", "redundant connection", "permanently administratively closed"}
	if int(code) < len(reasons) {
		return reasons[code]
	}
	return fmt.Sprintf("a reason of the unknown code %d", code)
}
