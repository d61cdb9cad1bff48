package main

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/osrg/gobgp/v3/pkg/packet/bgp"
)

// A changed configuration takes effect without losing the session; a wrong one changes nothing.
func testReload(s *station) {
	s.configure(oneTransit)
	d := s.start()
	p := s.speaker(2, 64501)
	p.announce(four, 64511)
	p.announce("198.51.100.0/24", 64511) // not watched yet
	d.synchronised(1)
	s.next("opened", "origin-hijack", four)

	more := strings.Replace(oneTransit, "prefixes:\n", "prefixes:\n  - {prefix: 198.51.100.0/24}\n", 1)
	more = strings.Replace(more, "sinks:\n", "sinks:\n    - {name: second, file: {path: second.jsonl}}\n", 1)
	s.configure(more)
	d.hangup("1")
	s.next("opened", "origin-hijack", "198.51.100.0/24") // it was announced long ago: the peer was asked to show its table again
	eventually(s.t, "the new sink is told", func() bool { return strings.Contains(s.read("second.jsonl"), `"198.51.100.0/24"`) })
	if list := parseTold(s.t, s.read("second.jsonl")); len(list) != 1 {
		s.t.Errorf("the new sink was told %v", list)
	}

	s.configure(strings.Replace(more, "{prefix: 192.0.2.0/24, name: dns-a}", "{prefix: 192.0.2.0/24, origins: [64500, 64511]}", 1))
	d.hangup("1")
	if got := s.next("resolved", "origin-hijack", four).Incident.Resolution; !strings.Contains(got, "the configuration changed") {
		s.t.Errorf("resolved because %s", got)
	}

	s.configure(strings.Replace(more, "add_path: true}", "add_path: perhaps}", 1))
	d.hangup("0")
	fault := regexp.MustCompile(`reload failed; the old configuration stays in force" error="anywatch\.yaml:11:\d+: sources\.bgp\.neighbors\[0\]\.add_path: `)
	if !fault.MatchString(d.log.String()) {
		s.t.Errorf("the log does not match %s", fault)
	}
	p.announce(four, 64512) // AS64511 is allowed still, AS64512 is not
	if got := s.next("opened", "origin-hijack", four).Incident.Origin; got != 64512 {
		s.t.Errorf("opened for AS%d", got)
	}
	s.configure(more)
	d.hangup("1")
	p.neverLost()
	s.hookAgrees()
}

// A configuration that is right in itself but can't be put in force changes nothing either: here the address for BMP is taken, while the neighbor
// would have been removed.
func testRefusedReload(s *station) {
	text := strings.Replace(oneTransit, "sources:\n", "sources:\n  bmp: {listen: [\"$BMP\"]}\n", 1)
	s.configure(text)
	d := s.start()
	r := s.connect(2, s.bgp, 64501)
	r.announce(1, four, 64501, 64511)
	r.endOfRIB()
	s.next("opened", "origin-hijack", four)

	taken, err := net.Listen("tcp", s.host(1)+":0")
	if err != nil {
		s.t.Fatal(err)
	}
	defer taken.Close()
	gone := strings.Replace(text, "address: $R2", "address: $R3", 1)
	s.configure(strings.Replace(gone, "$BMP", taken.Addr().String(), 1))
	d.hangup("0")
	d.says("another program listens on " + taken.Addr().String())
	r.withdraw(1, four) // the session is the old one
	s.next("resolved", "origin-hijack", four)
	r.kept()
	if d.metrics()[`anywatch_sessions{source="bgp"}`] != "1" {
		s.t.Error("the session is gone")
	}

	s.configure(gone)
	d.hangup("1")
	r.expectCease(bgp.BGP_ERROR_SUB_PEER_DECONFIGURED, "")
	s.connect(3, s.bgp, 64501).endOfRIB()
	d.synchronised(1)
}

// SIGTERM ends the daemon at once and in order: peers are told, ports are closed.
func testStop(s *station) {
	s.configure(oneTransit)
	d := s.start()
	r := s.connect(2, s.bgp, 64501)
	r.announce(1, four, 64501, 64511)
	r.endOfRIB()
	s.next("opened", "origin-hijack", four)
	s.hookAgrees()
	began := time.Now()
	d.signal(syscall.SIGTERM)
	if status := d.wait(); status != 0 {
		s.t.Errorf("exit status %d", status)
	}
	if took := time.Since(began); took > 5*time.Second {
		s.t.Errorf("it took %v to stop", took)
	}
	r.expectCease(bgp.BGP_ERROR_SUB_ADMINISTRATIVE_SHUTDOWN, "anywatch is shutting down")
	for _, address := range []string{s.web, s.bgp} {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			s.t.Errorf("somebody listens on %s still", address)
		}
	}
	s.still() // to be stopped is not the end of a hijack
}

