package store

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// childAddress is the variable that makes the test program a child that writes to a database until it is killed.
const childAddress = "ANYWATCH_TEST_STORE_CHILD"

func TestMain(m *testing.M) {
	if address := os.Getenv(childAddress); address != "" {
		fmt.Fprintln(os.Stderr, writeUntilKilled(address))
		os.Exit(1)
	}
	code := m.Run()
	stopServers()
	os.Exit(code)
}

var killSinks = [...]string{"slack", "pager", "mail"}

// writeUntilKilled records incidents from several goroutines, settles some notifications, and prints what was acknowledged: "r ID" when a record
// is on the disk, "d SEQ" before a delivery is noted.
func writeUntilKilled(address string) error {
	s, err := Open(context.Background(), Config{URL: address, Keep: time.Hour})
	if err != nil {
		return err
	}
	first, err := strconv.Atoi(os.Getenv(childAddress + "_FIRST"))
	if err != nil {
		return err
	}
	var mu sync.Mutex
	say := func(what string, arg any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf("%s %v\n", what, arg)
	}
	failed := make(chan error)
	for w := range 4 {
		go func() {
			for n := first + w; ; n += 4 {
				b := &Batch{Changes: []Change{opened(n, noon)}}
				for _, sink := range killSinks {
					b.Notifications = append(b.Notifications, Notification{Sink: sink})
				}
				if err := s.Record(context.Background(), b); err != nil {
					failed <- err
					return
				}
				say("r", b.Changes[0].Incident.ID)
				if n%3 == 0 {
					say("d", b.Notifications[0].Seq)
					s.Settle(Outcome{Seqs: []int64{b.Notifications[0].Seq}, State: Delivered})
				}
			}
		}()
	}
	return <-failed
}

// killedRun starts a child, kills it at a random moment, and gives what it had acknowledged until then.
func killedRun(t *testing.T, address string, first int) (recorded []string, delivered map[int64]bool) {
	t.Helper()
	exe, err := os.Executable()
	check(t, err)
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childAddress+"="+address, childAddress+"_FIRST="+strconv.Itoa(first))
	var problem bytes.Buffer
	cmd.Stderr = &problem
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	lines := bufio.NewScanner(out)
	delivered = make(map[int64]bool)
	enough := 1 + rand.IntN(80)
	for lines.Scan() {
		what, arg, _ := strings.Cut(lines.Text(), " ")
		switch what {
		case "r":
			recorded = append(recorded, arg)
		case "d":
			seq, err := strconv.ParseInt(arg, 10, 64)
			check(t, err)
			delivered[seq] = true
		}
		if enough--; enough == 0 {
			check(t, cmd.Process.Kill())
		}
	}
	_ = cmd.Wait() // it was killed
	if enough > 0 {
		t.Fatalf("the child ended by itself: %s", &problem)
	}
	return recorded, delivered
}

// TestKilled: whenever the process is killed, what was acknowledged is there, each notification waits unless it was delivered, and no record is there
// in part.
func TestKilled(t *testing.T) {
	onAll(t, func(t *testing.T, address string) {
		const rounds = 50
		total := 0
		for round := range rounds {
			recorded, delivered := killedRun(t, address, round*100_000)
			total += len(recorded)
			var s *Store
			until(t, "the database lets go of the one that was killed", func() (ok bool) {
				var err error
				s, err = Open(t.Context(), Config{URL: address, Now: func() time.Time { return time.Now() }})
				return err == nil
			})
			accountFor(t, s, recorded, delivered)
			check(t, s.Close())
			if t.Failed() {
				t.Fatalf("in round %d", round)
			}
		}
		if total < rounds {
			t.Errorf("only %d records in %d rounds", total, rounds)
		}
	})
}

// accountFor looks whether all that a child acknowledged is there.
func accountFor(t *testing.T, s *Store, recorded []string, delivered map[int64]bool) {
	t.Helper()
	waiting := make(map[string]int)
	var seqs []int64
	for _, sink := range killSinks {
		list, err := s.Pending(t.Context(), sink, 0, 1_000_000)
		check(t, err)
		for i, n := range list {
			if i > 0 && list[i-1].Seq >= n.Seq {
				t.Errorf("%s: %d stands behind %d", sink, n.Seq, list[i-1].Seq)
			}
			waiting[n.Incident]++
			seqs = append(seqs, n.Seq)
		}
	}
	for _, id := range recorded {
		h, err := s.Incident(t.Context(), id)
		if err != nil {
			t.Errorf("incident %s was acknowledged: %v", id, err)
			continue
		}
		equal(t, "notifications of "+id, len(h.Notifications), len(killSinks))
		for _, n := range h.Notifications {
			if n.State != Waiting && !delivered[n.Seq] {
				t.Errorf("notification %d is %s, and nobody said so", n.Seq, n.State)
			}
		}
	}
	open, err := s.OpenIncidents(t.Context())
	check(t, err)
	for _, c := range open { // whole records only: also of those that nobody heard of any more
		if n := waiting[c.Incident.ID]; n != len(killSinks) && n != len(killSinks)-1 {
			t.Errorf("incident %s has %d of %d notifications", c.Incident.ID, n, len(killSinks))
		}
		waiting[c.Incident.ID] = len(killSinks)
	}
	s.Settle(Outcome{Seqs: seqs, State: Delivered})
	check(t, s.wait(t.Context(), &op{run: func(t *txn) error {
		if err := t.exec("DELETE FROM notification"); err != nil {
			return err
		}
		return t.exec("DELETE FROM incident")
	}}))
}
