package exabgp

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"anywatch/collector/route"
)

// envelope is a line. Beside an update, Header and Body hold the octets of the message where ExaBGP was told to consolidate.
type envelope struct {
	ExaBGP       string          `json:"exabgp"`
	Time         json.RawMessage `json:"time"`
	Host         string          `json:"host"`
	Type         string          `json:"type"`
	Header       string          `json:"header"`
	Body         string          `json:"body"`
	Neighbor     *neighbor       `json:"neighbor"`
	Notification json.RawMessage `json:"notification"` // "shutdown", of ExaBGP itself
	Answer       json.RawMessage `json:"answer"`       // to a command that somebody gave it
}

type neighbor struct {
	Address struct {
		Peer string `json:"peer"`
	} `json:"address"`
	ASN struct {
		Peer route.ASN `json:"peer"`
	} `json:"asn"`
	Direction  string      `json:"direction"`
	State      string      `json:"state"`
	Reason     string      `json:"reason"`
	Message    *message    `json:"message"`
	Negotiated *negotiated `json:"negotiated"`
	Refresh    *refresh    `json:"route-refresh"`
}

// sent tells that ExaBGP sent the message itself.
func (n *neighbor) sent() bool { return n.Direction == "send" || n.Direction == "out" }

// message holds an update, the end of an initial table, or the octets of a message ("packets").
type message struct {
	Update *update `json:"update"`
	EOR    *family `json:"eor"`
	Header string  `json:"header"`
	Body   string  `json:"body"`
}

type update struct {
	Attribute map[string]json.RawMessage            `json:"attribute"`
	Announce  map[string]map[string]json.RawMessage `json:"announce"` // by family and next hop
	Withdraw  map[string]json.RawMessage            `json:"withdraw"` // by family
}

type family struct {
	AFI  string `json:"afi"`
	SAFI string `json:"safi"`
}

type refresh struct {
	family
	Subtype string `json:"subtype"` // query (RFC 2918); begin, end (RFC 7313)
}

// negotiated is what the two ends of a session agreed upon.
type negotiated struct {
	ASN4     bool     `json:"asn4"`
	Families []string `json:"families"`
	AddPath  struct {
		Receive []string `json:"receive"`
	} `json:"add_path"`
}

// families of routes that are read, as ExaBGP names them.
const (
	unicast  = "unicast"
	labelled = "nlri-mpls"       // RFC 8277
	labeled  = "labeled-unicast" // its name to come
)

// familyOf reads "ipv4 unicast"; the family is zero when its routes are not read.
func familyOf(name string) (f route.Family, label bool) {
	afi, safi, _ := strings.Cut(name, " ")
	switch safi {
	case unicast:
	case labelled, labeled:
		label = true
	default:
		return 0, false
	}
	switch afi {
	case "ipv4":
		return route.IPv4, label
	case "ipv6":
		return route.IPv6, label
	}
	return 0, false
}

// families adds names up: of unicast, and of labelled unicast.
func families(names []string) (plain, label route.Family) {
	for _, name := range names {
		switch f, l := familyOf(name); {
		case l:
			label |= f
		default:
			plain |= f
		}
	}
	return plain, label
}

// earliest is the first credible time of a message, 1990: what is older is no time.
const earliest = 631152000

// parseTime reads seconds with a fraction, digit by digit: a float would not keep it.
func parseTime(text []byte) (time.Time, bool) {
	whole, fraction, _ := strings.Cut(string(text), ".")
	sec, err := strconv.ParseUint(whole, 10, 32)
	if err != nil || sec < earliest || sec > math.MaxUint32 {
		return time.Time{}, false
	}
	var nsec, unit int64 = 0, 1e8
	for _, c := range []byte(fraction) {
		if c < '0' || c > '9' {
			return time.Time{}, false
		}
		nsec += unit * int64(c-'0')
		unit /= 10
	}
	return time.Unix(int64(sec), nsec).UTC(), true
}
