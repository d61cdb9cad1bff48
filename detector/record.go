package detector

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"time"

	"anywatch/collector/route"
	"anywatch/rules"
)

// Key is what makes an incident the same one: its kind, and what the kind says beside it.
type Key struct {
	Kind   Kind
	Prefix netip.Prefix
	AS     route.ASN
	Site   string // the name of a site
	// Subject is what it is about where that is no prefix: a feed, a vantage.
	Subject string
}

func (k Key) compare(o Key) int {
	return cmp.Or(cmp.Compare(k.Kind, o.Kind), k.Prefix.Compare(o.Prefix), cmp.Compare(k.AS, o.AS), cmp.Compare(k.Site, o.Site), cmp.Compare(k.Subject, o.Subject))
}

// state is where an incident is in its life.
type state uint8

const (
	pending  state = iota // there is evidence, not enough yet
	open                  // enough evidence came
	resolved              // clear for long enough; kept for a while, in case that it comes back
)

// standing is how it stands with what an incident is about.
type standing uint8

const (
	gone    standing = iota
	there            // it is there now
	unknown          // it was there, and a lost feed leaves open whether it still is
)

// matter is what an incident is about. The record is its life; the matter says how it stands, and puts it into words. There are two: what vantages
// show with their routes (sighting), and what holds of a feed or a vantage (Condition).
type matter interface {
	// enough tells whether it suffices to open, since when it is there, and whether it is older than our watching.
	enough(c rules.Confirm, now time.Time) (ok bool, since time.Time, table bool)
	standing() standing
	// begin begins another life, and renew brings what is derived up to date.
	begin()
	renew()
	// statement is what would be said now, after said was the last.
	statement(said statement) statement
	// was says in a sentence what the matter was, ending why that is over.
	was() string
	ending(why cause) string
	// write puts it into an incident.
	write(e *Engine, i *Incident)
	// prune drops what is too old to count, and tells whether nothing is left.
	prune(c rules.Confirm, now time.Time) bool
	// over forgets what the life that ended left.
	over()
}

// record is the life of one incident.
type record struct {
	key    Key
	matter matter
	state  state

	id                                 string
	started, opened, updated, resolved time.Time
	reopened                           int
	clear                              time.Time // since when it is gone; zero while it is not
	planned                            time.Time // the clear for which the end is planned
	table                              bool      // the evidence that opened it stood in initial tables
	cause                              cause     // why the last evidence went
	said                               statement
	dirty                              bool

	acknowledged string  // by whom; "" by nobody
	silenced     string  // by which silence, in words; "" by none
	root         *record // an open incident from which this one follows
	byHand       bool    // somebody resolved it while it was still there: it stays resolved until it was gone once
}

// cause is why something is evidence no more.
type cause struct {
	says string
	// void says that not the route changed but what it is judged by.
	void bool
}

// open begins the incident's life, or its next one.
func (r *record) open(now, since time.Time, table bool) {
	if r.state == resolved {
		r.reopened++
	}
	r.started, r.opened, r.resolved, r.clear = since, now, time.Time{}, time.Time{}
	r.state, r.table, r.acknowledged, r.byHand = open, table, "", false
	r.matter.begin()
	if r.id == "" {
		r.id = identity(r.key, since)
	}
}

// identity makes the incident's id: the same input gives the same id, today and on every machine.
func identity(k Key, started time.Time) string {
	text := fmt.Sprintf("%s|%s|%d|%s", k.Kind, k.Prefix, k.AS, started.UTC().Format(time.RFC3339Nano))
	if k.Site+k.Subject != "" {
		text += "|" + k.Site + "|" + k.Subject
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// refresh brings what is derived up to date, and since when it is clear.
func (r *record) refresh(now time.Time) {
	r.matter.renew()
	switch {
	case r.matter.standing() != gone:
		r.clear = time.Time{}
	case r.clear.IsZero():
		r.clear = now
	}
}

func (r *record) statement() statement {
	s := r.matter.statement(r.said)
	s.acknowledged, s.silenced, s.explained = r.acknowledged, r.silenced, ""
	if r.root != nil {
		s.explained = r.root.id
	}
	return s
}
