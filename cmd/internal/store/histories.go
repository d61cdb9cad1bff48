package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	"anywatch/rpki"
)

// CatchmentSample is how many vantages each site served with a prefix at a time.
type CatchmentSample struct {
	Time   time.Time    `json:"-"`
	Prefix netip.Prefix `json:"-"`
	// Sites counts by the name of the site; Unknown are those that no site explains.
	Sites   map[string]int `json:"sites"`
	Unknown int            `json:"unknown,omitempty"`
}

// VRPChange is a VRP that came or went.
type VRPChange struct {
	Time  time.Time
	Added bool
	VRP   rpki.VRP
}

// HealthResult is how the service of a site fared from a time on.
type HealthResult struct {
	Time                       time.Time
	Site, State, Check, Reason string
}

var (
	catchmentTable = table{name: "catchment", columns: []string{"id", "time", "prefix", "body"}}
	vrpTable       = table{name: "vrp_change", columns: []string{"id", "time", "net", "bits", "max_length", "asn", "anchor", "expires", "added"}}
	healthTable    = table{name: "health", columns: []string{"id", "time", "site", "state", "checked", "reason"}}
)

// AppendCatchments keeps samples of catchments. It does not wait.
func (s *Store) AppendCatchments(batch []CatchmentSample) error {
	o := new(op)
	for i := range batch {
		b, err := json.Marshal(&batch[i])
		if err != nil {
			return fmt.Errorf("store: catchment of %s: %w", batch[i].Prefix, err)
		}
		o.rows = append(o.rows, row{&catchmentTable, []any{s.number(), instant(batch[i].Time), batch[i].Prefix.String(), text(string(b))}})
	}
	s.enqueueDetails(o)
	return nil
}

// Catchments gives the samples of a prefix between two times, oldest first; up to limit, from the newest back.
func (s *Store) Catchments(ctx context.Context, prefix netip.Prefix, since, until time.Time, limit int) (out []CatchmentSample, err error) {
	q := "SELECT time, body FROM (SELECT id, time, body FROM catchment WHERE prefix = ? AND time >= ? AND time < ? ORDER BY time DESC, id DESC LIMIT ?) newest ORDER BY time, id"
	err = s.each(ctx, q, []any{prefix.String(), instant(since), end(until), limit}, func(r *sql.Rows) error {
		var at int64
		var body string
		if err := r.Scan(&at, &body); err != nil {
			return err
		}
		x := CatchmentSample{Time: moment(&at), Prefix: prefix}
		err := json.Unmarshal([]byte(body), &x)
		out = append(out, x)
		return err
	})
	return out, err
}

// end gives the time before which something is asked for; the zero time is no end.
func end(until time.Time) int64 {
	if until.IsZero() {
		return 1<<63 - 1
	}
	return until.UnixNano()
}

// AppendVRPChanges keeps which VRPs came and went: differences, not the first table of a run. It does not wait.
func (s *Store) AppendVRPChanges(batch []VRPChange) {
	o := new(op)
	for i := range batch {
		c := &batch[i]
		added := 0
		if c.Added {
			added = 1
		}
		p := c.VRP.Prefix
		o.rows = append(o.rows, row{&vrpTable, []any{s.number(), instant(c.Time), netOf(p), p.Bits(), int64(c.VRP.MaxLength), int64(c.VRP.ASN), text(c.VRP.TA), nanos(c.VRP.Expires), added}})
	}
	s.enqueueDetails(o)
}

// VRPChanges tells which VRPs came and went, of a prefix or of others as match says, since a time; the newest first, up to limit.
func (s *Store) VRPChanges(ctx context.Context, prefix netip.Prefix, match Match, since time.Time, limit int) (out []VRPChange, err error) {
	about, args := match.about(prefix)
	q := "SELECT time, net, bits, max_length, asn, anchor, expires, added FROM vrp_change WHERE " + about + " AND time >= ? ORDER BY id DESC LIMIT ?"
	err = s.each(ctx, q, append(args, instant(since), limit), func(r *sql.Rows) error {
		var at int64
		var net []byte
		var bits, added int
		var expires *int64
		var x VRPChange
		err := r.Scan(&at, &net, &bits, &x.VRP.MaxLength, &x.VRP.ASN, &x.VRP.TA, &expires, &added)
		x.Time, x.Added, x.VRP.Prefix, x.VRP.Expires = moment(&at), added == 1, prefixOf(net, bits), moment(expires)
		out = append(out, x)
		return err
	})
	return out, err
}

// AppendHealth keeps how services fare, when that changes. It does not wait.
func (s *Store) AppendHealth(batch []HealthResult) {
	o := new(op)
	for _, h := range batch {
		o.rows = append(o.rows, row{&healthTable, []any{s.number(), instant(h.Time), text(h.Site), text(h.State), text(h.Check), text(h.Reason)}})
	}
	s.enqueueDetails(o)
}

// HealthHistory tells how the service of a site fared since a time: the newest first, up to limit.
func (s *Store) HealthHistory(ctx context.Context, site string, since time.Time, limit int) (out []HealthResult, err error) {
	q := "SELECT time, site, state, checked, reason FROM health WHERE site = ? AND time >= ? ORDER BY id DESC LIMIT ?"
	err = s.each(ctx, q, []any{text(site), instant(since), limit}, func(r *sql.Rows) error {
		var at int64
		var h HealthResult
		err := r.Scan(&at, &h.Site, &h.State, &h.Check, &h.Reason)
		h.Time = moment(&at)
		out = append(out, h)
		return err
	})
	return out, err
}
