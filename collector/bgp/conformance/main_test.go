//go:build interop

package conformance

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"anywatch/collector/internal/peers"
)

// sideBySide is how many tests run at once: they mostly wait for daemons that wait.
const sideBySide = 12

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", fmt.Sprint(sideBySide)); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	m.Run()
}

var everyMake = []peers.Make{peers.BIRD, peers.FRRouting, peers.GoBGP, peers.OpenBGPD, peers.ExaBGP}

// each runs a case with each of the daemons.
func each(t *testing.T, makes []peers.Make, run func(t *testing.T, m peers.Make)) {
	t.Parallel()
	for _, m := range makes {
		t.Run(string(m), func(t *testing.T) {
			t.Parallel()
			run(t, m)
		})
	}
}
