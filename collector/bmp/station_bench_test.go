package bmp

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/collector/screen"
)

const (
	benchRouters = 100
	benchTable   = 1_200_000 // prefixes of a full table, one IPv6 in six
	benchShare   = 10        // the part of it that each router sends per iteration is one in so many
	benchWatched = 10_000    // prefixes of the full table, as long as anycast prefixes are
)

// drawPrefix follows the lengths of today's table: six in ten are /24, and half of IPv6 /48.
func drawPrefix(r *rand.Rand) netip.Prefix {
	if r.IntN(6) == 0 {
		var a [16]byte
		binary.BigEndian.PutUint32(a[:], 0x2a000000+r.Uint32N(1<<22))
		binary.BigEndian.PutUint32(a[4:], r.Uint32())
		return netip.PrefixFrom(netip.AddrFrom16(a), []int{48, 48, 48, 32, 40, 44}[r.IntN(6)]).Masked()
	}
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], 0x01000000+r.Uint32N(0xDE000000))
	return netip.PrefixFrom(netip.AddrFrom4(a), []int{24, 24, 24, 24, 24, 24, 22, 22, 20, 16}[r.IntN(10)]).Masked()
}

// benchMessage is a Route Monitoring message with the usual attributes and prefixes of one family.
func benchMessage(r *rand.Rand, list []netip.Prefix) []byte {
	attrs := []byte{0x40, 1, 1, 0, 0x40, 3, 4, 10, 0, 0, 1, 0xC0, 8, 8, 0xFB, 0xF4, 0, 101, 0x0D, 0x1C, 0, 2}
	hops := 2 + r.IntN(5)
	attrs = append(attrs, 0x40, 2, byte(2+4*hops), 2, byte(hops))
	for range hops {
		attrs = binary.BigEndian.AppendUint32(attrs, 1+r.Uint32N(64000))
	}
	var nlri []byte
	for _, p := range list {
		nlri = append(append(nlri, byte(p.Bits())), p.Addr().AsSlice()[:(p.Bits()+7)/8]...)
	}
	if list[0].Addr().Is6() {
		reach := append([]byte{0, 2, 1, 16}, make([]byte, 17)...)
		reach = append(reach, nlri...)
		attrs = append(binary.BigEndian.AppendUint16(append(attrs, 0x90, 14), uint16(len(reach))), reach...)
		nlri = nil
	}
	body := binary.BigEndian.AppendUint16([]byte{0, 0}, uint16(len(attrs)))
	body = append(append(body, attrs...), nlri...)
	m := append(bytes.Clone(marker), 0, 0, 2)
	binary.BigEndian.PutUint16(m[16:], uint16(19+len(body)))
	return append(m, body...)
}

// benchStream gives what one router sends, and the prefixes that are watched.
func benchStream(b *testing.B) (stream []byte, prefixes int, watched []netip.Prefix) {
	r := rand.New(rand.NewPCG(2026, 1))
	var families [2][]netip.Prefix
	for i := range benchTable {
		p := drawPrefix(r)
		if own := p.Bits() == 24 || p.Bits() == 48; own && i%59 == 0 { // half of all are of these lengths, and one in ten of these is sent
			watched = append(watched, p)
		}
		if i%benchShare == 0 {
			f := route.FamilyOf(p) - 1
			families[f] = append(families[f], p)
			prefixes++
		}
	}
	h := header()
	peer, err := h.Serialize()
	if err != nil {
		b.Fatal(err)
	}
	for _, list := range families {
		for len(list) > 0 {
			n := min(1+int(r.ExpFloat64()*4.5), len(list), 200)
			m := append(bytes.Clone(peer), benchMessage(r, list[:n])...)
			stream = append(stream, raw(3, uint32(headerLen+len(m)), routeMonitoring, m...)...)
			list = list[n:]
		}
	}
	return stream, prefixes, watched[:benchWatched]
}

