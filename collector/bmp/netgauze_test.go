//go:build data

package bmp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"anywatch/collector"
	"anywatch/collector/internal/open"
	"anywatch/collector/route"
)

// TestCapturesMessageByMessage compares what we read of each message of the captures with what another decoder made of it: type, per-peer
// header, OPENs, information, routes with their path identifiers and attributes, figures, and reasons. Messages of version 4 are refused one by
// one. Families that are not watched are compared as far as they are counted.
func TestCapturesMessageByMessage(t *testing.T) {
	dir := os.Getenv("ANYWATCH_DATA")
	if dir == "" {
		t.Fatal("ANYWATCH_DATA is not set; point it to the folder of test data")
	}
	texts, err := filepath.Glob(filepath.Join(dir, "bmp-netgauze/bmp/*/*-bmp.json"))
	if err != nil {
		t.Fatal(err)
	}
	compared := map[string]int{}
	for _, text := range texts {
		t.Run(filepath.Base(text), func(t *testing.T) {
			captures, err := filepath.Glob(filepath.Join(filepath.Dir(text), "*.bmp"))
			if err != nil || len(captures) == 0 {
				t.Fatalf("no capture: %v", err)
			}
			compareCapture(t, text, captures, compared)
		})
	}
	if len(texts) != 6 || compared["V3"] != 156+192+44 || compared["V4"] != 5+30+15 {
		t.Errorf("%d texts, compared %v; want 6, with 392 messages of version 3 and 50 of version 4", len(texts), compared)
	}
}

// capture is one connection of a capture: a stream, and the message that comes next.
type capture struct {
	stream *Stream
	events []collector.Event
	frames *Reader
	next   []byte
}

// advance reads the next message; a message of version 4 must be refused as a whole.
func (c *capture) advance(t *testing.T) {
	t.Helper()
	frame, err := c.frames.Next()
	switch {
	case errors.Is(err, io.EOF):
		c.next = nil
	case errors.Is(err, ErrVersion4):
		c.next = []byte{4}
	case err != nil:
		t.Fatal(err)
	default:
		c.next = bytes.Clone(frame)
	}
}

func compareCapture(t *testing.T, text string, captures []string, compared map[string]int) {
	var list []*capture
	for _, path := range captures {
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		c := &capture{frames: NewReader(bytes.NewReader(whole), 0, true)}
		c.stream = NewStream(StreamConfig{ASNs: []route.ASN{64500}, Replay: true}, deps(), collector.SinkFunc(func(_ context.Context, ev collector.Event) error {
			c.events = append(c.events, ev)
			return nil
		}))
		c.advance(t)
		list = append(list, c)
	}
	f, err := os.Open(text)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		var versions map[string]map[string]json.RawMessage
		if err := json.Unmarshal(lines.Bytes(), &versions); err != nil {
			t.Fatal(err)
		}
		for version, message := range versions {
			for kind, body := range message {
				compareMessage(t, fmt.Sprintf("line %d", n), list, version, kind, body)
				compared[version]++
			}
		}
	}
	for _, c := range list {
		if c.next != nil {
			t.Errorf("messages are left that nothing was compared with: %x", c.next)
		}
	}
}

// compareMessage finds the connection whose next message is this one; the text does not tell which it came from.
func compareMessage(t *testing.T, where string, list []*capture, version, kind string, body json.RawMessage) {
	t.Helper()
	if version == "V4" {
		i := slices.IndexFunc(list, func(c *capture) bool { return len(c.next) > 0 && c.next[0] == 4 })
		if i < 0 {
			t.Fatalf("%s: no message of version 4 is left", where)
		}
		list[i].advance(t)
		return
	}
	want := wanted(t, kind, body)
	var others []string
	for _, c := range list {
		if len(c.next) == 0 || c.next[0] != 3 {
			continue
		}
		got := c.describe(t)
		if got == want {
			c.feed(t, body)
			return
		}
		others = append(others, got)
	}
	t.Fatalf("%s:\n%s\nwant:\n%s", where, strings.Join(others, "\nor:\n"), want)
}

// feed gives a stream its message, and compares how many routes it counts.
func (c *capture) feed(t *testing.T, body json.RawMessage) {
	t.Helper()
	before := c.stream.Tally()
	if err := c.stream.Message(context.Background(), c.next, time.Time{}); err != nil {
		t.Fatal(err)
	}
	after := c.stream.Tally()
	if got, want := after.Prefixes-before.Prefixes, uint64(routesIn(t, body)); got != want {
		t.Errorf("%d routes are counted, want %d in %s", got, want, body)
	}
	if got, want := after.Updates-before.Updates, c.next[5] == routeMonitoring; (got == 1) != want {
		t.Errorf("%d updates are counted in a message of type %d", got, c.next[5])
	}
	if after.Redecoded > 0 || after.Malformed > 0 {
		t.Fatalf("tally %+v", after)
	}
	c.advance(t)
}

