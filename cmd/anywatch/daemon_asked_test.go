package main

import (
	"bytes"
	"errors"
	"os/exec"
	"strings"
	"testing"
)

// oneSite is a configuration whose only site speaks to us itself.
const oneSite = `
asns: [64500]
prefixes:
  - {prefix: 192.0.2.0/24, name: dns-a, origins: [64501]}
sites:
  - {name: ams, match: [{peer: $R2}]}
sources:
  bgp:
    listen: ["$BGP"]
    neighbors:
      - {name: edge, address: $R2, asn: 64501, scope: external, add_path: true}
      - {name: absent, address: $R3, asn: 64502, scope: external}
detect: {site_missing_after: 1s, visibility: {critical: 0%}}
web: {listen: "$WEB"}
`

// errand is a run of a command that asks a daemon.
type errand struct {
	t              *testing.T
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer
}

// errand starts a command against the station's daemon.
func (s *station) errand(args ...string) *errand {
	s.t.Helper()
	q := &errand{t: s.t, cmd: exec.Command(s.bin, append(args, "--url", "http://"+s.web)...)}
	q.cmd.Stdout, q.cmd.Stderr = &q.stdout, &q.stderr
	if err := q.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	return q
}

// answer waits for its end, which must be with this status, and gives what it wrote; every word of want must be in its standard output.
func (q *errand) answer(status int, want ...string) (stdout, stderr string) {
	q.t.Helper()
	var exit *exec.ExitError
	if err := q.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		q.t.Fatal(err)
	}
	stdout, stderr = q.stdout.String(), q.stderr.String()
	if got := q.cmd.ProcessState.ExitCode(); got != status {
		q.t.Errorf("%v: status %d, expected %d\n%s%s", q.cmd.Args[1:], got, status, stdout, stderr)
	}
	for _, w := range want {
		if !strings.Contains(strings.Join(strings.Fields(stdout), " "), w) {
			q.t.Errorf("%v does not say %q:\n%s", q.cmd.Args[1:], w, stdout)
		}
	}
	return stdout, stderr
}

// A roll-out waits for what it does to a site, and looks at what there is in between.
func testAsked(s *station) {
	s.configure(oneSite)
	s.start()
	s.errand("status").answer(0, "not ready: no feed is synchronised yet", "bgp:edge waiting - - -", "192.0.2.0/24 (dns-a) unknown nobody to ask")
	if _, stderr := s.errand("wait", "--prefix", four, "--site", "nrt", "--announced").answer(2); stderr != "anywatch: \"nrt\" is not a site of the configuration; there is ams\n" {
		s.t.Errorf("%s", stderr)
	}

	p := s.speaker(2, 64501)
	announced := s.errand("wait", "--prefix", four, "--site", "ams", "--announced", "--visible", "100%", "--timeout", "2m")
	p.announce(four)
	announced.answer(0, "192.0.2.0/24 announced at ams, and seen by at least 100 % of external vantages, after ")
	s.errand("status").answer(0, "bgp:edge up ", "bgp:absent waiting - - -", "192.0.2.0/24 (dns-a) announced ", " 1 of 1")
	s.errand("routes", "192.0.2.1").answer(0, "PREFIX SITE VANTAGE PATH NEXT HOP RPKI SINCE VERDICT 192.0.2.0/24 ams bgp:edge 64501 10.64.0.1 not-checked ")
	s.errand("routes", "198.51.100.0/24").answer(0, "No vantage shows a path.")
	s.errand("routes", "--format", "json").answer(0, `"site":"ams"`, `"verdicts":[]`, `"vantages":[{"name":"bgp:edge"`)
	s.errand("incidents").answer(0, "No incident is open.")

	withdrawn := s.errand("wait", "--prefix", four, "--withdrawn", "--timeout", "2m")
	p.withdraw(four)
	if _, stderr := withdrawn.answer(0, "192.0.2.0/24 withdrawn, after "); !strings.Contains(stderr, ": ams missing; seen by 0 of 1 external vantages (0 %)\n") {
		s.t.Errorf("%s", stderr)
	}
	if _, stderr := s.errand("wait", "--prefix", four, "--announced", "--timeout", "1s").answer(1); !strings.Contains(stderr, "anywatch: not within 1s: 192.0.2.0/24 announced; it is: ams missing; ") {
		s.t.Errorf("%s", stderr)
	}
	s.errand("status").answer(0, "192.0.2.0/24 (dns-a) missing ", " 0 of 1")
	s.errand("incidents", "--kind", "site-missing", "--format", "jsonl").answer(0, `"kind":"site-missing"`, `"site":"ams"`, `"state":"open"`)

	p.announce(four, 64511)
	eventually(s.t, "the hijack is told", func() bool {
		stdout, _ := s.errand("routes", four).answer(0)
		return strings.Contains(stdout, "critical origin-hijack (unconfirmed)") // two external vantages must show it
	})
}
