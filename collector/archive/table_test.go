package archive_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"anywatch/collector/archive"
)

// withdrawal is an MRT record of AS64501 that withdraws 192.0.2.0/24.
func withdrawal(at int) []byte {
	body := slices.Concat(u16(4), []byte{24, 192, 0, 2}, u16(0))
	message := slices.Concat(bytes.Repeat([]byte{0xFF}, 16), u16(19+len(body)), []byte{2}, body)
	b := slices.Concat(u32(64501), u32(64999), u16(0), u16(1), []byte{198, 51, 100, 1, 203, 0, 113, 1}, message)
	return slices.Concat(u32(at), u16(16), u16(4), u32(len(b)), b)
}

// cut takes the last octets off: of a gzip member, half of its length.
func cut(b []byte) []byte { return b[:len(b)-2] }

// steps are the events without their vantage, which is AS64501 in all of them.
func (r *rig) steps() string {
	return strings.ReplaceAll(strings.Join(r.events, "; "), "mrt:AS64501/198.51.100.1 ", "")
}

// TestTables: a table is complete at the end of its input, or when updates follow, whatever else is read beside it; of a table that is cut, or read in
// part, nothing is said.
func TestTables(t *testing.T) {
	at := func(n int) time.Time { return time.Unix(int64(t0+n), 0) }
	entry := func(n int) []byte { return table(t0, t0+n)[len(table(t0, t0))-50:] } // without the index
	whole := func(n string) string {
		return n + " table-begins; " + n + " routes; " + n + " end-of-rib; " + n + " synchronised"
	}
	for _, c := range []struct {
		name   string
		inputs [][]byte
		opt    archive.Options
		want   string
	}{
		{"one", [][]byte{table(t0, t0)}, archive.Options{}, whole("0")},
		{"one after the other", [][]byte{table(t0, t0), table(t0+9, t0+9)}, archive.Options{}, whole("0") + "; " + whole("9")},
		{"tables and updates in turn", [][]byte{table(t0, t0), record(t0+5, 2), table(t0+9, t0+9)}, archive.Options{}, whole("0") + "; 5 routes; " + whole("9")},
		{"tables and updates merged", [][]byte{slices.Concat(record(t0+5, 2), withdrawal(t0+9), record(t0+12, 2)), table(t0+9, t0+9), table(t0, t0)}, archive.Options{Merge: true},
			whole("0") + "; 5 routes; 9 routes; " + whole("9") + "; 12 routes"},
		{"an update in the middle of a table", [][]byte{slices.Concat(table(t0, t0), entry(4)), record(t0+2, 2)}, archive.Options{Merge: true},
			"0 table-begins; 0 routes; 2 routes; 4 routes; 4 end-of-rib; 4 synchronised"},
		{"two tables that overlap", [][]byte{slices.Concat(table(t0, t0), entry(4)), table(t0+2, t0+2)}, archive.Options{Merge: true},
			"0 table-begins; 0 routes; 2 routes; 4 routes; 4 end-of-rib; 4 synchronised"},
		{"its beginning lies before the time wanted", [][]byte{slices.Concat(table(t0, t0), entry(4))}, archive.Options{From: at(2)}, "4 routes"},
		{"its end lies after the time wanted", [][]byte{slices.Concat(table(t0, t0), entry(4))}, archive.Options{To: at(2)}, "0 table-begins; 0 routes"},
		{"updates after it lie after the time wanted", [][]byte{slices.Concat(table(t0, t0), record(t0+4, 2))}, archive.Options{To: at(2)}, whole("0")},
		{"it is cut", [][]byte{slices.Concat(table(t0, t0), entry(0)[:40])}, archive.Options{}, "0 table-begins; 0 routes; 0 gap"},
		{"its packing is cut", [][]byte{cut(gz(t, slices.Concat(table(t0, t0), entry(0))))}, archive.Options{}, "0 table-begins; 0 routes; 0 routes; 0 gap"},
		{"noise in it", [][]byte{slices.Concat(table(t0, t0), make([]byte, 99), entry(4))}, archive.Options{}, "0 table-begins; 0 routes; 4 gap; 4 routes"},
		{"noise after the time wanted", [][]byte{slices.Concat(table(t0, t0), record(t0+4, 2), make([]byte, 99))}, archive.Options{To: at(2)}, whole("0")},
		{"noise between updates", [][]byte{slices.Concat(record(t0, 2), make([]byte, 99), record(t0+4, 2))}, archive.Options{}, "0 routes; 4 gap; 4 routes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.opt = c.opt
			var inputs []archive.Input
			for _, content := range c.inputs {
				inputs = append(inputs, r.file("input", content))
			}
			if _, err := r.read(inputs...); err != nil {
				t.Fatal(err)
			}
			if got := r.steps(); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}
