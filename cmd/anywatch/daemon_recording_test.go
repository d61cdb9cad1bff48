package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/netip"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// recorder writes what a router sends as a collector would have recorded it: MRT records of the type BGP4MP_ET (RFC 6396 sections 3 and 4.4).
type recorder struct {
	peer, local netip.Addr
	asn         uint32
	file        bytes.Buffer
	records     int
}

// Subtypes of BGP4MP.
const (
	stateChangeAS4    = 5 // RFC 6396 section 4.4.4
	messageAS4AddPath = 9 // RFC 8050 section 3
)

// established records that the session came up.
func (r *recorder) established() {
	r.record(time.Now(), stateChangeAS4, []byte{0, 5, 0, 6}) // from OpenConfirm to Established
}

// message records the bytes of a BGP message that went out at a time.
func (r *recorder) message(at time.Time, m []byte) { r.record(at, messageAS4AddPath, m) }

func (r *recorder) record(at time.Time, subtype uint16, content []byte) {
	const extended = 17
	body := binary.BigEndian.AppendUint32(nil, r.asn)
	body = binary.BigEndian.AppendUint32(body, 64500)
	body = append(body, 0, 0, 0, 1) // interface, AFI IPv4
	body = append(append(body, r.peer.AsSlice()...), r.local.AsSlice()...)
	body = append(body, content...)
	head := binary.BigEndian.AppendUint32(nil, uint32(at.Unix()))
	head = binary.BigEndian.AppendUint16(head, extended)
	head = binary.BigEndian.AppendUint16(head, subtype)
	head = binary.BigEndian.AppendUint32(head, uint32(4+len(body)))
	head = binary.BigEndian.AppendUint32(head, uint32(at.Nanosecond()/1000))
	r.file.Write(append(head, body...))
	r.records++
}

// recorded is a router whose session is recorded.
type recorded struct {
	*router
	tape *recorder
}

func (r recorded) announce(id uint32, prefix string, path ...uint32) {
	r.t.Helper()
	at := time.Now()
	r.tape.message(at, r.router.announce(id, prefix, path...))
}

func (r recorded) withdraw(id uint32, prefix string) {
	r.t.Helper()
	at := time.Now()
	r.tape.message(at, r.router.withdraw(id, prefix))
}

func (r recorded) endOfRIB() {
	r.t.Helper()
	at := time.Now()
	for _, m := range r.router.endOfRIB() {
		r.tape.message(at, m)
	}
}

const everyKind = `
asns: [64500]
prefixes:
  - {prefix: 192.0.2.0/24, name: dns-a}
  - {prefix: "2001:db8:53::/48", name: dns-a-v6}
  - {prefix: 203.0.113.0/24, announced: never}
sources:
  bgp:
    listen: ["$BGP"]
    neighbors:
      - {name: transit, address: $R2, asn: 64501, scope: external, add_path: true}
detect: {confirm: {external_vantages: 1}, resolve_after: 1s}
alerts: {sinks: [{name: file, file: {path: alerts.jsonl}}]}
web: {listen: "$WEB"}
`