// describe gives the next message as lines, in the words of wanted. What it needs to know it takes from the stream, as far as that has come.
func (c *capture) describe(t *testing.T) string {
	typ, b := c.next[5], c.next[headerLen:]
	out := []string{typeName(typ)}
	if typ == initiation {
		x, _ := replay(t)
		feed(t, x, c.next)
		return strings.Join(append(out, "name "+x.router, "software "+x.software), "\n")
	}
	k, flags := parsePeer(b)
	meaning := uint8(flagIPv6 | flagPost | flagTwoAS | flagAdjOut)
	if k.kind == peerLocRIB {
		meaning = flagIPv6 // FRR sets L too
	}
	flags &= meaning
	var at time.Time // zero means that the router does not know
	if sec, usec := binary.BigEndian.Uint32(b[identityLen:]), binary.BigEndian.Uint32(b[identityLen+4:]); sec != 0 {
		at = time.Unix(int64(sec), int64(usec)*1000).UTC()
	}
	out = append(out, fmt.Sprintf("peer type %d flags %#x rd %s address %s as %d id %s time %s", k.kind, flags, collector.RDString(k.rd), k.addr, k.as, k.id, at.Format(time.RFC3339Nano)))
	b = b[peerHeaderLen:]
	switch typ {
	case peerUp:
		var a agreement
		rest, err := a.openings(b[20:])
		if err == nil {
			err = a.information(rest)
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, openLine("sent", a.sent), openLine("received", a.received), "table "+a.table, "says "+a.says)
	case peerDown:
		out = append(out, downReason(b[0], b[1:]))
	case statsReport:
		x, _ := replay(t)
		feed(t, x, c.next)
		out = append(out, statLines(x.order[0].stats)...)
	case routeMonitoring:
		out = append(out, c.routes(t)...)
	}
	return strings.Join(out, "\n")
}

func openLine(who string, m open.Message) string { return fmt.Sprintf("%s %+v", who, m) }

func statLines(stats map[Stat]uint64) (out []string) {
	for stat, n := range stats {
		out = append(out, fmt.Sprintf("figure %d: %d", stat.Type, n))
	}
	slices.Sort(out)
	return out
}

// routes decodes the update as the stream would: with the encoding that it has agreed upon for this view.
func (c *capture) routes(t *testing.T) (out []string) {
	body, err := update(c.next[headerLen+peerHeaderLen:])
	if err != nil {
		t.Fatal(err)
	}
	var rds []string
	d := route.Decode(body, c.stream.viewOf(c.next[headerLen:]).reader.Encoding, func(rd uint64) bool {
		rds = append(rds, "rd "+collector.RDString(rd))
		return true
	})
	if d.Class != route.Intact {
		return []string{d.Class.String(), d.Err.Error()}
	}
	slices.Sort(rds)
	for _, u := range d.Updates {
		var lines []string
		for _, n := range u.Withdrawn {
			lines = append(lines, "withdrawn "+name(n))
		}
		for _, n := range u.Announced {
			lines = append(lines, "announced "+name(n))
		}
		slices.Sort(lines)
		if out = append(out, lines...); u.Attrs != nil {
			out = append(out, attributeLines(u.Attrs)...)
		}
	}
	return append(out, rds...)
}

func attributeLines(a *route.Attrs) (out []string) {
	out = append(out, fmt.Sprintf("origin %d", a.Origin), "path "+a.Path.String(), "next hop "+a.NextHop.String())
	if a.HasMED {
		out = append(out, fmt.Sprintf("MED %d", a.MED))
	}
	if a.HasLocalPref {
		out = append(out, fmt.Sprintf("local preference %d", a.LocalPref))
	}
	if a.AtomicAggregate {
		out = append(out, "atomic aggregate")
	}
	if a.Aggregator.Address.IsValid() {
		out = append(out, fmt.Sprintf("aggregator %d %s", a.Aggregator.AS, a.Aggregator.Address))
	}
	if a.OriginatorID.IsValid() {
		out = append(out, "originator "+a.OriginatorID.String())
	}
	if len(a.ClusterList) > 0 {
		out = append(out, fmt.Sprint("clusters ", a.ClusterList))
	}
	for _, community := range a.CommunityStrings() {
		if strings.HasPrefix(community, "0x") {
			community = "of another kind"
		}
		out = append(out, "community "+community)
	}
	for _, x := range a.Unknown {
		out = append(out, fmt.Sprintf("attribute %d", x.Type))
	}
	slices.Sort(out)
	return out
}
