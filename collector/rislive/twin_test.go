package rislive

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"anywatch/collector/screen"
)

// TestParsePrefix compares with the standard library: what the quick parser takes, it reads the same, and it takes all ordinary spellings.
func TestParsePrefix(t *testing.T) {
	ordinary := []string{"0.0.0.0/0", "192.0.2.0/24", "255.255.255.255/32", "10.1.2.3/8", "::/0", "::1/128", "2001:db8::/32", "2001:DB8:0:1::/64",
		"2001:db8:1:2:3:4:5:6/128", "1::/16", "::8:7/120", "1:2:3:4:5:6:7::/112", "fe80::1:2:3:4/64"}
	for _, s := range ordinary {
		if _, ok := parsePrefix([]byte(s)); !ok {
			t.Errorf("%q was refused", s)
		}
	}
	odd := []string{"", "/", "1/1", "/24", "192.0.2.0", "192.0.2.0/", "192.0.2.0/33", "192.0.2.0/024", "192.0.2.00/24", "192.0.2/24", "1.2.3.4.5/24", "256.0.0.0/8",
		"192.0.2.0/24 ", "::ffff:1.2.3.4/120", "::ffff:102:304/120", "1:2:3:4:5:6:7:8::/64", "1::2::3/64", ":1::/64", "1:/64", "1:2:3:4:5:6:7:/64", "12345::/64", ":::/64",
		"1:2:3:4:5:6:7:8:9/64", "g::/16", "::/129", "fe80::1%eth0/64", "::1:2:3:4:5:6:7:8/64", "eor", "1.2.3.4:80/1", "::/-1", "::/+1"}
	for _, s := range append(odd, ordinary...) {
		got, ok := parsePrefix([]byte(s))
		want, err := netip.ParsePrefix(s)
		if ok && (err != nil || got != want.Masked()) {
			t.Errorf("%q: read as %v, by the standard library as %v, %v", s, got, want, err)
		}
	}
}

// compare reads a line the quick way and the slow way; both must say the same. Lines with raw octets have no twin: only their reading must end well.
func compare(t *testing.T, live *screen.Live, line string) {
	t.Helper()
	quick, slow := newRig(t, live), newRig(t, live)
	quick.line(line)
	if len(strings.TrimSpace(line)) == 0 || len(line) > MaxLine {
		return
	}
	slow.in.Tally.Messages++
	slow.took(slow.decoder.slow(context.Background(), []byte(line), arrival))
	if got := quick.in.Tally; got.Matched+got.Skipped != got.Updates || got.Malformed > 1 || int(got.Malformed) != len(quick.malformed) {
		t.Fatalf("counted %+v, said %v", got, quick.malformed)
	}
	if strings.Contains(line, "raw") {
		return
	}
	if quick.in.Tally != slow.in.Tally || !slices.Equal(quick.events, slow.events) {
		t.Fatalf("%s\nquick %+v %q %v\nslow  %+v %q %v", line, quick.in.Tally, quick.events, quick.malformed, slow.in.Tally, slow.events, slow.malformed)
	}
}

// odd are lines on the border between what the scanner takes and what it leaves.
var odd = []string{
	message(`"type":"UPDATE","type":"OPEN"`), message(`"path":[1],"path":[64500],"type":"UPDATE","announcements":[{"prefixes":["203.0.113.0/24"]}]`),
	message(`"type":"UPDATE","announcements":[{"prefixes":["203.0.113.0/24"],"prefixes":["192.0.2.0/24"]}]`),
	message(`"type":"UPDATE","announcements":[{"prefixes":["203.0.113.0/24"]},null,{}],"withdrawals":null,"path":null`),
	message(`"type":"UPDATE","Withdrawals":["192.0.2.0/24"]`), message(`"type":"UPDATE","withdrawals":["2001:db8::1.2.3.4/128"]`),
	message(`"type":"UPDATE","path":[1,[],[2]],"announcements":[{"next_hop":7,"prefixes":["203.0.113.0/24"]}]`),
	message(`"type":"UPDATE","path":[[]],"peer_asn":"64500","announcements":[{"prefixes":["203.0.113.0/24"]}]`),
	message(`"type":"UPDATE","path":[1.0],"announcements":[{"prefixes":["203.0.113.0/24"]}]`), message(`"type":"UPDATE","path":[01]`), message(`"type":"UPDATE","path":[-1]`),
	message(`"type":"UPDATE","x":1e5,"y":-0.5E-3,"z":[true,false,null,{"a":{}}],"withdrawals":["203.0.113.0/24"]`),
	message(`"type":"UPDATE","x":"` + "\x01" + `"`), message(`"type":"UPDATE","x":"ä","withdrawals":["192.0.2.0/24"]`), message(`"type":"UPDATE","x":tru`),
	message(`"type":"UPDATE",`), message(`"type":"UPDATE","x":[1,]`), message(`"type" "UPDATE"`), message(`"type":"UPDATE","x":.5`), message(`"type":"UPDATE","x":1.`),
	`{"data":{"type":"UPDATE"},"type":"ris_message","peer":"x"}`, `{"peer":"198.51.100.1","type":"ris_message","data":{"type":"KEEPALIVE"}}`, `{"type":"ris_message","data":7}`,
	`{"data":{"type":"KEEPALIVE"}}`, `{"type":"UPDATE","data":{"type":"KEEPALIVE"}}`, `{`, `{}`, `{"":""}`, `null`, `"x"`, ``,
}

