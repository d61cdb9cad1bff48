package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"anywatch/collector/route"
)

// Route is what a vantage said about a prefix at a time.
type Route struct {
	Time    time.Time
	Vantage string // its name
	Prefix  netip.Prefix
	PathID  uint32
	// Attrs are those of an announcement; nil is a withdrawal.
	Attrs *Attrs
}

// Attrs are the attributes of a route as people write them.
type Attrs struct {
	Path        string   `json:"path"` // as route.ParsePath reads it
	NextHop     string   `json:"next_hop,omitempty"`
	Origin      string   `json:"origin,omitempty"`
	MED         *uint32  `json:"med,omitempty"`
	LocalPref   *uint32  `json:"local_pref,omitempty"`
	OTC         *uint32  `json:"otc,omitempty"`
	Communities []string `json:"communities,omitempty"` // of all sizes
	Originator  string   `json:"originator,omitempty"`
	Clusters    []string `json:"clusters,omitempty"`
}

// AttrsOf takes what is kept of the attributes of a route.
func AttrsOf(a *route.Attrs) *Attrs {
	out := &Attrs{Path: a.Path.String(), Origin: originName(a.Origin)}
	if a.NextHop.IsValid() {
		out.NextHop = a.NextHop.String()
	}
	if a.HasMED {
		out.MED = &a.MED
	}
	if a.HasLocalPref {
		out.LocalPref = &a.LocalPref
	}
	if a.HasOTC {
		otc := uint32(a.OTC)
		out.OTC = &otc
	}
	for _, c := range a.Communities {
		out.Communities = append(out.Communities, c.String())
	}
	for _, c := range a.Large {
		out.Communities = append(out.Communities, c.String())
	}
	for _, c := range a.Extended {
		out.Communities = append(out.Communities, c.String())
	}
	if a.OriginatorID.IsValid() {
		out.Originator = a.OriginatorID.String()
	}
	for _, c := range a.ClusterList {
		out.Clusters = append(out.Clusters, c.String())
	}
	return out
}

// originName writes an ORIGIN as RFC 4271 section 4.3 names it.
func originName(c route.OriginCode) string {
	switch c {
	case route.IGP:
		return "IGP"
	case route.EGP:
		return "EGP"
	}
	return "INCOMPLETE"
}

var (
	routeTable = table{name: "route", columns: []string{"id", "time", "prefix", "vantage", "path_id", "attrs"}}
	wordTable  = table{name: "word", columns: []string{"id", "seen", "body"}, conflict: " ON CONFLICT (id) DO UPDATE SET seen = excluded.seen", replace: true}
	netTable   = table{name: "net", columns: []string{"id", "seen", "net", "bits"}, conflict: " ON CONFLICT (id) DO UPDATE SET seen = excluded.seen", replace: true}
)

// words remembers which texts and prefixes the database has, so that each is written once a day. They are kept as long as a row may name them.
type words struct {
	mu  sync.Mutex
	day int64
	has map[int64]struct{}
}

// wordsKnown bounds what is remembered; what is forgotten is only written once more.
const wordsKnown = 200_000

func (w *words) init() { w.has = make(map[int64]struct{}) }

func (w *words) forget() {
	w.mu.Lock()
	clear(w.has)
	w.mu.Unlock()
}

// fresh tells whether a word has to be written, which it then counts as.
func (w *words) fresh(id, now int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if day := now / dayMicros; day != w.day || len(w.has) >= wordsKnown {
		clear(w.has)
		w.day = day
	}
	_, known := w.has[id]
	w.has[id] = struct{}{}
	return !known
}

const dayMicros = int64(24 * time.Hour / time.Microsecond)

// hash makes a number of a text: 63 bits, so that a million different ones meet with a chance of one in ten million.
func hash(b []byte) int64 {
	sum := sha256.Sum256(b)
	return int64(binary.BigEndian.Uint64(sum[:]) >> 1)
}

// word gives the number of a text, and adds the row that makes it known where that is needed.
func (s *Store) word(o *op, body string, now int64) int64 {
	id := hash([]byte(body))
	if s.words.fresh(id, now) {
		o.rows = append(o.rows, row{&wordTable, []any{id, now, body}})
	}
	return id
}