// peakMemory is the largest resident set of this process so far, in megabytes, senders included; 0 where the system does not tell.
func peakMemory() (mb float64) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	if _, rest, ok := bytes.Cut(status, []byte("VmHWM:")); ok {
		_, _ = fmt.Sscan(string(rest), &mb)
	}
	return mb / 1000
}

// cpuTime is what this process has used of its processors so far, senders included. On a machine that others use too, it tells more than the clock.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkStation has a hundred routers send their tables over loopback at the same time, from this same process; screen is the walk over the
// same messages alone, on one processor, to compare with.
func BenchmarkStation(b *testing.B) {
	stream, prefixes, watched := benchStream(b)
	b.Run("screen", func(b *testing.B) { benchScreen(b, stream, prefixes, watched) })
	b.Run("station", func(b *testing.B) { benchStation(b, stream, prefixes, watched) })
}

func benchScreen(b *testing.B, stream []byte, prefixes int, watched []netip.Prefix) {
	s := screen.New(screen.NewLive(screen.NewWatch(watched, []route.ASN{64500}, screen.Shortest{IPv4: 8, IPv6: 19})))
	var r screen.Result
	began := cpuTime(b)
	for b.Loop() {
		for m := stream; len(m) > 0; m = m[binary.BigEndian.Uint32(m[1:]):] {
			s.Update(m[headerLen+peerHeaderLen+19:binary.BigEndian.Uint32(m[1:])], &screen.Context{}, &r)
		}
	}
	b.ReportMetric(float64(b.N)*float64(prefixes)/1e6/(cpuTime(b)-began).Seconds(), "Mprefixes/cpu-s")
}

func benchStation(b *testing.B, stream []byte, prefixes int, watched []netip.Prefix) {
	last := monitoring(b, header(), announce([]uint32{64500}, "203.0.113.0/24")) // our AS: it is told of
	d := Deps{
		Live:     screen.NewLive(screen.NewWatch(watched, []route.ASN{64500}, screen.Shortest{IPv4: 8, IPv6: 19})),
		Registry: collector.NewRegistry(), Counters: new(collector.Counters), Log: slog.New(slog.DiscardHandler), Now: time.Now,
	}
	source, err := New(config(), d)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan struct{}, benchRouters)
	running := make(chan error, 1)
	go func() {
		running <- source.Run(ctx, collector.SinkFunc(func(_ context.Context, ev collector.Event) error {
			if ev.Kind == collector.Routes && len(ev.Updates[0].Announced) == 1 && ev.Updates[0].Announced[0].Prefix.Addr() == netip.AddrFrom4([4]byte{203, 0, 113}) {
				ended <- struct{}{}
			}
			return nil
		}))
	}()
	turns := make([]chan struct{}, benchRouters)
	for i := range turns {
		turns[i] = make(chan struct{})
		c, err := net.Dial("tcp", source.Addrs()[0].String())
		if err != nil {
			b.Fatal(err)
		}
		go func() {
			_, _ = c.Write(initiate(b, fmt.Sprintf("r%d", i)))
			for range turns[i] {
				_, _ = c.Write(stream)
				_, _ = c.Write(last)
			}
			_ = c.Close()
		}()
	}
	began := cpuTime(b)
	for b.Loop() {
		for _, turn := range turns {
			turn <- struct{}{}
		}
		for range turns {
			<-ended
		}
	}
	million := float64(b.N) * benchRouters * float64(prefixes) / 1e6
	b.ReportMetric(million/b.Elapsed().Seconds(), "Mprefixes/s")
	b.ReportMetric(million/(cpuTime(b)-began).Seconds(), "Mprefixes/cpu-s")
	b.ReportMetric(peakMemory(), "MB-peak-RSS")
	n := d.Counters
	b.ReportMetric(float64(n.Matched.Load())/float64(n.Matched.Load()+n.Skipped.Load()), "matched/update")
	cancel()
	<-running
	for _, turn := range turns {
		close(turn)
	}
}
