package archive_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"anywatch/collector"
	"anywatch/collector/archive"
	"anywatch/collector/rislive"
)

// TestDamage: each stretch that is no record counts once and is reported with its place; what comes after it is read.
func TestDamage(t *testing.T) {
	one, noise := record(t0, 2), bytes.Repeat([]byte{0xEE}, 5000)
	n := len(one)
	damaged := bytes.Clone(one)
	damaged[n-30] = 0 // in the marker of the BGP message or after it
	copy(damaged[32:48], make([]byte, 16))
	for _, c := range []struct {
		name                         string
		content                      []byte
		messages, updates, malformed uint64
		says                         string
	}{
		{"noise in the middle", slices.Concat(one, one, noise, one, one), 5, 4, 1, fmt.Sprintf("at octet %d: 5000 octets", 2*n)},
		{"the end is cut", slices.Concat(one, one[:40]), 2, 1, 1, fmt.Sprintf("at octet %d: 40 octets", n)},
		{"a record of noise", slices.Concat(one, damaged, one), 3, 2, 1, fmt.Sprintf("at octet %d: malformed MRT record", n)},
		{"a length of 4 GB", slices.Concat(one, one[:8], u32(-1), one[12:], one, one), 4, 3, 1, fmt.Sprintf("at octet %d: %d octets", n, n)},
		{"a line that is broken", slices.Concat(line(t0), []byte("{\"a\":\n"), line(t0)), 3, 2, 1, fmt.Sprintf("at octet %d: malformed RIS Live", len(line(t0)))},
		{"a line that is cut", slices.Concat(line(t0), line(t0)[:50]), 2, 1, 1, fmt.Sprintf("at octet %d: ", len(line(t0)))},
		{"the last line without its end", bytes.TrimSpace(line(t0)), 1, 1, 0, ""},
		{"a line that is too long", slices.Concat(line(t0), bytes.Repeat([]byte("x"), 5*rislive.MaxLine), []byte("\n"), line(t0)), 3, 2, 1, "longer than"},
		{"a line that is a little too long", slices.Concat(line(t0), bytes.Repeat([]byte("x"), rislive.MaxLine), []byte("\n"), line(t0)), 3, 2, 1, "longer than"},
		{"noise in BMP", slices.Concat(bmpUpdate(t0), bmpUpdate(t0), noise, bmpUpdate(t0)), 4, 3, 1, fmt.Sprintf("at octet %d: ", 2*len(bmpUpdate(t0)))},
		{"noise in OpenBMP", slices.Concat(textFrame(bmpUpdate(t0)), noise, textFrame(bmpUpdate(t0)), textFrame(bmpUpdate(t0))), 4, 3, 1, fmt.Sprintf("at octet %d: ", len(textFrame(bmpUpdate(t0))))},
		{"OpenBMP that is cut", slices.Concat(textFrame(bmpUpdate(t0)), textFrame(bmpUpdate(t0))[:90]), 2, 1, 1, fmt.Sprintf("at octet %d: 90 octets", len(textFrame(bmpUpdate(t0))))},
		{"a line of ExaBGP that is broken", slices.Concat(exaLine(t0), []byte("{\n"), exaLine(t0)), 3, 2, 1, fmt.Sprintf("at octet %d: malformed ExaBGP line", len(exaLine(t0)))},
		{"BMP that is cut", slices.Concat(bmpUpdate(t0), bmpUpdate(t0)[:60]), 2, 1, 1, fmt.Sprintf("at octet %d: 60 octets", len(bmpUpdate(t0)))},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.expect(c.content, c.messages, c.updates, c.malformed)
			r.says(c.says)
		})
	}
}

