package bgp

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Message types (RFC 4271 section 4.1, RFC 2918).
const (
	typeOpen         = 1
	typeUpdate       = 2
	typeNotification = 3
	typeKeepalive    = 4
	typeRouteRefresh = 5

	headerLen      = 19
	maxLen         = 4096
	maxExtendedLen = 65535 // RFC 8654
)

// Error codes of NOTIFICATIONs (RFC 4271 section 4.5, RFC 7313 section 5), and those of their subcodes that we send.
const (
	codeHeader    = 1
	codeOpen      = 2
	codeHoldTimer = 4
	codeFSM       = 5
	codeCease     = 6
	codeRefresh   = 7

	headerNotSynchronized = 1
	headerBadLength       = 2
	headerBadType         = 3

	openUnspecific  = 0
	openBadID       = 3
	openBadOptional = 4

	refreshBadLength = 1
)

// Subcodes of Cease (RFC 4486, RFC 8538).
const (
	ceaseShutdown     = 2
	ceaseDeconfigured = 3
	ceaseReset        = 4
	ceaseRejected     = 5
	ceaseChanged      = 6
	ceaseCollision    = 7
	ceaseHardReset    = 9
)

// cease is how we end a session: the subcode, and the reason in words for the peer's operator (RFC 9003).
type cease struct {
	subcode byte
	text    string
}

// fault is what is wrong with what the peer sent, as the NOTIFICATION tells it.
type fault struct {
	code, subcode byte
	data          []byte
}

// body is what stands in the NOTIFICATION, which has at most 4,096 octets.
func (f *fault) body() []byte {
	return append([]byte{f.code, f.subcode}, f.data[:min(len(f.data), maxLen-headerLen-2)]...)
}

// Error gives the fault in words.
func (f *fault) Error() string { return describe(f.body()) }

// message writes a BGP message around a body.
func message(typ byte, body ...byte) []byte {
	b := make([]byte, headerLen, headerLen+len(body))
	for i := range 16 {
		b[i] = 0xFF
	}
	binary.BigEndian.PutUint16(b[16:], uint16(headerLen+len(body)))
	b[18] = typ
	return append(b, body...)
}

// message writes the NOTIFICATION. Only Administrative Shutdown and Reset carry a text, of at most 255 octets, its length before it (RFC
// 9003 section 2).
func (c cease) message() []byte {
	body := []byte{codeCease, c.subcode}
	if c.subcode == ceaseShutdown {
		text := c.text[:min(len(c.text), 255)]
		body = append(append(body, byte(len(text))), text...)
	}
	return message(typeNotification, body...)
}

// hardReset tells of the body of a NOTIFICATION whether it ends the session for good (RFC 8538 section 3.1).
func hardReset(body []byte) bool {
	return len(body) >= 2 && body[0] == codeCease && body[1] == ceaseHardReset
}

// describe gives the body of a NOTIFICATION in words: "Cease/Administrative Shutdown (6/2): planned maintenance". A Hard Reset has the body
// of another one inside, which is the reason (RFC 8538 section 3.1).
func describe(body []byte) string {
	if len(body) < 2 {
		return "a NOTIFICATION without a code"
	}
	text := fmt.Sprintf("%d/%d", body[0], body[1])
	if name := names(body[0], body[1]); name != "" {
		text = fmt.Sprintf("%s (%s)", name, text)
	}
	if hardReset(body) && len(body) >= 4 && !hardReset(body[2:]) {
		return text + ": " + describe(body[2:])
	}
	if said := communication(body); said != "" {
		text += fmt.Sprintf(": %q", said)
	}
	return text
}

// communication gives what the peer's operator wrote (RFC 9003), made printable.
func communication(body []byte) string {
	if body[0] != codeCease || body[1] != ceaseShutdown && body[1] != ceaseReset || len(body) < 3 || len(body) < 3+int(body[2]) {
		return ""
	}
	said := string(body[3 : 3+int(body[2])])
	if !utf8.ValidString(said) {
		return ""
	}
	return strings.TrimSpace(said)
}

// names looks a code and subcode up among those of RFC 4271 section 4.5, RFC 4486, RFC 6608, RFC 8538 and RFC 9234.
func names(code, sub byte) string {
	type codes struct {
		name string
		subs []string // from subcode 1
	}
	table := map[byte]codes{
		1: {"Message Header Error", []string{"Connection Not Synchronized", "Bad Message Length", "Bad Message Type"}},
		2: {"OPEN Message Error", []string{"Unsupported Version Number", "Bad Peer AS", "Bad BGP Identifier", "Unsupported Optional Parameter",
			"Authentication Failure", "Unacceptable Hold Time", "Unsupported Capability", "", "", "", "Role Mismatch"}},
		3: {"UPDATE Message Error", []string{"Malformed Attribute List", "Unrecognized Well-known Attribute", "Missing Well-known Attribute",
			"Attribute Flags Error", "Attribute Length Error", "Invalid ORIGIN", "AS Routing Loop", "Invalid NEXT_HOP", "Optional Attribute Error",
			"Invalid Network Field", "Malformed AS_PATH"}},
		4: {"Hold Timer Expired", nil},
		5: {"Finite State Machine Error", []string{"Unexpected Message in OpenSent", "Unexpected Message in OpenConfirm", "Unexpected Message in Established"}},
		6: {"Cease", []string{"Maximum Number of Prefixes Reached", "Administrative Shutdown", "Peer De-configured", "Administrative Reset",
			"Connection Rejected", "Other Configuration Change", "Connection Collision Resolution", "Out of Resources", "Hard Reset", "BFD Down"}},
		7: {"ROUTE-REFRESH Message Error", []string{"Invalid Message Length"}},
		8: {"Send Hold Timer Expired", nil},
	}
	c := table[code]
	if n := int(sub); n > 0 && n <= len(c.subs) && c.subs[n-1] != "" {
		return c.name + "/" + c.subs[n-1]
	}
	return c.name
}
