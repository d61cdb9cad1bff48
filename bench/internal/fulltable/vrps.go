package fulltable

import (
	"bufio"
	"fmt"
	"io"
)

// WriteVRPs writes so many VRPs as rpki-client does (JSON), of the table's prefixes and their origins; every fourth allows some more specific
// prefixes. It writes fewer when the table has fewer prefixes, and tells how many.
func (t *Table) WriteVRPs(out io.Writer, count int) (int, error) {
	w := bufio.NewWriterSize(out, 1<<20)
	fmt.Fprint(w, "{\n\t\"metadata\": {\"generated\": 1790000000},\n\n\t\"roas\": [\n") // the writer keeps the first error for Flush
	n, anchors := 0, [...]string{"afrinic", "apnic", "arin", "lacnic", "ripe"}
	step := max(1, t.Prefixes/max(count, 1)) // spread over both families
	seen := 0
	for i := range t.Groups {
		g := &t.Groups[i]
		for _, p := range g.Prefixes {
			if seen++; seen%step != 0 || n == count {
				continue
			}
			if n > 0 {
				fmt.Fprint(w, ",\n")
			}
			length := p.Bits()
			if n%4 == 0 {
				length = min(length+2, p.Addr().BitLen())
			}
			fmt.Fprintf(w, "\t\t{ \"asn\": %d, \"prefix\": %q, \"maxLength\": %d, \"ta\": %q, \"expires\": 4102444800 }", g.Path[len(g.Path)-1], p, length, anchors[n%len(anchors)])
			n++
		}
	}
	fmt.Fprint(w, "\n\t]\n}\n")
	return n, w.Flush()
}
