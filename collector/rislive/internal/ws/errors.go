package ws

import (
	"fmt"
	"unicode/utf8"
)

// The status codes of closing that this package uses (RFC 6455 section 7.4.1).
const (
	Normal     uint16 = 1000
	GoingAway  uint16 = 1001
	Protocol   uint16 = 1002
	noStatus   uint16 = 1005 // a close frame without a code; never sent
	BadText    uint16 = 1007
	TooBig     uint16 = 1009
	lastStatus uint16 = 4999
)

// Violation is what the server did against the protocol, or beyond the limits, and the code that it is told with.
type Violation struct {
	Code uint16
	Text string
}

// Error says what was wrong.
func (v *Violation) Error() string {
	return fmt.Sprintf("the server broke the websocket protocol (%d): %s", v.Code, v.Text)
}

func violation(code uint16, format string, args ...any) error {
	return &Violation{code, fmt.Sprintf(format, args...)}
}

// Closed says that the server closed the connection in an orderly way, and why.
type Closed struct {
	Code   uint16 // 1005 when it gave none
	Reason string
}

// Error gives the code with its meaning, and the server's own words.
func (c *Closed) Error() string {
	text := fmt.Sprintf("the server closed the connection: %d", c.Code)
	if m := meanings[c.Code]; m != "" {
		text += " (" + m + ")"
	}
	if c.Reason != "" {
		text += fmt.Sprintf(": %q", c.Reason)
	}
	return text
}

// meanings are those of RFC 6455 section 7.4.1 and of IANA's registry.
var meanings = map[uint16]string{
	1000: "normal", 1001: "going away", 1002: "protocol error", 1003: "unsupported data", 1005: "no status", 1007: "bad data", 1008: "against its policy",
	1009: "message too big", 1010: "extension needed", 1011: "internal error", 1012: "restart", 1013: "try again later", 1014: "bad gateway",
}

// closing reads the payload of a close frame.
func closing(b []byte) (*Closed, error) {
	if len(b) == 0 {
		return &Closed{Code: noStatus}, nil
	}
	if len(b) == 1 {
		return nil, violation(Protocol, "a close frame with half a status code")
	}
	code := uint16(b[0])<<8 | uint16(b[1])
	// RFC 6455 section 7.4: what is below 3000 is for the protocol, and 1004, 1005, 1006 and 1015 never stand in a frame; 3000 to 4999 are
	// for libraries and applications.
	if code < 1000 || code == 1004 || code == 1005 || code == 1006 || code > 1014 && code < 3000 || code > lastStatus {
		return nil, violation(Protocol, "a close frame with the status code %d, which none may have", code)
	}
	if !utf8.Valid(b[2:]) {
		return nil, violation(BadText, "a close frame whose reason is no UTF-8")
	}
	return &Closed{code, string(b[2:])}, nil
}