func TestTwin(t *testing.T) {
	live := testWatch()
	for _, line := range odd {
		compare(t, live, line)
	}
	for _, path := range []string{"[64501]", "[64501,64500]", "[]", "[1,2,[64500]]"} {
		for _, prefix := range []string{"192.0.2.0/24", "192.0.0.0/16", "0.0.0.0/0", "203.0.113.0/24", "2001:db8::/48", "2001:db9::/48", "eor", "x"} {
			compare(t, live, announcing(prefix, path))
		}
	}
}

// FuzzLine: whatever the line, reading it ends, and the quick way says what the slow way says.
func FuzzLine(f *testing.F) {
	for _, line := range odd {
		f.Add(line)
	}
	f.Add(announcing("192.0.2.0/24", "[64501,[64500]]"))
	f.Add(message(`"type":"UPDATE","raw":"` + rawUpdate(4, 64501) + `","withdrawals":["192.0.2.0/24"]`))
	f.Add(message(`"type":"RIS_PEER_STATE","state":"down"`))
	live := testWatch()
	f.Fuzz(func(t *testing.T, line string) { compare(t, live, line) })
}

// TestNoAllocation: a message that nobody watches costs no allocation, with raw octets or without.
func TestNoAllocation(t *testing.T) {
	r := newRig(t, testWatch())
	raw := strings.Replace(rawUpdate(4, 64501, 200000), "18C00002", "18CB0071", 1)
	for name, line := range map[string]string{
		"decoded": announcing("203.0.113.0/24", "[64501,[64502],64503]"),
		"IPv6":    message(`"type":"UPDATE","path":[64501],"announcements":[{"next_hop":"2001:db8::1,fe80::1","prefixes":["2001:db9::/32","2001:db9:1::/48"]}],"withdrawals":["2001:db9:2::/48"]`),
		"raw":     message(`"type":"UPDATE","raw":"` + raw + `","path":[64501]`),
		"other":   message(`"type":"KEEPALIVE"`),
	} {
		b, ctx := []byte(line), context.Background()
		read := func() {
			if err := r.decoder.Line(ctx, b, arrival); err != nil {
				t.Fatal(err)
			}
		}
		read() // the peer is learnt
		if n := testing.AllocsPerRun(100, read); n != 0 {
			t.Errorf("%s: %v allocations, want 0", name, n)
		}
	}
	if r.in.Tally.Matched > 0 {
		t.Errorf("something matched: %q", r.events)
	}
}

// BenchmarkLine reads messages that nobody watches, of the size that most have.
func BenchmarkLine(b *testing.B) {
	line := announcing("203.0.113.0/24", "[64501,3356,174,64502,200000,65000]")
	raw := strings.Replace(rawUpdate(4, 64501, 200000), "18C00002", "18CB0071", 1)
	for _, c := range []struct{ name, line string }{{"decoded", line}, {"raw", strings.Replace(line, `"type":"UPDATE"`, `"type":"UPDATE","raw":"`+raw+`"`, 1)}} {
		b.Run(c.name, func(b *testing.B) {
			r := newRig(b, testWatch())
			bytes, ctx := []byte(c.line), context.Background()
			b.SetBytes(int64(len(bytes)))
			b.ReportAllocs()
			for b.Loop() {
				if err := r.decoder.Line(ctx, bytes, arrival); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
		})
	}
	b.Run("slow", func(b *testing.B) {
		r := newRig(b, testWatch())
		for b.Loop() {
			if err := r.decoder.slow(context.Background(), []byte(line), arrival); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
	})
}
