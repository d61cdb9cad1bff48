package health

import (
	"net"
	"testing"

	"github.com/miekg/dns"

	"anywatch/detector"
)

// nameServer answers on loopback, over UDP and TCP on the same port.
func nameServer(t *testing.T, answer dns.HandlerFunc) (addr string) {
	t.Helper()
	for range 100 { // until a port is free for both
		udp, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		tcp, err := net.Listen("tcp", udp.LocalAddr().String())
		if err != nil {
			udp.Close()
			continue
		}
		for _, s := range []*dns.Server{{PacketConn: udp, Handler: answer}, {Listener: tcp, Handler: answer}} {
			started := make(chan struct{})
			s.NotifyStartedFunc = func() { close(started) }
			go func() { _ = s.ActivateAndServe() }()
			<-started
			t.Cleanup(func() { _ = s.Shutdown() })
		}
		return udp.LocalAddr().String()
	}
	t.Fatal("no port is free for both UDP and TCP")
	return ""
}

// answers makes a handler of records, as a zone file has them.
func answers(t *testing.T, rcode int, records ...string) dns.HandlerFunc {
	return func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetRcode(q, rcode)
		for _, s := range records {
			rr, err := dns.NewRR(s)
			if err != nil {
				t.Error(err)
				return
			}
			m.Answer = append(m.Answer, rr)
		}
		_ = w.WriteMsg(m)
	}
}

func TestDNS(t *testing.T) {
	const soa = "example.net. 300 IN SOA ns1.example.net. noc.example.net. 1 2 3 4 5"
	for _, c := range []struct {
		name, typ string
		answer    dns.HandlerFunc
		state     detector.HealthState
		reason    string
	}{
		{"as expected", "SOA", answers(t, dns.RcodeSuccess, soa), detector.HealthUp, ""},
		{"servfail", "SOA", answers(t, dns.RcodeServerFailure), detector.HealthDown, "the answer is SERVFAIL, expected NOERROR"},
		{"refused", "SOA", answers(t, dns.RcodeRefused), detector.HealthDown, "the answer is REFUSED, expected NOERROR"},
		{"no such name, with an answer all the same", "SOA", answers(t, dns.RcodeNameError, soa), detector.HealthDown, "the answer is NXDOMAIN, expected NOERROR"},
		{"an empty answer", "SOA", answers(t, dns.RcodeSuccess), detector.HealthDown, "no SOA record in the answer"},
		{"another type", "AAAA", answers(t, dns.RcodeSuccess, "example.net. 300 IN A 192.0.2.1"), detector.HealthDown, "no AAAA record in the answer"},
		{"the type stands in the data only", "A", answers(t, dns.RcodeSuccess, `example.net. 300 IN TXT "IN	A	"`), detector.HealthDown, "no A record in the answer"},
		{"through an alias", "A", answers(t, dns.RcodeSuccess, "example.net. 300 IN CNAME www.example.net.", "www.example.net. 300 IN A 192.0.2.1"), detector.HealthUp, ""},
		{"an alias alone", "A", answers(t, dns.RcodeSuccess, "example.net. 300 IN CNAME www.example.net."), detector.HealthDown, "no A record in the answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := DNS{Server: nameServer(t, c.answer), Query: "example.net", Type: c.typ}
			wants(t, Ask(t.Context(), p, patience), c.state, c.reason)
		})
	}
}

// An answer that is cut short over UDP is asked for again over TCP.
func TestDNSTruncated(t *testing.T) {
	whole := answers(t, dns.RcodeSuccess, `example.net. 300 IN TXT "long"`)
	server := nameServer(t, func(w dns.ResponseWriter, q *dns.Msg) {
		if w.RemoteAddr().Network() == "udp" {
			m := new(dns.Msg).SetReply(q)
			m.Truncated = true
			_ = w.WriteMsg(m)
			return
		}
		whole(w, q)
	})
	wants(t, Ask(t.Context(), DNS{Server: server, Query: "example.net", Type: "TXT"}, patience), detector.HealthUp, "")
}

func TestDNSNoAnswer(t *testing.T) {
	silent := nameServer(t, func(dns.ResponseWriter, *dns.Msg) {})
	wants(t, Ask(t.Context(), DNS{Server: silent, Query: "example.net", Type: "SOA"}, haste), detector.HealthDown, "no answer within 50ms")
	wants(t, Ask(t.Context(), DNS{Server: closedPort(t), Query: "example.net", Type: "SOA"}, patience), detector.HealthDown, "connection refused")
}
