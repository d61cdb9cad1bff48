package main

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"anywatch/cmd/internal/app"
)

// at makes the standing of a prefix: "ams=announced nrt=missing", and how many of how many external vantages see it.
func at(sites string, seeing, of int) app.PrefixStatus {
	p := app.PrefixStatus{Prefix: netip.MustParsePrefix("192.0.2.0/24"), Seeing: seeing, Of: of, Showing: seeing, Could: of}
	for _, one := range strings.Fields(sites) {
		name, state, _ := strings.Cut(one, "=")
		p.Sites = append(p.Sites, app.SiteStatus{Site: name, State: state})
	}
	return p
}

func goalOf(t *testing.T, f waitFlags) waitGoal {
	t.Helper()
	f.prefix, f.timeout = "192.0.2.0/24", time.Minute
	g, err := f.goal()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestReached(t *testing.T) {
	up, down := waitFlags{announced: true}, waitFlags{withdrawn: true}
	with := func(f waitFlags, site, visible string) waitFlags {
		f.site, f.visible = site, visible
		return f
	}
	for _, c := range []struct {
		flags waitFlags
		is    app.PrefixStatus
		want  bool
	}{
		{up, at("ams=missing nrt=announced", 0, 0), true},
		{up, at("ams=missing nrt=unknown", 2, 2), false},
		{up, at("ams=draining", 2, 2), false},
		{up, at("", 1, 2), true}, // it has no sites
		{up, at("", 0, 2), false},
		{with(up, "ams", ""), at("ams=announced", 0, 2), true},
		{with(up, "ams", "80%"), at("ams=announced", 7, 10), false},
		{with(up, "ams", "80%"), at("ams=announced", 8, 10), true},
		{with(up, "ams", "80"), at("ams=missing", 10, 10), false},
		{with(up, "ams", "0%"), at("ams=announced", 0, 0), false}, // nobody can say
		{down, at("ams=missing nrt=missing", 0, 2), true},
		{down, at("ams=missing nrt=missing", 0, 0), true},
		{down, at("ams=missing nrt=missing", 1, 2), false}, // somebody still sees it
		{down, at("ams=missing nrt=unknown", 0, 2), false},
		{down, at("ams=missing nrt=draining", 0, 2), false},
		{down, at("", 0, 2), true},
		{down, at("", 0, 0), false}, // who could tell?
		{with(down, "ams", ""), at("ams=missing", 2, 2), true},
		{with(down, "ams", "10%"), at("ams=missing", 2, 10), false},
		{with(down, "ams", "10%"), at("ams=missing", 1, 10), true},
		{with(down, "", "10%"), at("ams=missing", 1, 10), true},
		{with(down, "", "10%"), at("ams=missing", 0, 0), false},
	} {
		if g := goalOf(t, c.flags); g.reached(c.is) != c.want {
			t.Errorf("%s, and it is %s: %t", g, standing(c.is), !c.want)
		}
	}
}

// reply is one answer of a daemon.
type reply struct {
	is  app.PrefixStatus
	err error
}

// waiting plays the answers, one a second; the last one stays.
func waiting(t *testing.T, f waitFlags, timeout time.Duration, answers ...reply) (stdout, stderr string, polls int, err error) {
	t.Helper()
	now := time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)
	var out, progress bytes.Buffer
	w := waiter{progress: &progress, now: func() time.Time { return now }, sleep: func(_ context.Context, d time.Duration) bool {
		now = now.Add(d)
		return true
	}, ask: func(context.Context) (app.Status, error) {
		a := answers[min(polls, len(answers)-1)]
		polls++
		return app.Status{Prefixes: []app.PrefixStatus{a.is}}, a.err
	}}
	err = w.wait(t.Context(), goalOf(t, f), timeout, &out)
	return out.String(), progress.String(), polls, err
}

