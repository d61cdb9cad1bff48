package bgp

import (
	"testing"
	"time"

	"anywatch/collector"
	"anywatch/collector/internal/open"
)

// restarting makes the graceful restart capability: flags, 77 s, IPv4 unicast.
func restarting(flags byte) []byte { return []byte{64, 6, flags, 77, 0, 1, 1, 0x80} }

// lived makes the long-lived graceful restart capability: IPv4 unicast 3,600 s, IPv6 unicast 65,536 s, IPv4 VPN 100,000 s.
var lived = []byte{71, 21, 0, 1, 1, 0, 0, 0x0E, 0x10, 0, 2, 1, 0, 1, 0, 0, 0, 1, 128, 0, 1, 0x86, 0xA0}

func TestHowLongRoutesAreKept(t *testing.T) {
	t.Parallel()
	const plain, survives = 0, flagNotification
	notification := func(body ...byte) func(r *router) {
		return func(r *router) { r.write(message(typeNotification, body...)) }
	}
	closed := func(r *router) { _ = r.Close() }
	for _, c := range []struct {
		name         string
		capabilities []byte
		end          func(r *router)
		keep, down   time.Duration
	}{
		{"no graceful restart", nil, closed, 0, 0},
		{"connection lost", restarting(plain), closed, 77 * time.Second, 77 * time.Second},
		{"no family preserved", []byte{64, 2, 0, 77}, closed, 0, 0},
		{"another family preserved", []byte{64, 6, 0, 77, 0, 2, 1, 0x80}, closed, 0, 0},
		{"NOTIFICATION", restarting(plain), notification(6, 4), 0, 0},
		{"our NOTIFICATION", restarting(plain), func(r *router) { r.write(unmarked(0)) }, 0, 0},
		{"NOTIFICATION, N bit", restarting(survives), notification(6, 4), 77 * time.Second, 77 * time.Second},
		{"our NOTIFICATION, N bit", restarting(survives), func(r *router) { r.write(unmarked(0)) }, 77 * time.Second, 77 * time.Second},
		{"Hard Reset, N bit", restarting(survives), notification(6, 9, 6, 2), 0, 0},
		{"long-lived", append(restarting(plain), lived...), closed, 77*time.Second + time.Hour, 77 * time.Second},
		{"long-lived, NOTIFICATION", append(restarting(plain), lived...), notification(6, 4), 0, 0},
		{"long-lived without graceful restart", lived, closed, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, config(ibgp("127.0.11.60")))
			r := s.up("127.0.11.60", append([]byte{1, 4, 0, 1, 0, 1}, c.capabilities...)...)
			c.end(r)
			if ev := s.wait(collector.FeedLost); ev.Keep != c.keep {
				t.Errorf("stale routes are kept for %v, want %v", ev.Keep, c.keep)
			}
			if ev := s.wait(collector.FeedDown); ev.Keep != c.down {
				t.Errorf("it may take %v to come back, want %v", ev.Keep, c.down)
			}
		})
	}
}

// What the operator ends is over, whatever the peer would like.
func TestNothingIsKeptOfANeighborThatIsGone(t *testing.T) {
	s := start(t, config(ibgp("127.0.11.61"), Neighbor{Name: "other", Address: addr("127.0.11.62")}))
	r := s.up("127.0.11.61", append([]byte{1, 4, 0, 1, 0, 1}, restarting(flagNotification)...)...)
	if err := s.source.Reload(config(Neighbor{Name: "other", Address: addr("127.0.11.62")})); err != nil {
		t.Fatal(err)
	}
	r.notified(codeCease, ceaseDeconfigured)
	if ev := s.wait(collector.FeedLost); ev.Keep != 0 {
		t.Errorf("stale routes are kept for %v", ev.Keep)
	}
}

// What we say of ourselves: nothing is preserved here, but NOTIFICATIONs of those who restart gracefully are survived.
func TestOurOpen(t *testing.T) {
	s := start(t, config(ibgp("127.0.11.63")))
	r := connect(t, "127.0.11.63", s.addr())
	body := r.expect(typeOpen)
	m, err := open.Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	if !m.FourOctet || m.ASN != 64500 || !m.RouteRefresh || !m.EnhancedRefresh || !m.Restart || m.RestartTime != 0 || m.RestartFamilies != (open.Families{}) {
		t.Errorf("our OPEN says %+v", m)
	}
	o, wrong := parseOpen(body)
	if wrong != nil || !o.extended || !o.notification || o.longLived != nil {
		t.Errorf("our OPEN says %+v, %v", o, wrong)
	}
	for _, c := range offers(true) {
		if c.Code == open.GracefulRestart && c.Value[0]&0x80 != 0 {
			t.Error("it says that we have restarted (R)")
		}
	}
}