// TestFromTo: what lies outside is neither counted nor applied, but peers are known.
func TestFromTo(t *testing.T) {
	at := func(n int) time.Time { return time.Unix(int64(t0+n), 0) }
	for _, c := range []struct {
		name     string
		content  []byte
		from, to time.Time
		messages uint64
		events   string
	}{
		{"no bounds", records(t0, 4), time.Time{}, time.Time{}, 4, "0 1 2 3"},
		{"from", records(t0, 4), at(2), time.Time{}, 2, "2 3"},
		{"to", records(t0, 4), time.Time{}, at(2), 2, "0 1"},
		{"from and to", records(t0, 4), at(1), at(3), 2, "1 2"},
		{"nothing inside", records(t0, 4), at(9), time.Time{}, 0, ""},
		{"lines", slices.Concat(line(t0), line(t0+1), line(t0+2)), at(1), at(2), 1, "1"},
		{"a table whose peers are named before", table(t0, t0+5), at(1), time.Time{}, 1, "5 5 5 5"},
		{"BMP", slices.Concat(bmpMessage(4, u16(2), u16(3), []byte("ams")), bmpUpdate(t0), bmpUpdate(t0+1)), at(1), time.Time{}, 2, "1"},
		{"damage before", slices.Concat(record(t0, 2), make([]byte, 100), record(t0+5, 2)), at(5), time.Time{}, 1, "5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.opt.From, r.opt.To = c.from, c.to
			stats, err := r.read(r.file("input", c.content))
			if err != nil {
				t.Fatal(err)
			}
			var times []string
			for _, ev := range r.events {
				first, _, _ := strings.Cut(ev, " ")
				times = append(times, first)
			}
			if got := strings.Join(times, " "); got != c.events || stats.Messages != c.messages {
				t.Errorf("events at %q, %d messages; want %q, %d", got, stats.Messages, c.events, c.messages)
			}
		})
	}
}

// TestMerge: the records of all inputs in the order of their times, those of one time in the order of the inputs, whichever way the inputs come.
func TestMerge(t *testing.T) {
	ris, mrt, bmp := "rislive:rrc00/198.51.100.1 routes", "mrt:AS64501/198.51.100.1 routes", "bmp:AS64501/198.51.100.1/pre routes"
	for _, many := range []int{0, 20} {
		r := newRig(t)
		r.opt.Merge = true
		inputs := []archive.Input{
			r.file("late", slices.Concat(record(t0+2, 2), record(t0+6, 2))),
			r.file("lines", slices.Concat(line(t0+1), line(t0+2), line(t0+7))),
			r.file("bmp", slices.Concat(bmpUpdate(t0), bmpUpdate(t0+2))),
			r.file("empty", nil),
		}
		for i := range many { // more than stay open
			inputs = append(inputs, r.file(fmt.Sprint(i), record(t0+10+i, 2)))
		}
		stdin, err := archive.Open("-", bytes.NewReader(gz(t, slices.Concat(line(t0+3), line(t0+4)))))
		if err != nil {
			t.Fatal(err)
		}
		stats, err := r.read(append(inputs, stdin...)...)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"0 " + bmp, "1 " + ris, "2 " + mrt, "2 " + ris, "2 " + bmp, "3 " + ris, "4 " + ris, "6 " + mrt, "7 " + ris}
		for i := range many {
			want = append(want, fmt.Sprintf("%d %s", 10+i, mrt))
		}
		if !slices.Equal(r.events, want) {
			t.Errorf("with %d more\ngot  %q\nwant %q", many, r.events, want)
		}
		if stats.Messages != uint64(9+many) || len(r.problems) != 1 {
			t.Errorf("counted %+v, reported %q", stats.Tally, r.problems)
		}
	}
}

// TestOrder: without merging, one input after the other, however late its records are.
func TestOrder(t *testing.T) {
	r := newRig(t)
	if _, err := r.read(r.file("a", records(t0+5, 2)), r.file("b", records(t0, 2))); err != nil {
		t.Fatal(err)
	}
	mrt := " mrt:AS64501/198.51.100.1 routes"
	if want := []string{"5" + mrt, "6" + mrt, "0" + mrt, "1" + mrt}; !slices.Equal(r.events, want) {
		t.Errorf("events %q", r.events)
	}
}

// TestTicks: the time is told before the events of a record, moves forward only, by a second at least, and is complete at the end.
func TestTicks(t *testing.T) {
	r := newRig(t)
	content := slices.Concat(record(t0, 9), record(t0, 9), record(t0+3, 9), record(t0+1, 9), record(t0+4, 9))
	et := slices.Concat(u32(t0+4), u16(17), u16(4), u32(len(record(t0, 9))-12+4), u32(900000), record(t0, 9)[12:])
	stats, err := r.read(r.file("input", append(content, et...)))
	if err != nil {
		t.Fatal(err)
	}
	var got []int64
	for _, tick := range r.ticks {
		got = append(got, tick.UnixMilli()-t0*1000)
	}
	if want := []int64{0, 3000, 4000, 4900}; !slices.Equal(got, want) {
		t.Errorf("ticks %v, want %v", got, want)
	}
	if stats.First.Unix() != t0 || stats.Last.UnixMilli() != t0*1000+4900 {
		t.Errorf("from %v to %v", stats.First, stats.Last)
	}
}

