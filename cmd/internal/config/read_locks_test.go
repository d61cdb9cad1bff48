package config

import (
	"slices"
	"strings"
	"testing"

	"anywatch/collector/route"
)

const beforeLocks = "asns: [64500]\nprefixes: [{prefix: 192.0.2.0/24}]\n"

func TestPeerLocks(t *testing.T) {
	c, err := Parse("a.yaml", []byte(beforeLocks+"peer_locks:\n  - {name: transit, asn: AS1299, from: [64500, 2914]}\n  - {asn: 3356, from: [64500]}\n"), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	want := []PeerLock{{"transit", 1299, []route.ASN{64500, 2914}}, {"", 3356, []route.ASN{64500}}}
	same := func(a, b PeerLock) bool { return a.Name == b.Name && a.ASN == b.ASN && slices.Equal(a.From, b.From) }
	if !slices.EqualFunc(c.PeerLocks, want, same) {
		t.Errorf("%+v", c.PeerLocks)
	}
	var b strings.Builder
	if err := c.Print(&b); err != nil {
		t.Fatal(err)
	}
	again, err := Parse("b.yaml", []byte(b.String()), t.TempDir())
	if err != nil || !slices.EqualFunc(again.PeerLocks, want, same) {
		t.Errorf("printed and read again: %v, %+v\n%s", err, again, b.String())
	}
}

func TestBadPeerLocks(t *testing.T) {
	for text, want := range map[string]string{
		"- {from: [64500]}":    "a.yaml:4:5: peer_locks[0].asn: is missing; write the AS that is to have our routes from some only, as asn: 1299",
		"- {asn: 1299}":        "a.yaml:4:5: peer_locks[0].from: is missing; list the ASes that may hand it our routes, as from: [64500]",
		"- {asn: 1, from: []}": "a.yaml:4:14: peer_locks[0].from: is empty, so that nobody could hand it our routes; list the ASes that may hand it our routes, as from: [64500]",
		"- {asn: 1, from: [2]}\n  - {asn: 1, from: [3]}": "a.yaml:5:11: peer_locks[1].asn: AS1 has a lock already; put all ASes that may hand it our routes into one",
		"- {asn: 1, from: [2], to: 3}":                   `a.yaml:4:25: peer_locks[0].to: this key is unknown; known here: asn, from, name`,
	} {
		_, err := Parse("a.yaml", []byte(beforeLocks+"peer_locks:\n  "+text+"\n"), t.TempDir())
		if err == nil || err.Error() != want {
			t.Errorf("%s:\n%v, want\n%s", text, err, want)
		}
	}
}
