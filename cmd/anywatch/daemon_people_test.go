package main

import (
	"bytes"
	"strings"
)

// testPeople does with a hijack what a NOC does: follow, take on, mute, comment, look, resolve, and look again after a restart.
func testPeople(s *station) {
	s.configure(oneTransit)
	d := s.start()
	transit := s.speaker(2, 64501)
	d.synchronised(1)
	follower := s.errand("tail")
	d.measures("anywatch_event_listeners", "1")
	transit.announce(four, 64511)
	id := s.next("opened", "origin-hijack", four).Incident.ID

	s.errand("incidents").answer(0, id+" open critical origin-hijack")
	s.errand("ack", id, "--author", "alice", "--comment", "on it").answer(0, id+": acknowledged by alice")
	s.next("updated", "origin-hijack", four)
	s.errand("silence", "add", "--prefix", four, "--kind", "origin-hijack", "--reason", "known", "--author", "bob", "--for", "1h").answer(0, "silence ", "kind origin-hijack, prefix "+four)
	s.errand("silence", "list").answer(0, "bob", "kind origin-hijack, prefix "+four, "known")
	s.errand("incidents", "comment", id, "called the upstream", "--author", "bob").answer(0)
	s.errand("incidents", "show", id).answer(0, "acknowledged by alice on it", "commented by bob called the upstream", "silenced by bob until")
	eventually(s.t, "the history knows that the webhook was told", func() bool {
		text, _ := s.errand("incidents", "show", id).answer(0)
		return strings.Contains(strings.Join(strings.Fields(text), " "), "hook delivered")
	})
	s.errand("incidents", "resolve", id, "--author", "alice", "--reason", "ours").answer(0)
	s.errand("incidents").answer(0, "No incident is open.")
	s.errand("incidents", "--state", "all", "--text", "64511").answer(0, id+" resolved critical")
	s.errand("maintenance", "list").answer(0, "No work is planned")

	for want, args := range map[string][]string{
		"no open incident has this id":     {"ack", id, "--author", "alice"},
		"there is no silence 7":            {"silence", "end", "7"},
		"it would mute everything":         {"silence", "add", "--reason", "x", "--author", "x"},
		`there is no site "ams"`:           {"maintenance", "add", "--site", "ams", "--reason", "x", "--author", "x"},
		"the reason is missing":            {"silence", "add", "--site", "ams", "--author", "x"},
		"--for -1h0m0s: it must be longer": {"silence", "add", "--for", "-1h", "--site", "ams"},
		"ack needs the ID of an incident":  {"ack"},
		`--label "x": write it as name=`:   {"silence", "add", "--label", "x"},
	} {
		if _, stderr := s.errand(args...).answer(2); !strings.Contains(stderr, want) {
			s.t.Errorf("%v says %q; want %q", args, stderr, want)
		}
	}
	s.stop(d)
	follower.answer(2)
	if text := follower.stdout.Bytes(); bytes.Count(text, []byte("origin-hijack")) != 4 || !bytes.Contains(text, []byte("acknowledged by alice: AS64511 announces")) {
		s.t.Errorf("tail printed\n%s", text)
	}
	s.start()
	s.errand("incidents", "show", id).answer(0, "resolved by alice ours")
	s.errand("silence", "list").answer(0, "bob")
}
