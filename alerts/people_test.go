package alerts_test

import (
	"strings"
	"testing"
	"time"

	"anywatch/alerts"
	"anywatch/detector"
)

var (
	people = alerts.Manner{Reminders: true, Updates: alerts.SeverityUpdates}
	record = alerts.Manner{Alone: true, Record: true}
)

func acknowledged(i *detector.Incident) { by := "alice"; i.Acknowledged = &by }
func silenced(i *detector.Incident)     { by := "bob"; i.Silenced = &by }

func explainedBy(id string) func(*detector.Incident) {
	return func(i *detector.Incident) { i.ExplainedBy = &id }
}

func openedAt(d *desk) func(*detector.Incident) {
	return func(i *detector.Incident) { i.Opened = d.clock.Now() }
}

// line of a reminder: it is the last that was said, again.
func TestWhatIsLeftOpenIsRemindedOf(t *testing.T) {
	s := &sink{name: "chat", manner: people}
	inDesk(t, alerts.Config{Routes: to(s), Repeat: 4 * time.Hour}, func(d *desk) {
		d.handle(change(opened, "a"), change(opened, "b"))
		d.told(s, "opened a | opened b")
		d.pass(3 * time.Hour)
		d.handle(change(updated, "b", acknowledged))
		d.pass(time.Hour - 1)
		d.told(s, "")
		d.pass(1)
		d.told(s, "again: updated a")
		d.pass(4 * time.Hour)
		d.told(s, "again: updated a")
		d.handle(change(resolved, "a"))
		d.pass(8 * time.Hour)
		d.told(s, "resolved a")
	})
}

func TestNobodyIsRemindedWithoutRepeat(t *testing.T) {
	s, programs := &sink{name: "chat", manner: people}, &sink{name: "file", manner: record}
	inDesk(t, alerts.Config{Routes: to(s, programs)}, func(d *desk) {
		d.handle(change(opened, "a"))
		d.pass(24 * time.Hour)
		d.told(s, "opened a")
		d.told(programs, "opened a")
	})
}

// What nobody acknowledges in time goes to others too, once; they hear of its end.
func TestEscalation(t *testing.T) {
	chat, pager := &sink{name: "chat", manner: people}, &sink{name: "pager", manner: alone}
	routes := []alerts.Route{
		{Sink: chat, Escalate: alerts.Escalate{After: 15 * time.Minute, To: "pager"}},
		{Sink: pager, Sites: []string{"nowhere"}},
	}
	inDesk(t, alerts.Config{Routes: routes}, func(d *desk) {
		d.handle(change(opened, "a", openedAt(d)), change(opened, "b", openedAt(d)))
		d.pass(10 * time.Minute)
		d.handle(change(updated, "b", openedAt(d), acknowledged))
		d.told(pager, "")
		d.pass(5 * time.Minute)
		d.told(pager, "opened a")
		d.pass(time.Hour)
		d.handle(change(resolved, "a"), change(resolved, "b"))
		d.told(pager, "resolved a")
	})
}

// What is silenced bothers nobody, records apart; when it is no more, it is told, and so is the end of what people know.
func TestSilence(t *testing.T) {
	chat, file := &sink{name: "chat", manner: people}, &sink{name: "file", manner: record}
	inDesk(t, alerts.Config{Routes: to(chat, file), Repeat: time.Hour}, func(d *desk) {
		d.handle(change(opened, "a", silenced), change(opened, "b"))
		d.handle(change(updated, "b", silenced), change(updated, "b", silenced, severity(detector.Info)))
		d.pass(2 * time.Hour)
		d.told(chat, "opened b")
		d.handle(change(updated, "a"), change(resolved, "b", silenced))
		d.told(chat, "updated a | resolved b")
		d.told(file, "opened a | opened b | updated b | updated b | updated a | resolved b")
	})
}

// What follows from another incident is told with it, or not at all; when the other is over and this is not, it stands for itself.
func TestWhatFollowsIsToldWithItsCause(t *testing.T) {
	chat, file := &sink{name: "chat", manner: people}, &sink{name: "file", manner: record}
	inDesk(t, alerts.Config{Routes: to(chat, file), GroupWait: 5 * time.Second}, func(d *desk) {
		d.handle(change(opened, "root", site("ams")))
		d.pass(time.Second)
		d.handle(change(opened, "few", explainedBy("root")))
		d.pass(4 * time.Second)
		d.told(chat, "opened root, opened few")
		d.handle(change(opened, "late", explainedBy("root")))
		d.pass(time.Minute)
		d.told(chat, "")
		d.handle(change(resolved, "root", site("ams")), change(resolved, "few"), change(updated, "late"))
		d.pass(5 * time.Second)
		d.told(chat, "resolved root, resolved few | updated late")
		d.told(file, "opened root | opened few | opened late | resolved root | resolved few | updated late")
	})
}

// A sink that refuses, or fails for long, is news for the others; so is that it works again.
func TestASinkInTroubleIsNews(t *testing.T) {
	var err error
	s := &sink{name: "hook", manner: alone, answer: func(alerts.Notification) error { return err }}
	var news []string
	c := alerts.Config{Routes: to(s), Trouble: func(sink string, err error) {
		if err == nil {
			news = append(news, sink+" is well")
		} else {
			news = append(news, sink+": "+err.Error())
		}
	}}
	inDesk(t, c, func(d *desk) {
		err = alerts.Permanent(errDown)
		d.handle(change(opened, "a"), change(opened, "b"))
		err = nil
		d.handle(change(opened, "c"))
		err = errDown
		d.handle(change(opened, "d"))
		d.pass(time.Minute)
		if want := "hook: the receiver is down; hook is well"; strings.Join(news, "; ") != want {
			t.Errorf("the news are %q; want %q", news, want)
		}
		for range 6 {
			d.pass(5 * time.Minute)
		}
		err = nil
		d.pass(5 * time.Minute)
		if want := "hook: the receiver is down; hook is well; hook: the receiver is down; hook is well"; strings.Join(news, "; ") != want {
			t.Errorf("the news are %q; want %q", news, want)
		}
	})
}

func TestGroups(t *testing.T) {
	watched := func(p string) func(*detector.Incident) {
		return func(i *detector.Incident) { list := prefixes(p); i.Watched = &list[0] }
	}
	for group, want := range map[alerts.Group]string{
		alerts.ByPrefix: "opened a, opened c | opened b", alerts.BySite: "opened a, opened b | opened c", alerts.ByIncident: "opened a | opened b | opened c",
		alerts.ByOffender: "opened a | opened b | opened c",
	} {
		s := &sink{name: "chat"}
		inDesk(t, alerts.Config{Routes: []alerts.Route{{Sink: s, Group: group}}, GroupWait: time.Second}, func(d *desk) {
			d.handle(change(opened, "a", site("ams"), watched("192.0.2.0/24")), change(opened, "b", site("ams"), watched("203.0.113.0/24")),
				change(opened, "c", site("nrt"), watched("192.0.2.0/24")))
			d.pass(time.Second)
			d.told(s, want)
		})
	}
}

func TestLabels(t *testing.T) {
	s := &sink{name: "chat"}
	label := func(i *detector.Incident) { i.Labels = map[string]string{"team": "dns", "tier": "1"} }
	inDesk(t, alerts.Config{Routes: []alerts.Route{{Sink: s, Labels: map[string]string{"team": "dns"}}}}, func(d *desk) {
		d.handle(change(opened, "a", label), change(opened, "b"))
		d.told(s, "opened a")
	})
}
