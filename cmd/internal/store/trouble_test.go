package store

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// fileOf gives the file of an sqlite: address.
func fileOf(address string) string { return strings.TrimPrefix(address, "sqlite:") }

func count(lines []string, part string) (n int) {
	for _, l := range lines {
		if strings.Contains(l, part) {
			n++
		}
	}
	return n
}

// troubled is a store with a log, and what the trouble did to it.
func troubled(t *testing.T, s *Store, log *said, during func(), after func()) {
	t.Helper()
	b := &Batch{Changes: []Change{opened(1, noon)}, Notifications: []Notification{{Sink: "slack"}}}
	if err := s.Record(t.Context(), b); !errors.Is(err, ErrHeld) {
		t.Fatalf("amid trouble: %v, want ErrHeld", err)
	}
	h := s.Health()
	if h.Err == nil || h.Since.IsZero() || h.Held == 0 || h.HeldBytes == 0 {
		t.Errorf("health amid trouble: %+v", h)
	}
	during()
	if err := s.Record(t.Context(), &Batch{Changes: []Change{opened(2, noon)}}); !errors.Is(err, ErrHeld) {
		t.Errorf("still amid trouble: %v, want ErrHeld", err)
	}
	after()
	until(t, "the trouble ends", func() bool { return s.Health().Err == nil })
	check(t, s.Flush(t.Context()))
	list, _, err := s.Incidents(t.Context(), Filter{}, Page{})
	check(t, err)
	equal(t, "kept in the end", len(list), 2)
	waiting, err := s.Pending(t.Context(), "slack", 0, 10)
	check(t, err)
	equal(t, "waiting in the end", len(waiting), 1)
	equal(t, "begin is said", count(log.all(), "the store takes nothing now"), 1)
	equal(t, "end is said", count(log.all(), "the store takes what is to be kept again"), 1)
}

// TestFullDisk: the file can't grow, and then it can.
func TestFullDisk(t *testing.T) {
	log := new(said)
	reg := prometheus.NewRegistry()
	c := config(sqliteDatabase.address(t))
	c.Log, c.Registerer = log.logger(), reg
	s := open(t, c)
	limit := func(pages int) {
		_, err := s.conns.Load().write.ExecContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count(%d)", pages))
		check(t, err)
	}
	limit(1)
	big := opened(3, noon)
	big.Incident.ID, big.Incident.Why = "big", []string{strings.Repeat("x", 1<<20)}
	if err := s.Record(t.Context(), &Batch{Changes: []Change{big}}); !errors.Is(err, ErrHeld) {
		t.Fatalf("no room: %v, want ErrHeld", err)
	}
	equal(t, "metric amid trouble", testutil.ToFloat64(s.metrics.trouble), 1)
	if err := s.Health().Err; err == nil || !strings.Contains(err.Error(), "full") {
		t.Errorf("health: %v", err)
	}
	limit(1 << 30)
	until(t, "there is room again", func() bool { return s.Health().Err == nil })
	check(t, s.Flush(t.Context()))
	h, err := s.Incident(t.Context(), "big")
	check(t, err)
	equal(t, "what was held", len(h.Incident.Why[0]), 1<<20)
	equal(t, "metric after it", testutil.ToFloat64(s.metrics.trouble), 0)
	equal(t, "begin is said", count(log.all(), "the store takes nothing now"), 1)
	equal(t, "end is said", count(log.all(), "the store takes what is to be kept again"), 1)
}

// TestLocked: another program holds the file for longer than is waited.
func TestLocked(t *testing.T) {
	log := new(said)
	c := config(sqliteDatabase.address(t))
	c.Log = log.logger()
	s := open(t, c)
	other, err := sql.Open("sqlite", "file:"+fileOf(c.URL)+"?_txlock=immediate")
	check(t, err)
	defer other.Close()
	tx, err := other.BeginTx(t.Context(), nil)
	check(t, err)
	troubled(t, s, log, func() {}, func() { check(t, tx.Rollback()) })
}