// A live session and the recording of it give the same incidents.
func testRecording(s *station) {
	s.configure(everyKind)
	d := s.start()
	tape := &recorder{peer: netip.MustParseAddr(s.host(2)), local: netip.MustParseAddr(s.host(1)), asn: 64501}
	r := recorded{s.connect(2, s.bgp, 64501), tape}
	tape.established()
	playEveryKind(s, d, r)
	d.signal(syscall.SIGTERM)
	d.wait()
	s.put("updates.mrt", tape.file.String())

	live := s.lines()
	first, summary := s.replay()
	if got, want := shapes(parseTold(s.t, first)), shapes(live); !slices.Equal(got, want) {
		s.t.Errorf("the replay tells\n%s\nlive was told\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if summary.Messages != tape.records || summary.Malformed != 0 || len(summary.Incidents) != 6 {
		s.t.Errorf("of %d records: %+v", tape.records, summary)
	}
	if again, _ := s.replay(); again != first {
		s.t.Errorf("the second replay tells\n%s\nthe first told\n%s", again, first)
	}
}

// playEveryKind lets something of each kind happen, most of it at the same time, and waits until all of it is over.
func playEveryKind(s *station, d *process, r recorded) {
	const (
		theirs = iota + 1
		more
		ours
	)
	r.announce(ours, four, 64501, 64500)
	r.announce(ours, six, 64501, 64500)
	r.announce(theirs, six, 64501, 64510) // stood there before
	r.endOfRIB()
	d.synchronised(1)
	s.next("opened", "origin-hijack", six)

	r.announce(theirs, four, 64501, 64511)
	s.next("opened", "origin-hijack", four)
	r.announce(more, four, 64501, 64496, 64511) // another path of the same: no other incident
	r.withdraw(theirs, four)
	r.announce(theirs, "192.0.2.128/25", 64501, 64512)
	s.next("opened", "subprefix-hijack", "192.0.2.128/25")
	r.announce(theirs, "2001:db8:53:8000::/49", 64501, 64496, 64512)
	s.next("opened", "subprefix-hijack", "2001:db8:53:8000::/49")
	r.announce(theirs, "192.0.0.0/16", 64501, 64513)
	s.next("opened", "superprefix", "192.0.0.0/16")
	r.announce(ours, "203.0.113.128/25", 64501, 64500)
	s.next("opened", "squatting", "203.0.113.128/25")
	r.announce(ours, "192.0.2.0/25", 64501, 64500)
	s.next("opened", "more-specific", "192.0.2.0/25")
	r.announce(ours, "198.51.100.0/24", 64501, 64500)
	s.next("opened", "new-prefix", "198.51.100.0/24")

	r.withdraw(more, four)
	s.next("resolved", "origin-hijack", four)
	r.announce(theirs, four, 64501, 64511)
	s.next("opened", "origin-hijack", four) // again
	r.withdraw(theirs, four)
	r.announce(theirs, four, 64501, 64514) // and another in its place
	s.next("opened", "origin-hijack", four)
	s.next("resolved", "origin-hijack", four)

	r.announce(ours, "192.0.2.128/25", 64501, 64500) // what is ours is no end of a hijack beside it
	s.next("opened", "more-specific", "192.0.2.128/25")
	over := []struct {
		id           uint32
		kind, prefix string
	}{
		{ours, "new-prefix", "198.51.100.0/24"},
		{theirs, "superprefix", "192.0.0.0/16"},
		{theirs, "subprefix-hijack", "192.0.2.128/25"},
		{theirs, "subprefix-hijack", "2001:db8:53:8000::/49"},
		{ours, "more-specific", "192.0.2.128/25"},
		{ours, "squatting", "203.0.113.128/25"},
		{theirs, "origin-hijack", six},
		{theirs, "origin-hijack", four},
		{ours, "more-specific", "192.0.2.0/25"},
	}
	for _, x := range over {
		r.withdraw(x.id, x.prefix)
	}
	for _, x := range over {
		s.next("resolved", x.kind, x.prefix)
	}
	r.router.kept()
}

// summary is the last line of a replay.
type summary struct {
	Event               string
	Messages, Malformed int
	Incidents           map[string]int
}

// replay replays the recording through the binary, and gives what it tells of incidents, and the summary.
func (s *station) replay() (string, summary) {
	s.t.Helper()
	cmd := exec.Command(s.bin, "replay", "-c", "anywatch.yaml", "--format", "jsonl", "--tail", "1m", filepath.Join(s.dir, "updates.mrt"))
	var problems bytes.Buffer
	cmd.Dir, cmd.Stderr = s.dir, &problems
	out, err := cmd.Output()
	if err != nil || problems.Len() > 0 {
		s.t.Fatalf("%v: %s", err, problems.String())
	}
	text := strings.TrimSpace(string(out))
	cut := strings.LastIndexByte(text, '\n') + 1
	var sum summary
	if err := json.Unmarshal([]byte(text[cut:]), &sum); err != nil || sum.Event != "summary" {
		s.t.Fatalf("%v: the last line is %s", err, text[cut:])
	}
	return text[:cut], sum
}

// shapes writes what must be the same live and in a replay: all but times, names of vantages, and what follows from when their tables were complete.
func shapes(list []told) (out []string) {
	for _, x := range list {
		i := x.Incident
		out = append(out, fmt.Sprintf("%s %s %s %s by AS%d along %v, watched %s, RPKI %s, seen by %d, at most %d, reopened %d, pre-existing %v", x.Event, i.Severity, i.Kind, i.Prefix,
			i.Origin, i.Path, i.Watched, i.RPKI.State, i.Vantages.Seeing, i.Vantages.Peak, i.Reopened, i.PreExisting))
	}
	return out
}
