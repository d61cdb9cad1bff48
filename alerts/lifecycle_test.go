package alerts_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"anywatch/alerts"
)

func TestCloseDeliversWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{name: "chat"}
		d := newDesk(t, alerts.Config{Routes: to(s), GroupWait: time.Hour})
		go func() { d.ended <- d.Run(t.Context()) }()
		d.handle(change(opened, "a", site("ams")), change(opened, "b", site("ams")))
		d.told(s, "")
		if err := errors.Join(d.Close(t.Context()), <-d.ended); err != nil {
			t.Fatal(err)
		}
		d.told(s, "opened a, opened b")
		d.Handle(change(resolved, "a"))
		d.counts(s, "2 0 1 0 0")
	})
}

func TestCloseEndsAtItsDeadlineAndSaysWhatIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{name: "hook", manner: alone, answer: func(alerts.Notification) error { return errDown }}
		d := newDesk(t, alerts.Config{Routes: to(s)})
		go func() { d.ended <- d.Run(t.Context()) }()
		d.handle(change(opened, "a"), change(opened, "b"))
		ctx, cancel := context.WithCancel(t.Context())
		closed := make(chan error)
		go func() { closed <- d.Close(ctx) }()
		synctest.Wait()
		cancel()
		const want = "alerts: 2 notifications were not delivered to hook before the end"
		if err := <-closed; err == nil || err.Error() != want {
			t.Errorf("Close: %v; want %s", err, want)
		}
		if err := <-d.ended; err == nil || err.Error() != want {
			t.Errorf("Run: %v; want %s", err, want)
		}
		d.counts(s, "0 1 2 0 0")
	})
}

// What is cut off at the end is no failure of the sink.
func TestTheDeadlineCutsOffWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := &sink{name: "hook", manner: alone}
		s.answer = func(alerts.Notification) error { <-ctx.Done(); return ctx.Err() }
		d := newDesk(t, alerts.Config{Routes: to(s)})
		go func() { d.ended <- d.Run(ctx) }()
		d.handle(change(opened, "a"))
		cancel()
		if err := <-d.ended; err == nil {
			t.Error("Run does not say that a notification was lost")
		}
		d.counts(s, "0 0 1 0 0")
		if strings.Contains(d.log.String(), "trying again") {
			t.Errorf("the log promises another try:\n%s", d.log)
		}
	})
}

func TestCloseOfADispatcherThatNeverRan(t *testing.T) {
	s := &sink{name: "hook"}
	d := newDesk(t, alerts.Config{Routes: to(s)})
	d.Handle(change(opened, "a"))
	if err := d.Close(t.Context()); err == nil {
		t.Error("Close does not say that a notification was lost")
	}
	if err := d.Run(t.Context()); err == nil {
		t.Error("a closed dispatcher runs")
	}
}

func TestTheEndOfTheContextCutsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{name: "chat"}
		d := newDesk(t, alerts.Config{Routes: to(s), GroupWait: time.Hour})
		ctx, cancel := context.WithCancel(t.Context())
		go func() { d.ended <- d.Run(ctx) }()
		d.handle(change(opened, "a"))
		cancel()
		if err := <-d.ended; err == nil {
			t.Error("Run does not say that a notification was lost")
		}
		d.told(s, "")
	})
}

func TestReloadKeepsWhatASinkWasToldAndWhatWaits(t *testing.T) {
	var hold chan struct{} // made inside, where Wait knows of it
	stays := &sink{name: "stays", manner: alone}
	goes := &sink{name: "goes", manner: alone, answer: func(alerts.Notification) error { <-hold; return nil }}
	comes := &sink{name: "comes", manner: alone}
	inDesk(t, alerts.Config{Routes: to(stays, goes)}, func(d *desk) {
		hold = make(chan struct{})
		d.handle(change(opened, "a"), change(opened, "b"))
		if err := d.Reload(0, 0, []alerts.Route{{Sink: stays, Sites: []string{"ams"}}, {Sink: comes}}); err != nil {
			t.Fatal(err)
		}
		d.handle(change(opened, "c"), change(resolved, "a"))
		d.told(stays, "opened a | opened b | resolved a")
		d.told(comes, "opened c") // of the rest it never heard
		close(hold)
		synctest.Wait()
		d.told(goes, "opened a | opened b")
		if err := d.Reload(-1, 0, nil); err == nil {
			t.Error("a negative group wait is taken")
		}
	})
}

func TestNewRefusesWhatCanNotBe(t *testing.T) {
	for want, routes := range map[string][]alerts.Route{
		"route 1 has no sink":          {{}},
		"the sink of route 1":          to(&sink{}),
		`two sinks are named "a"`:      to(&sink{name: "a"}, &sink{name: "b"}, &sink{name: "a"}),
		"group wait -1ns is negative;": nil,
	} {
		c := alerts.Config{Routes: routes}
		if routes == nil {
			c.GroupWait = -1
		}
		if _, err := alerts.New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New: %v; want an error with %q", err, want)
		}
	}
}