// TestBrokenAtStart: a file that can't be used is put aside, and said.
func TestBrokenAtStart(t *testing.T) {
	address := sqliteDatabase.address(t)
	whole := func() []byte {
		s := open(t, config(address))
		var changes []Change
		for n := range 200 {
			changes = append(changes, opened(n, noon))
		}
		record(t, s, changes)
		check(t, s.Close())
		b, err := os.ReadFile(fileOf(address))
		check(t, err)
		if len(b) < 200_000 {
			left, _ := filepath.Glob(filepath.Dir(fileOf(address)) + "/*")
			t.Fatalf("only %d bytes are in the file; beside it: %q", len(b), left)
		}
		check(t, os.Remove(fileOf(address)))
		return b
	}()
	torn := append([]byte(nil), whole...)
	for i := 8192; i < len(torn)-4096; i++ {
		torn[i] ^= 0x5a
	}
	cut := whole[:len(whole)/2]
	for name, content := range map[string][]byte{"none at all": []byte("this is a letter to my aunt, and no database; " + strings.Repeat("it goes on ", 500)), "torn": torn, "cut": cut} {
		t.Run(name, func(t *testing.T) {
			log := new(said)
			c := config(sqliteDatabase.address(t))
			c.Log, c.Now = log.logger(), newClock().Now
			check(t, os.WriteFile(fileOf(c.URL), content, 0o600))
			s := open(t, c)
			record(t, s, []Change{opened(1, noon)})
			equal(t, "health", s.Health().Err, nil)
			aside, err := filepath.Glob(strings.ReplaceAll(fileOf(c.URL), " ", "?") + ".broken-20260301T*Z")
			check(t, err)
			if len(aside) != 1 {
				t.Fatalf("put aside: %v", aside)
			}
			kept, err := os.ReadFile(aside[0])
			check(t, err)
			equal(t, "bytes put aside", len(kept), len(content))
			equal(t, "it is said", count(log.all(), "was put aside; a new one is begun"), 1)
		})
	}
}

// TestFileTakenAway: somebody removes the file while it is in use; a new one is begun, and whoever knows what is open is asked for it.
func TestFileTakenAway(t *testing.T) {
	log := new(said)
	c := config(sqliteDatabase.address(t))
	renewed := make(chan struct{}, 1)
	c.Log, c.Renewed = log.logger(), func() { renewed <- struct{}{} }
	s := open(t, c)
	record(t, s, []Change{opened(1, noon)})
	for _, end := range []string{"", "-wal", "-shm"} {
		check(t, os.Remove(fileOf(c.URL)+end))
	}
	if err := s.Record(t.Context(), &Batch{Changes: []Change{opened(2, noon)}}); !errors.Is(err, ErrHeld) {
		t.Errorf("without a file: %v, want ErrHeld", err)
	}
	select {
	case <-renewed:
	case <-time.After(patience):
		t.Fatal("nobody was told that the file is new")
	}
	until(t, "the trouble ends", func() bool { return s.Health().Err == nil })
	check(t, s.Flush(t.Context()))
	list, _, err := s.Incidents(t.Context(), Filter{}, Page{})
	check(t, err)
	equal(t, "in the new file", len(list), 1)
}

// TestHeldIsBounded: what waits takes no more memory than it may; histories go first, and it is counted.
func TestHeldIsBounded(t *testing.T) {
	log := new(said)
	c := config(sqliteDatabase.address(t))
	c.Log, c.HoldBytes = log.logger(), 64<<10
	s := open(t, c)
	other, err := sql.Open("sqlite", "file:"+fileOf(c.URL)+"?_txlock=immediate")
	check(t, err)
	defer other.Close()
	tx, err := other.BeginTx(t.Context(), nil)
	check(t, err)
	if err := s.Record(t.Context(), &Batch{Changes: []Change{opened(0, noon)}}); !errors.Is(err, ErrHeld) {
		t.Fatalf("%v, want ErrHeld", err)
	}
	for n := range 2000 {
		s.AppendHealth([]HealthResult{{Time: noon, Site: "ams", State: "up", Reason: fmt.Sprint(n)}})
	}
	if s.Health().HeldBytes > c.HoldBytes {
		t.Errorf("%d bytes wait, may be %d", s.Health().HeldBytes, c.HoldBytes)
	}
	details := testutil.ToFloat64(s.metrics.dropped.WithLabelValues("details"))
	if details == 0 || testutil.ToFloat64(s.metrics.dropped.WithLabelValues("records")) != 0 {
		t.Errorf("%v details were dropped", details)
	}
	for n := range 200 {
		if err := s.Record(t.Context(), &Batch{Changes: []Change{opened(n, noon)}}); !errors.Is(err, ErrHeld) {
			t.Fatalf("%v, want ErrHeld", err)
		}
	}
	if s.Health().Dropped == 0 || testutil.ToFloat64(s.metrics.dropped.WithLabelValues("records")) == 0 {
		t.Error("no record was dropped")
	}
	check(t, tx.Rollback())
	until(t, "the trouble ends", func() bool { return s.Health().Err == nil })
	check(t, s.Flush(t.Context()))
	h, err := s.Incident(t.Context(), opened(199, noon).Incident.ID)
	check(t, err)
	equal(t, "the newest is kept", len(h.Changes), 1)
	if count(log.all(), "the oldest is lost") == 0 {
		t.Error("the loss is not said")
	}
}