func (s *Store) net(o *op, p netip.Prefix, now int64) int64 {
	net := netOf(p)
	id := hash(append(net, byte(p.Bits())))
	if s.words.fresh(id, now) {
		o.rows = append(o.rows, row{&netTable, []any{id, now, net[:17], p.Bits()}})
	}
	return id
}

// AppendRoutes keeps what vantages said. It does not wait: routes are gathered and written behind what somebody waits for.
func (s *Store) AppendRoutes(batch []Route) error {
	o := &op{detail: true, rows: make([]row, 0, len(batch))}
	for i := range batch {
		r := &batch[i]
		n := s.number()
		var attrs any
		if r.Attrs != nil {
			b, err := json.Marshal(r.Attrs)
			if err != nil {
				return fmt.Errorf("store: route %s of %s: %w", r.Prefix, r.Vantage, err)
			}
			attrs = s.word(o, text(string(b)), n)
		}
		o.rows = append(o.rows, row{&routeTable, []any{n, instant(r.Time), s.net(o, r.Prefix, n), s.word(o, text(r.Vantage), n), int64(r.PathID), attrs}})
	}
	s.enqueueDetails(o)
	return nil
}

// enqueueDetails takes histories to write, in pieces that one commit can take without anybody waiting long.
func (s *Store) enqueueDetails(o *op) {
	for rows := o.rows; len(rows) > 0; {
		n := min(len(rows), detailRows)
		s.enqueue(&op{detail: true, rows: rows[:n:n]})
		rows = rows[n:]
	}
}

// RouteHistory tells what vantages said about a prefix, the newest first. Match says which other prefixes it is to tell of; Vantage narrows it to one.
func (s *Store) RouteHistory(ctx context.Context, q RouteQuery, p Page) (list []Route, next string, err error) {
	c := new(conditions)
	about, args := q.Match.about(q.Prefix)
	c.add("r.prefix IN (SELECT id FROM net WHERE "+about+")", args...)
	if !q.Since.IsZero() {
		c.add("r.time >= ?", q.Since.UnixNano())
	}
	if !q.Until.IsZero() {
		c.add("r.time < ?", q.Until.UnixNano())
	}
	if q.Vantage != "" {
		c.add("r.vantage = ?", hash([]byte(text(q.Vantage))))
	}
	if p.After != "" {
		at, id, err := place(p.After)
		if err != nil {
			return nil, "", err
		}
		c.add("(r.time, r.id) < (?, ?)", at, id)
	}
	limit := p.limit()
	query := `SELECT r.id, r.time, r.path_id, n.net, n.bits, coalesce(v.body, ''), r.attrs, coalesce(a.body, '{}') FROM route r JOIN net n ON n.id = r.prefix
		LEFT JOIN word v ON v.id = r.vantage LEFT JOIN word a ON a.id = r.attrs` + c.where() + " ORDER BY r.time DESC, r.id DESC LIMIT ?"
	var last string
	err = s.each(ctx, query, append(c.args, limit+1), func(r *sql.Rows) error {
		if len(list) == limit {
			next = last
			return nil
		}
		id, at, x, err := scanRoute(r)
		last = fmt.Sprintf("%d.%d", at, id)
		list = append(list, x)
		return err
	})
	return list, next, err
}

// RouteQuery says which routes are asked for: of a prefix, and of others as Match says, between two times, of one vantage or of all.
type RouteQuery struct {
	Prefix       netip.Prefix
	Match        Match
	Vantage      string
	Since, Until time.Time
}

// place reads where a page ended.
func place(after string) (at, id int64, err error) {
	a, b, _ := strings.Cut(after, ".")
	if at, err = strconv.ParseInt(a, 10, 64); err == nil {
		id, err = strconv.ParseInt(b, 10, 64)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("store: %q is no place in a list; take it as the page before gave it", after)
	}
	return at, id, nil
}

func scanRoute(r *sql.Rows) (id, at int64, x Route, err error) {
	var net []byte
	var bits int
	var attrs *int64
	var body string
	if err = r.Scan(&id, &at, &x.PathID, &net, &bits, &x.Vantage, &attrs, &body); err != nil {
		return id, at, x, err
	}
	x.Time, x.Prefix = moment(&at), prefixOf(net, bits)
	if attrs != nil {
		x.Attrs = new(Attrs)
		err = json.Unmarshal([]byte(body), x.Attrs)
	}
	return id, at, x, err
}