// Each change is a line, what stays the same is not, and a daemon that is away for a moment is asked again.
func TestWaitUntilReached(t *testing.T) {
	gone := at("ams=missing", 1, 2)
	stdout, stderr, polls, err := waiting(t, waitFlags{announced: true, site: "ams", visible: "100%"}, time.Minute,
		reply{is: gone}, reply{is: gone}, reply{err: errors.New("no daemon answers")}, reply{is: at("ams=announced", 1, 2)}, reply{is: at("ams=announced", 2, 2)})
	if err != nil || polls != 5 {
		t.Fatalf("after %d questions: %v", polls, err)
	}
	if want := "192.0.2.0/24 announced at ams, and seen by at least 100 % of external vantages, after 4s\n"; stdout != want {
		t.Errorf("%q", stdout)
	}
	want := `18:00:00 192.0.2.0/24: ams missing; seen by 1 of 2 external vantages (50 %)
18:00:02 192.0.2.0/24: no daemon answers
18:00:03 192.0.2.0/24: ams announced; seen by 1 of 2 external vantages (50 %)
18:00:04 192.0.2.0/24: ams announced; seen by 2 of 2 external vantages (100 %)
`
	if stderr != want {
		t.Errorf("got\n%s", stderr)
	}
}

// When the time is over it says how far it has got, and the answer is no.
func TestWaitInVain(t *testing.T) {
	stdout, stderr, polls, err := waiting(t, waitFlags{withdrawn: true}, 2500*time.Millisecond, reply{is: at("ams=missing nrt=announced", 0, 0)})
	if !errors.Is(err, errNo) || stdout != "" || polls != 4 {
		t.Errorf("%v after %d questions, %q", err, polls, stdout)
	}
	want := "anywatch: not within 3s: 192.0.2.0/24 withdrawn; it is: ams missing, nrt announced; no external vantage could see it\n"
	if _, last, _ := strings.Cut(stderr, "\n"); last != want {
		t.Errorf("%q", stderr)
	}
}

// What the daemon refuses is no matter of time, not even later: the configuration may have changed. Nor is an address where no daemon is.
func TestWaitForWhatThereIsNot(t *testing.T) {
	refused := &app.Refusal{Says: "no such site"}
	for _, answers := range [][]reply{{{err: refused}}, {{is: at("ams=missing", 0, 0)}, {err: refused}}, {{err: errors.New("no daemon answers")}}} {
		_, _, polls, err := waiting(t, waitFlags{announced: true}, time.Minute, answers...)
		if err == nil || errors.Is(err, errNo) || polls != len(answers) {
			t.Errorf("%v after %d questions of %d", err, polls, len(answers))
		}
	}
}

func TestPlain(t *testing.T) {
	if got := plain("rr1\x1b[2J\n\u202e"); got != "rr1?[2J??" {
		t.Errorf("%q", got)
	}
}

// A screen holds so much: of many sites those are named that do not announce, of many prefixes those come first.
func TestStatusOfManySitesAndPrefixes(t *testing.T) {
	s := app.Status{Time: time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC), ReadyText: "no feed is synchronised yet"}
	for i := range 40 {
		sites := "s1=announced s2=announced s3=announced s4=announced s5=announced s6=announced s7=announced"
		if i == 39 {
			sites = strings.Replace(sites, "s4=announced", "s4=missing", 1)
		}
		p := at(sites, 3, 4)
		p.Prefix = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i), 0, 0}), 16)
		s.Prefixes = append(s.Prefixes, p)
	}
	var out bytes.Buffer
	if err := writeStatus(&out, "", s); err != nil {
		t.Fatal(err)
	}
	_, matrix, _ := strings.Cut(out.String(), "PREFIX ")
	lines := strings.Split(matrix, "\n")
	if len(lines) != 33 || strings.Join(strings.Fields(lines[1]), " ") != "10.39.0.0/16 6 of 7 announce it; s4 missing 3 of 4" ||
		lines[31] != "and 10 more, 10 of them announced at each of their sites; --format json has all" || !strings.Contains(out.String(), "not ready: no feed is synchronised yet") {
		t.Errorf("%d lines:\n%s", len(lines), out.String())
	}
}