// TestClosedInTrouble: closing ends, and says what is lost.
func TestClosedInTrouble(t *testing.T) {
	c := config(sqliteDatabase.address(t))
	s := open(t, c)
	other, err := sql.Open("sqlite", "file:"+fileOf(c.URL)+"?_txlock=immediate")
	check(t, err)
	defer other.Close()
	tx, err := other.BeginTx(t.Context(), nil)
	check(t, err)
	defer tx.Rollback()
	if err := s.Record(t.Context(), &Batch{Changes: []Change{opened(0, noon)}}); !errors.Is(err, ErrHeld) {
		t.Fatalf("%v, want ErrHeld", err)
	}
	if err := s.Close(); err == nil || !strings.Contains(err.Error(), "are lost") {
		t.Errorf("closing: %v", err)
	}
	if err := s.Record(t.Context(), &Batch{Changes: []Change{opened(0, noon)}}); !errors.Is(err, ErrClosed) {
		t.Errorf("after closing: %v", err)
	}
}

func TestOneWriter(t *testing.T) {
	onAll(t, func(t *testing.T, address string) {
		s := open(t, config(address))
		record(t, s, []Change{opened(1, noon)})
		if _, err := Open(t.Context(), config(address)); !errors.Is(err, errTaken) {
			t.Errorf("a second writer: %v", err)
		}
		c := config(address)
		c.ReadOnly = true
		r := open(t, c)
		list, err := r.OpenIncidents(t.Context())
		check(t, err)
		equal(t, "read beside the writer", len(list), 1)
		if err := r.Record(t.Context(), &Batch{Changes: []Change{opened(2, noon)}}); !errors.Is(err, ErrClosed) {
			t.Errorf("writing through a reader: %v", err)
		}
		check(t, r.Close())
		check(t, s.Close())
		check(t, open(t, config(address)).Close())
	})
}

func TestNewerTables(t *testing.T) {
	onAll(t, func(t *testing.T, address string) {
		s := open(t, config(address))
		check(t, s.wait(t.Context(), &op{run: func(t *txn) error { return t.exec("INSERT INTO schema_version (version) VALUES (?)", 99) }}))
		check(t, s.Close())
		_, err := Open(t.Context(), config(address))
		if !errors.Is(err, errNewer) || !strings.Contains(err.Error(), "99") {
			t.Errorf("tables of a newer program: %v", err)
		}
	})
}

func TestAddresses(t *testing.T) {
	for _, bad := range []string{"", "sqlite:", "sqlite://x", "anywatch.db", "mysql://u:hunter2@h/d", "postgres://u:hunter2@h:port/d", "postgres://u:hunter2@h/d?sslmode=odd", "sqlite:/nowhere/at/all.db", "postgres://u:hunter2@[::1/d"} {
		s, err := Open(t.Context(), config(bad))
		if err == nil {
			s.Close()
			t.Errorf("%q is taken", bad)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q shows its password: %v", bad, err)
		}
	}
	c := config("sqlite:" + filepath.Join(t.TempDir(), "none.db"))
	c.ReadOnly = true
	if _, err := Open(t.Context(), c); err == nil {
		t.Error("a file that is not there is read")
	}
}

// TestServerAway: a server that is not there is waited for, and nobody learns the password from what is said.
func TestServerAway(t *testing.T) {
	log := new(said)
	c := config("postgres://anywatch:hunter2@127.0.0.1:1/anywatch?sslmode=disable")
	c.Log = log.logger()
	s := open(t, c)
	if err := s.Record(t.Context(), &Batch{Changes: []Change{opened(1, noon)}}); !errors.Is(err, ErrHeld) {
		t.Errorf("%v, want ErrHeld", err)
	}
	if _, err := s.OpenIncidents(t.Context()); !errors.Is(err, ErrAway) {
		t.Errorf("reading: %v", err)
	}
	h := s.Health()
	err := s.Close()
	if all := fmt.Sprint(log.all(), h.Err, err, s); h.Err == nil || err == nil || strings.Contains(all, "hunter2") {
		t.Errorf("it says %s", all)
	}
}