// TestTableIsComplete: the peers of a table are synchronised at its end.
func TestTableIsComplete(t *testing.T) {
	r := newRig(t)
	r.expect(table(t0, t0), 2, 1, 0)
	const peer = "0 mrt:AS64501/198.51.100.1 "
	if want := []string{peer + "table-begins", peer + "routes", peer + "end-of-rib", peer + "synchronised"}; !slices.Equal(r.events, want) {
		t.Errorf("events %q", r.events)
	}
}

// TestEnds: reading ends with its context, and with an error of the receiver, which is given back.
func TestEnds(t *testing.T) {
	for _, merge := range []bool{false, true} {
		r := newRig(t)
		r.opt.Merge = merge
		inputs := []archive.Input{r.file("a", gz(t, records(t0, 10))), r.file("b", records(t0, 10))}
		ctx, stop := context.WithCancel(context.Background())
		stop()
		if _, err := archive.Read(ctx, inputs, r.deps, r.opt); !errors.Is(err, context.Canceled) {
			t.Errorf("merge %v: ended with %v", merge, err)
		}
		full := errors.New("no room")
		r.deps.Out = collector.SinkFunc(func(context.Context, collector.Event) error { return full })
		if stats, err := r.read(inputs...); !errors.Is(err, full) || stats.Malformed != 0 {
			t.Errorf("merge %v: ended with %v, counted %+v", merge, err, stats.Tally)
		}
	}
}

// TestProgress: what was read grows to what there is.
func TestProgress(t *testing.T) {
	for _, merge := range []bool{false, true} {
		r := newRig(t)
		r.opt.Merge = merge
		var read, total int64
		r.deps.Progress = func(n, all int64) {
			if n < read {
				t.Errorf("from %d back to %d", read, n)
			}
			read, total = n, all
		}
		a, b := r.file("a", records(t0, 10000)), r.file("b", gz(t, records(t0, 10000)))
		if _, err := r.read(a, b); err != nil {
			t.Fatal(err)
		}
		if total != a.Size+b.Size || read != total {
			t.Errorf("merge %v: %d of %d, want %d", merge, read, total, a.Size+b.Size)
		}
	}
}

// TestMemory: lengths and lines that claim much do not take it.
func TestMemory(t *testing.T) {
	hostile := map[string][]byte{
		"MRT":   slices.Concat(records(t0, 3), u32(t0), u16(13), u16(2), u32(4<<20-13), make([]byte, 1000)),
		"BMP":   slices.Concat(bmpUpdate(t0), []byte{3}, u32(1<<20), []byte{0}, make([]byte, 1000)),
		"lines": slices.Concat(line(t0), []byte(`{"type":"ris_message","data":{"path":[`+strings.Repeat("1,", 3<<20)+"1]}}\n")),
		"bomb":  gz(t, slices.Concat(line(t0), bytes.Repeat([]byte(" "), 80<<20))),
	}
	for name, content := range hostile {
		r := newRig(t)
		in := r.file(name, content)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		if _, err := r.read(in); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		runtime.ReadMemStats(&after)
		if n := (after.TotalAlloc - before.TotalAlloc) >> 20; n > 64 {
			t.Errorf("%s: %d MB were allocated", name, n)
		}
	}
}

// TestPipe: what a pipe has brought is read before more comes.
func TestPipe(t *testing.T) {
	in, out := io.Pipe()
	r := newRig(t)
	read := make(chan struct{}, 10)
	r.deps.Out = collector.SinkFunc(func(_ context.Context, ev collector.Event) error {
		if ev.Kind == collector.Routes {
			read <- struct{}{}
		}
		return nil
	})
	inputs, err := archive.Open("-", in)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() {
		_, err := r.read(inputs...)
		ended <- err
	}()
	for i := range 3 { // a record is believed when the next one begins
		if _, err := out.Write(slices.Concat(record(t0+2*i, 2), record(t0+2*i+1, 2))); err != nil {
			t.Fatal(err)
		}
		select {
		case <-read:
		case <-time.After(time.Minute):
			t.Fatal("nothing of what was written is read")
		}
	}
	out.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
