//go:build data

package bmp

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"anywatch/collector"
)

// openData opens a file of the test data, which the environment variable ANYWATCH_DATA points to.
func openData(t *testing.T, path string) *os.File {
	t.Helper()
	dir := os.Getenv("ANYWATCH_DATA")
	if dir == "" {
		t.Fatal("ANYWATCH_DATA is not set; point it to the folder of test data")
	}
	f, err := os.Open(filepath.Join(dir, path))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestCaptures(t *testing.T) {
	for _, c := range []struct {
		path                string
		messages, updates   uint64
		malformed, prefixes uint64
	}{
		{"bmp-netgauze/bmp/evpn/evpn.00.bmp", 16, 6, 0, 5},
		{"bmp-netgauze/bmp/evpn/evpn.01.bmp", 140, 137, 0, 139},
		{"bmp-netgauze/bmp/peers-with-different-caps/example.bmp", 192, 173, 0, 236},
		{"bmp-netgauze/bmp/unreachable-prefix-announcement/upa.00.bmp", 9, 6, 0, 3},
		{"bmp-netgauze/bmp/unreachable-prefix-announcement/upa.01.bmp", 20, 16, 0, 10},
		{"bmp-netgauze/bmp/unreachable-prefix-announcement/upa.02.bmp", 15, 12, 0, 9},
		{"bmp-netgauze/bmp/path-status/ipv4_unicast_path_marking.bmp", 5, 0, 5, 0},
		{"bmp-netgauze/bmp/stateless-with-add-path/ipv4_unicast_all.bmp", 30, 0, 30, 0},
		{"bmp-traffic-reproducer/pcaps/bmp-traffic.bmp", 92, 73, 0, 73},
		{"bmp-traffic-reproducer/pcaps/ipfix-bmp-scenario-PART1-bmp-init-and-peer-ups.bmp", 17, 0, 0, 0},
		{"bmp-traffic-reproducer/pcaps/ipfix-bmp-scenario-PART2-bmp-route-monitoring-updates.bmp", 732, 732, 0, 1036},
		{"bmp-traffic-reproducer/pcaps/ipfix-bmp-scenario-PART4-bmp-route-monitoring-withdrawals-updates.bmp", 21, 21, 0, 48},
		{"bmp-traffic-reproducer/pcaps/ipfix-bmp-scenario-PART8-bmp-global-peer-up.bmp", 23, 22, 0, 96},
	} {
		t.Run(filepath.Base(c.path), func(t *testing.T) {
			s, _ := replay(t)
			var faults []error
			err := s.Replay(context.Background(), openData(t, c.path), time.Time{}, func(err error) { faults = append(faults, err) })
			if err != nil {
				t.Fatal(err)
			}
			got := s.Tally()
			want := collector.Tally{Messages: c.messages, Updates: c.updates, Skipped: c.updates, Malformed: c.malformed, Prefixes: c.prefixes}
			if got != want {
				t.Errorf("got %+v, want %+v; faults: %.5v", got, want, faults)
			}
		})
	}
}

// Cut anywhere, a capture gives what stands before the cut; the rest of one message is malformed.
func TestCutCaptures(t *testing.T) {
	whole, err := io.ReadAll(openData(t, "bmp-netgauze/bmp/peers-with-different-caps/example.bmp"))
	if err != nil {
		t.Fatal(err)
	}
	for cut := 1; cut < len(whole); cut += 97 {
		good, at := uint64(0), 0
		for frames := NewReader(bytes.NewReader(whole), 0, false); ; good++ {
			frame, err := frames.Next()
			if err != nil || at+len(frame) > cut {
				break
			}
			at += len(frame)
		}
		s, _ := replay(t)
		faults := 0
		if err := s.Replay(context.Background(), bytes.NewReader(whole[:cut]), time.Time{}, func(error) { faults++ }); err != nil {
			t.Fatal(err)
		}
		left := uint64(0)
		if at < cut {
			left = 1
		}
		if got := s.Tally(); got.Messages != good+left || got.Malformed != left || faults != int(left) {
			t.Errorf("cut at %d: %+v, want %d messages and %d malformed", cut, got, good+left, left)
		}
	}
}

// Inputs that once crashed BGP parsers, each in a Route Monitoring message: every one is read or counted as malformed.
func TestFuzzCorpus(t *testing.T) {
	gz, err := gzip.NewReader(openData(t, "fuzz-corpi/corpi-bgp.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	var messages uint64
	var b bytes.Buffer
	for files := tar.NewReader(gz); ; {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		m, err := io.ReadAll(files)
		if err != nil {
			t.Fatal(err)
		}
		peer := make([]byte, peerHeaderLen)
		copy(peer[22:], []byte{198, 51, 100, 1})
		b.Write(raw(3, uint32(headerLen+len(peer)+len(m)), routeMonitoring, append(peer, m...)...))
		messages++
	}
	s, _ := replay(t)
	if err := s.Replay(context.Background(), &b, time.Time{}, func(error) {}); err != nil {
		t.Fatal(err)
	}
	got := s.Tally()
	if got.Messages != messages || got.Updates+got.Malformed != messages || got.Malformed < 500 || got.Updates < 100 {
		t.Errorf("%d messages: %+v", messages, got)
	}
}
