package bmp

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/osrg/gobgp/v3/pkg/packet/bgp"

	"anywatch/collector"
	"anywatch/collector/internal/open"
)

// peerDown takes a Peer Down (RFC 7854 section 4.9): every table of this peer is empty now. Of a peer that was never shown, it says
// nothing new; FRR tells it of peers that were never up.
func (s *Stream) peerDown(ctx context.Context, b []byte, at time.Time) error {
	if len(b) < peerHeaderLen+1 {
		return s.malformed(peerDown, errShort)
	}
	k, _ := parsePeer(b)
	t := s.when(b, at)
	p := s.peers[k]
	if p == nil {
		return nil
	}
	reason, data := b[peerHeaderLen], b[peerHeaderLen+1:]
	ev := collector.Event{Kind: collector.PeerDown, Time: t, Reason: downReason(reason, data)}
	// Reason 5: "information for this peer will no longer be sent to the monitoring station for configuration reasons. This does not,
	// strictly speaking, indicate that the peer has gone down".
	if reason == 5 {
		ev.Kind = collector.FeedLost
	}
	err := s.close(ctx, p, ev)
	s.drop(p)
	return err
}

// downReason gives the reason of a Peer Down in words (RFC 7854 section 4.9, RFC 9069 section 5.3).
func downReason(reason byte, data []byte) string {
	switch reason {
	case 1:
		return "the router closed the session" + notification(data)
	case 2:
		return "the router closed the session without a NOTIFICATION" + stateEvent(data)
	case 3:
		return "the peer closed the session" + notification(data)
	case 4:
		return "the peer closed the session without a NOTIFICATION"
	case 5:
		return "the router no longer shows this peer, by its configuration"
	case 6:
		return "the router closed the table" + tableName(data)
	}
	return fmt.Sprintf("the session ended for a reason of the unknown code %d", reason)
}

// notification names the code and subcode of a NOTIFICATION message, and gives the words of who sent it (RFC 9003).
func notification(b []byte) string {
	const cease, shutdown, reset = 6, 2, 4
	if len(b) < open.HeaderLen+2 || b[18] != bgp.BGP_MSG_NOTIFICATION {
		return ""
	}
	code, sub, rest := b[open.HeaderLen], b[open.HeaderLen+1], b[open.HeaderLen+2:]
	out := fmt.Sprintf(" with NOTIFICATION %d/%d%s", code, sub, errorName(code, sub))
	if code == cease && (sub == shutdown || sub == reset) && len(rest) > 1 && len(rest) > int(rest[0]) {
		if said := text(rest[1 : 1+int(rest[0])]); said != "" {
			out += fmt.Sprintf(" (%q)", said)
		}
	}
	return out
}

// errorName gives the most precise name there is for an error, in parentheses: " (administrative shutdown)". The library writes "code
// 6(cease) subcode 2(administrative shutdown)".
func errorName(code, sub byte) string {
	names := strings.ReplaceAll(bgp.NewNotificationErrorCode(code, sub).String(), "(undefined)", "")
	if i := strings.LastIndexByte(names, '('); i >= 0 {
		return " " + names[i:strings.IndexByte(names[i:], ')')+i+1]
	}
	return ""
}

// stateEvents are the events of a BGP state machine that end a session, as RFC 4271 section 8.1 numbers and names them.
var stateEvents = map[uint16]string{
	2: "ManualStop", 8: "AutomaticStop", 9: "ConnectRetryTimer_Expires", 10: "HoldTimer_Expires", 11: "KeepaliveTimer_Expires", 12: "DelayOpenTimer_Expires",
	18: "TcpConnectionFails", 21: "BGPHeaderErr", 22: "BGPOpenMsgErr", 23: "OpenCollisionDump", 24: "NotifMsgVerErr", 25: "NotifMsg", 28: "UpdateMsgErr",
}

// stateEvent names the event of its state machine that made a router close a session. Zero means that there is none (RFC 7854 section 4.9).
func stateEvent(data []byte) string {
	if len(data) < 2 {
		return ""
	}
	n := binary.BigEndian.Uint16(data)
	if n == 0 {
		return ""
	}
	return strings.TrimRight(fmt.Sprintf(", by event %d of its state machine, %s", n, stateEvents[n]), ", ")
}

// tableName gives the name of the table that was closed, where it is told.
func tableName(data []byte) (out string) {
	_ = tlvs(data, func(typ uint16, value []byte) { // what can't be read of a reason is left out of it
		if typ == tlvTableName {
			out = fmt.Sprintf(" %q", text(value))
		}
	})
	return out
}