// A receiver that does not answer does not keep the daemon from stopping. What it was not told is said.
func testStopWithHangingSink(s *station) {
	s.configure(oneTransit)
	d := s.start()
	r := s.connect(2, s.bgp, 64501)
	r.endOfRIB()
	s.hook.hold()
	r.announce(1, four, 64501, 64511)
	s.next("opened", "origin-hijack", four)
	began := time.Now()
	d.signal(syscall.SIGTERM)
	d.wait()
	if took := time.Since(began); took > 5*time.Second {
		s.t.Errorf("it took %v to stop", took)
	}
	if !strings.Contains(d.log.String(), "sink=hook kept=1") {
		s.t.Error("the log does not say how much is kept for which sink")
	}
	r.expectCease(bgp.BGP_ERROR_SUB_ADMINISTRATIVE_SHUTDOWN, "anywatch is shutting down")
}

// A daemon that was killed leaves nothing behind that another one would stumble over, and the other one goes on where it ended: what was told is not
// told again, and ends under its id.
func testKill(s *station) {
	s.configure(oneTransit)
	d := s.start()
	r := s.connect(2, s.bgp, 64501)
	r.announce(1, four, 64501, 64511)
	r.endOfRIB()
	before := s.next("opened", "origin-hijack", four).Incident
	h := s.history()
	eventually(s.t, "it is written down that all was told", func() bool {
		waiting, err := h.Backlog(s.t.Context())
		return err == nil && len(waiting) == 0
	})
	d.signal(syscall.SIGKILL)
	d.wait()
	eventually(s.t, "the connection is closed", r.isOver)
	s.put("alerts.jsonl", s.read("alerts.jsonl")+`{"event": "opened", "tim`) // a line that was being written

	d = s.start()
	r = s.connect(2, s.bgp, 64501)
	r.announce(1, four, 64501, 64511)
	r.endOfRIB()
	d.synchronised(1)
	r.withdraw(1, four)
	eventually(s.t, "the end is told", func() bool { return strings.Contains(s.read("alerts.jsonl"), `"event":"resolved"`) })
	lines := strings.Split(strings.TrimSpace(s.read("alerts.jsonl")), "\n")
	after := parseTold(s.t, lines[len(lines)-1]+"\n")[0].Incident
	if len(lines) != 3 || after.ID != before.ID || after.Reopened != 0 || !after.Opened.Equal(before.Opened) {
		s.t.Errorf("after the restart: %+v, in the lines\n%s", after, strings.Join(lines, "\n"))
	}
	if status, _ := d.get("/-/ready"); status != http.StatusOK {
		s.t.Errorf("not ready after the restart: %d", status)
	}
}

// What keeps the daemon from starting is said, with what to do about it, and the exit status is 2.
func testStartUp(s *station) {
	taken, err := net.Listen("tcp", s.host(1)+":0")
	if err != nil {
		s.t.Fatal(err)
	}
	defer taken.Close()
	if err := os.Mkdir(filepath.Join(s.dir, "folder"), 0o700); err != nil {
		s.t.Fatal(err)
	}
	busy := taken.Addr().String()
	tests := []struct {
		name, old, new string
		says           []string
	}{
		{"BGP port in use", "$BGP", busy, []string{"sources.bgp.listen", busy, "choose another address"}},
		{"web port in use", "$WEB", busy, []string{"web.listen", busy, "choose another address, or stop what listens there"}},
		{"no password file", "add_path: true", "password_file: secrets/transit", []string{"anywatch.yaml:10:", "password_file", "secrets/transit"}},
		{"unreadable password file", "add_path: true", "password_file: folder", []string{"anywatch.yaml:10:", "password_file", "folder"}},
		{"no folder for alerts", "alerts.jsonl", "nowhere/alerts.jsonl", []string{"nowhere"}},
		{"no VRP file", "web:", "rpki: {files: [vrps.json]}\nweb:", []string{"vrps.json"}},
		{"wrong key", "asns:", "asn:", []string{"anywatch.yaml:2:1: asn: "}},
	}
	for _, tt := range tests {
		s.t.Run(tt.name, func(t *testing.T) {
			s.configure(strings.Replace(oneTransit, tt.old, tt.new, 1))
			p := s.launch()
			if status := p.wait(); status != 2 {
				t.Errorf("exit status %d", status)
			}
			for _, text := range tt.says {
				if !strings.Contains(p.log.String(), text) {
					t.Errorf("%q is not in what it said: %s", text, p.log.String())
				}
			}
		})
	}
}
