package samples

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestRingKeepsTheLast(t *testing.T) {
	var r Ring
	for i := range 20 {
		r.Add(time.Unix(int64(i), 0), "rr1", errors.New("odd"), []byte{byte(i)})
	}
	got := r.List()
	if len(got) != 16 || got[0].Bytes[0] != 4 || got[15].Bytes[0] != 19 {
		t.Errorf("got %d samples, first %v, last %v", len(got), got[0], got[len(got)-1])
	}
	if s := got[15].String(); !strings.HasSuffix(s, "rr1: odd: 13") {
		t.Errorf("got %q", s)
	}
}

func TestRingCopiesAndCuts(t *testing.T) {
	var r Ring
	b := make([]byte, 5000)
	r.Add(time.Unix(0, 0), "x", errors.New("long"), b)
	b[0] = 1
	if got := r.List()[0].Bytes; len(got) != 4096 || got[0] != 0 {
		t.Errorf("%d octets, the first %d", len(got), got[0])
	}
}

func TestThrottle(t *testing.T) {
	now := time.Unix(1000, 0)
	th := Throttle{Every: time.Minute, Now: func() time.Time { return now }}
	if n, ok := th.Pass(); !ok || n != 0 {
		t.Errorf("the first: %d, %v", n, ok)
	}
	for range 3 {
		if _, ok := th.Pass(); ok {
			t.Error("let through within the interval")
		}
	}
	now = now.Add(time.Minute)
	if n, ok := th.Pass(); !ok || n != 3 {
		t.Errorf("after the interval: %d, %v; want 3, true", n, ok)
	}
}
