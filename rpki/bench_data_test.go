//go:build data

package rpki

import (
	"compress/bzip2"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"anywatch/collector/route"

	bgpfix "github.com/bgpfix/bgpfix/rpki"
)

const fullSet = "rpki-full/rpkiclient_summary_20250720T093135Z.json.bz2"

// data gives the path of a file of the recorded data.
func data(tb testing.TB, name string) string {
	tb.Helper()
	root := os.Getenv("ANYWATCH_DATA")
	if root == "" {
		tb.Fatal("set ANYWATCH_DATA to the directory of the recorded data")
	}
	return filepath.Join(root, name)
}

// unpackedFile writes a bzip2 file unpacked into a temporary one: what an operator's validator writes is not packed.
func unpackedFile(tb testing.TB, name string) string {
	tb.Helper()
	in, err := os.Open(data(tb, name))
	if err != nil {
		tb.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(filepath.Join(tb.TempDir(), "vrps.json"))
	if err != nil {
		tb.Fatal(err)
	}
	defer out.Close()
	if _, err := io.Copy(out, bzip2.NewReader(in)); err != nil {
		tb.Fatal(err)
	}
	return out.Name()
}

func heapMB() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / (1 << 20)
}

func BenchmarkLoadFull(b *testing.B) {
	file := unpackedFile(b, fullSet)
	before := heapMB()
	var t *Table
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		var err error
		if t, err = Load([]string{file}, "", time.Time{}); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	b.ReportMetric(heapMB()-before, "heap-MB")
	b.ReportMetric(float64(t.Len()), "VRPs")
	runtime.KeepAlive(t)
}

// question is a route to judge.
type question struct {
	prefix netip.Prefix
	origin route.Origin
}

// questions gives every nth prefix of the table, two of three with another AS than it has: the long way round.
func questions(t *Table, every int) []question {
	var out []question
	n := 0
	for v := range t.All() {
		if n++; n%every == 0 {
			out = append(out, question{v.Prefix, route.Origin{AS: v.ASN + route.ASN(len(out)%3)}})
		}
	}
	return out
}

// BenchmarkValidate asks about a thousand watched routes again and again, about many routes in the order of a table dump, and about
// as many in an order that defeats the processor's cache.
func BenchmarkValidate(b *testing.B) {
	t, err := Load([]string{unpackedFile(b, fullSet)}, "", time.Time{})
	if err != nil {
		b.Fatal(err)
	}
	other := bgpfix.NewCache(nil)
	for v := range t.All() {
		other.AddVRP(true, v.Prefix, v.MaxLength, uint32(v.ASN))
	}
	other.Apply()
	for _, order := range []struct {
		name          string
		every, stride int
	}{{"watched", 723, 1}, {"dump", 5, 1}, {"scattered", 5, 7919}} {
		asked := questions(t, order.every)
		run := func(name string, judge func(question)) {
			b.Run(order.name+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					judge(asked[i*order.stride%len(asked)])
				}
			})
		}
		run("anywatch", func(q question) { t.State(q.prefix, q.origin) })
		run("bgpfix", func(q question) { other.ValidateOrigin(q.prefix, uint32(q.origin.AS)) })
	}
}
