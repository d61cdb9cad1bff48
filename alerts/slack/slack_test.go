package slack_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"anywatch/alerts"
	"anywatch/alerts/alertstest"
	"anywatch/alerts/slack"
	"anywatch/detector"
)

func (w *workspace) bot(t *testing.T) *slack.Sink {
	t.Helper()
	return sinkOf(t, slack.Config{Token: botToken, Channel: "#noc", APIURL: w.URL + "/api"})
}

func (w *workspace) hook(t *testing.T) *slack.Sink {
	t.Helper()
	return sinkOf(t, slack.Config{WebhookURL: w.URL + "/services/T000/B000/s3cret"})
}

func sinkOf(t *testing.T, c slack.Config) *slack.Sink {
	t.Helper()
	s, err := slack.New("noc", c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func tell(t *testing.T, s *slack.Sink, changes ...detector.Change) {
	t.Helper()
	if err := s.Notify(t.Context(), alerts.Notification{Changes: changes}); err != nil {
		t.Fatal(err)
	}
}

// fails tells changes that Slack does not take, and gives the error's verdict.
func fails(t *testing.T, s *slack.Sink, changes ...detector.Change) alerts.Error {
	t.Helper()
	err := s.Notify(t.Context(), alerts.Notification{Changes: changes})
	if err == nil {
		t.Fatal("the notification counts as delivered")
	}
	if e, ok := errors.AsType[*alerts.Error](err); ok {
		return alerts.Error{Permanent: e.Permanent, RetryAfter: e.RetryAfter, Err: err}
	}
	return alerts.Error{Err: err}
}

func (w *workspace) expect(calls ...string) {
	w.t.Helper()
	if !slices.Equal(w.calls, calls) {
		w.t.Errorf("the calls are %q; want %q", w.calls, calls)
	}
	w.calls = nil
}

func contains(t *testing.T, m *message, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(m.all(), p) {
			t.Errorf("the message lacks %q:\n%s", p, m.all())
		}
	}
}

const (
	post   = "chat.postMessage"
	change = "chat.update"
)

func TestABotPostsOnceChangesAndAnswers(t *testing.T) {
	w := open(t)
	s := w.bot(t)
	tell(t, s, alertstest.Opened())
	m := w.messages[0]
	if want := "▲ *OPENED* critical · origin-hijack · 192.0.2.0/24 · AS64666"; m.text != want {
		t.Errorf("the headline is %q; want %q", m.text, want)
	}
	contains(t, m, "*AS64666 announces 192.0.2.0/24; expected AS64500.", "*Prefix*\n192.0.2.0/24", "*Offender*\nAS64666", "*Path*\n3356 64666",
		"*RPKI*\ninvalid (origin), data 41s old", "*Seen by*\n3 of 40 vantages", "*Why*\n• 192.0.2.0/24 is watched", "• VRP 192.0.2.0/24-24 AS64500 covers it",
		"*What to do*\n• Ask AS3356 to filter", "`7f3c9b1e2a604d55` · started 2024-06-27 18:51:07 · opened 2024-06-27 18:51:09 UTC")
	opened := m.color()

	tell(t, s, alertstest.Updated(detector.Critical, 12))
	contains(t, m, "*UPDATED* critical", "12 of 40 vantages")
	w.expect(post, change)

	tell(t, s, alertstest.Resolved())
	w.expect(change, post)
	contains(t, m, "✔ *RESOLVED* after 2m13s · origin-hijack · 192.0.2.0/24 · AS64666", "0 of 40 vantages, 3 at most", "resolved 2024-06-27 18:53:20 UTC, after 2m13s")
	if strings.Contains(m.all(), "What to do") || m.color() == opened {
		t.Errorf("what is over still calls for action, in %s", m.color())
	}
	answer := w.messages[1]
	if answer.thread != m.ts || answer.broadcast {
		t.Errorf("the answer stands in the thread %q (broadcast %v); want %q", answer.thread, answer.broadcast, m.ts)
	}
	contains(t, answer, "✔ RESOLVED · 192.0.2.0/24 · AS64666 after 2m13s: Nobody shows it any more; last: bmp:ams-edge1/10.9.0.1/pre withdrew it")
}

func TestAHigherSeverityIsSaidAloudInTheThread(t *testing.T) {
	w := open(t)
	s := w.bot(t)
	mild := alertstest.Opened()
	mild.Incident.Severity = detector.Warning
	tell(t, s, mild)
	mildColor := w.messages[0].color()
	tell(t, s, alertstest.Updated(detector.Critical, 5))
	w.expect(post, change, post)
	if w.messages[0].color() == mildColor {
		t.Error("the bar keeps its colour")
	}
	if answer := w.messages[1]; answer.thread != w.messages[0].ts || !answer.broadcast || !strings.HasPrefix(answer.text, "▲ Now critical: ") {
		t.Errorf("the answer is %+v", answer)
	}
	tell(t, s, alertstest.Updated(detector.Warning, 5))
	w.expect(change)
}

// What is left open is said again where all can see it, once for each reminder.
func TestReminders(t *testing.T) {
	w := open(t)
	s := w.bot(t)
	tell(t, s, alertstest.Opened())
	if err := s.Notify(t.Context(), alerts.Notification{Changes: []detector.Change{alertstest.Opened()}, Reminder: true}); err != nil {
		t.Fatal(err)
	}
	w.expect(post, post)
	if m := w.messages[1]; m.thread != w.messages[0].ts || !m.broadcast || !strings.HasPrefix(m.text, "▲ Still open, and nobody has acknowledged it: AS64666") {
		t.Errorf("the reminder is %+v", m)
	}
	w = open(t)
	if err := w.hook(t).Notify(t.Context(), alerts.Notification{Changes: []detector.Change{alertstest.Opened()}, Reminder: true}); err != nil {
		t.Fatal(err)
	}
	contains(t, w.messages[0], "Still open, and not acknowledged: ▲ *OPENED* critical")
}

// What was told together stays one message: changed as its incidents go on, and answered once for all that end together.
func TestAGroupIsOneMessage(t *testing.T) {
	w := open(t)
	s := w.bot(t)
	var opened, resolved []detector.Change
	for n := range 40 {
		id, prefix := fmt.Sprintf("id%02d", n), fmt.Sprintf("192.0.%d.0/24", n)
		opened = append(opened, alertstest.Renamed(alertstest.Opened(), id, prefix))
		resolved = append(resolved, alertstest.Renamed(alertstest.Resolved(), id, prefix))
	}
	tell(t, s, opened...)
	w.expect(post)
	m := w.messages[0]
	contains(t, m, "▲ *40 incidents OPEN* critical · origin-hijack · AS64666", "▲ *192.0.0.0/24* critical: AS64666 announces 192.0.0.0/24", "more", "*Why*", "the worst of 40: `id00`")
	tell(t, s, resolved[:30]...)
	w.expect(change, post)
	contains(t, m, "▲ *10 of 40 incidents OPEN* critical", "✔ *192.0.0.0/24* resolved after 2m13s", "`id30`")
	contains(t, w.messages[1], "✔ RESOLVED · 192.0.0.0/24 · AS64666 after 2m13s: ", "more")
	tell(t, s, resolved[30:]...)
	w.expect(change, post)
	contains(t, m, "✔ *40 incidents RESOLVED* · origin-hijack · AS64666")
}

func TestWhatComesBackIsANewPost(t *testing.T) {
	w := open(t)
	s := w.bot(t)
	again := alertstest.Opened()
	again.Incident.Reopened, again.Time = 1, again.Time.Add(time.Hour)
	tell(t, s, alertstest.Opened())
	tell(t, s, alertstest.Resolved(), again)
	w.expect(post, change, post, post)
	contains(t, w.messages[0], "RESOLVED")
	contains(t, w.messages[2], "OPENED", "reopened 1×")
	tell(t, s, alertstest.Resolved())
	tell(t, s, alertstest.Opened())
	if last := w.messages[len(w.messages)-1]; last.thread != "" || !strings.Contains(last.text, "OPENED") {
		t.Errorf("what opens after its end was forgotten is told as %q", last.text)
	}
}

func TestWhatIsOverAlreadyIsOnePostWithoutAnswer(t *testing.T) {
	w := open(t)
	tell(t, w.bot(t), alertstest.Opened(), alertstest.Updated(detector.Critical, 9), alertstest.Resolved())
	w.expect(post)
	contains(t, w.messages[0], "RESOLVED")
}

// A repetition after a failure writes nothing twice.
func TestARepetitionWritesNothingTwice(t *testing.T) {
	w := open(t)
	s := w.bot(t)
	tell(t, s, alertstest.Opened())
	other := alertstest.Renamed(alertstest.Opened(), "other", "198.51.100.0/24")
	w.calls = nil
	w.refuseIf = func(_ string, n int) string {
		if n == 3 {
			return "internal_error" // the post about the other, after the change and the answer
		}
		return ""
	}
	if e := fails(t, s, alertstest.Updated(detector.Critical, 9), alertstest.Resolved(), other); e.Permanent {
		t.Errorf("an error that passes counts as permanent: %v", e.Err)
	}
	w.expect(change, post, post)
	w.refuseIf = nil
	tell(t, s, alertstest.Updated(detector.Critical, 9), alertstest.Resolved(), other)
	answers := 0
	for _, m := range w.messages {
		if m.thread != "" {
			answers++
		}
	}
	if answers != 1 || len(w.messages) != 3 {
		t.Errorf("%d messages, %d of them answers; want 3 and 1", len(w.messages), answers)
	}
}

func TestAnAnswerThatFailedComesAlone(t *testing.T) {
	w := open(t)
	s := w.bot(t)
	tell(t, s, alertstest.Opened())
	w.calls = nil
	w.refuseIf = func(method string, n int) string {
		if method == post && n == 2 {
			return "service_unavailable"
		}
		return ""
	}
	fails(t, s, alertstest.Resolved())
	tell(t, s, alertstest.Resolved())
	if len(w.messages) != 2 || w.messages[1].thread != w.messages[0].ts {
		t.Errorf("%d messages; want the post and one answer", len(w.messages))
	}
}

func TestAPostThatIsGoneIsPostedAnew(t *testing.T) {
	w := open(t)
	s := w.bot(t)
	tell(t, s, alertstest.Opened())
	w.messages[0].ts = "deleted"
	tell(t, s, alertstest.Resolved())
	w.expect(post, change, post)
	contains(t, w.messages[1], "RESOLVED")
}

func TestAWebhookPostsWhatItIsTold(t *testing.T) {
	w := open(t)
	s := w.hook(t)
	if m := s.Manner(); m.Updates != alerts.SeverityUpdates || m.Alone {
		t.Errorf("the manner is %+v", m)
	}
	tell(t, s, alertstest.Opened())
	tell(t, s, alertstest.Updated(detector.Warning, 3), alertstest.Resolved())
	w.expect("webhook", "webhook")
	contains(t, w.messages[0], "▲ *OPENED* critical", "*Seen by*\n3 of 40 vantages", "*What to do*")
	contains(t, w.messages[1], "✔ *RESOLVED* after 2m13s")
}

func TestErrorsAndWhatIsMadeOfThem(t *testing.T) {
	answer := func(code string) func(http.ResponseWriter) bool {
		return func(w http.ResponseWriter) bool {
			fmt.Fprintf(w, `{"ok":false,"error":%q,"needed":"chat:write:bot"}`, code)
			return true
		}
	}
	for _, c := range []struct {
		name      string
		refuse    func(http.ResponseWriter) bool
		bot       bool
		permanent bool
		wait      time.Duration
		says      string
	}{
		{"rate limit", limit(30), true, false, 30 * time.Second, "too many messages"},
		{"rate limit of the webhook", limit(7), false, false, 7 * time.Second, "429"},
		{"server error", status(500), true, false, 0, "500"},
		{"server error of the webhook", status(503), false, false, 0, "503"},
		{"proxy", status(407), true, true, 0, "407"},
		{"redirect", status(302), true, true, 0, "302"},
		{"invalid token", answer("invalid_auth"), true, true, 0, "invalid_auth; give a bot token that is valid"},
		{"channel", answer("channel_not_found"), true, true, 0, "channel_not_found; check the channel"},
		{"scope", answer("missing_scope"), true, true, 0, "give the bot the scope chat:write:bot"},
		{"passing error", answer("fatal_error"), true, false, 0, "fatal_error"},
		{"limit as an error", answer("ratelimited"), true, false, 0, "ratelimited"},
		{"no JSON", func(w http.ResponseWriter) bool { fmt.Fprint(w, "<html>"); return true }, true, false, 0, "the API of Slack"},
		{"not Slack", func(w http.ResponseWriter) bool { fmt.Fprint(w, "{}"); return true }, true, false, 0, "is "},
		{"a token in the answer", answer(botToken), true, true, 0, "no code of it"},
		{"webhook gone", status(404), false, true, 0, "404"},
		{"webhook revoked", status(403), false, true, 0, "403"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := open(t)
			w.refuse = c.refuse
			s := w.hook(t)
			if c.bot {
				s = w.bot(t)
			}
			e := fails(t, s, alertstest.Opened())
			if e.Permanent != c.permanent || e.RetryAfter != c.wait {
				t.Errorf("permanent %v, retry after %s; want %v, %s", e.Permanent, e.RetryAfter, c.permanent, c.wait)
			}
			if !strings.Contains(e.Err.Error(), c.says) {
				t.Errorf("the error is %q; want it to say %q", e.Err, c.says)
			}
			alertstest.KeepsSecrets(t, s, "s3cret")
		})
	}
}

func TestSlackThatIsNotThere(t *testing.T) {
	w := open(t)
	w.Close()
	for _, s := range []*slack.Sink{w.bot(t), w.hook(t)} {
		if e := fails(t, s, alertstest.Opened()); e.Permanent {
			t.Errorf("no connection counts as permanent: %v", e.Err)
		}
		alertstest.KeepsSecrets(t, s, "s3cret")
	}
}

// Whatever an incident says, Slack takes the message: the double fails the test when a text is too long or not escaped.
func TestLongAndHostileTextsAreTaken(t *testing.T) {
	nasty := "<!channel> & <https://example.net|click> \x1b[2J\u202e"
	long := alertstest.Opened()
	i := &long.Incident
	i.Kind = detector.Kind("rule:" + strings.Repeat("<&>", 400))
	i.Summary = nasty + strings.Repeat("&", 5000)
	i.Why, i.Actions = nil, nil
	for range 300 {
		i.Why = append(i.Why, nasty+strings.Repeat("<", 900))
		i.Actions = append(i.Actions, strings.Repeat("é", 900))
	}
	site, reason := strings.Repeat("s&", 600), strings.Repeat(">", 3000)
	i.Site, i.RPKI.Reason = &site, &reason
	for mode, s := range map[string]func(*workspace) *slack.Sink{
		"bot": func(w *workspace) *slack.Sink { return w.bot(t) }, "webhook": func(w *workspace) *slack.Sink { return w.hook(t) },
	} {
		w := open(t)
		tell(t, s(w), long)
		if len(w.messages) != 1 {
			t.Fatalf("%s: %d messages", mode, len(w.messages))
		}
		contains(t, w.messages[0], "&lt;!channel&gt; &amp; &lt;https://example.net|click&gt;", "…", "more")
		if strings.ContainsAny(w.messages[0].all(), "\x1b\u202e") {
			t.Errorf("%s: control characters went through", mode)
		}
	}
	w := open(t)
	s := w.bot(t)
	bare := detector.Change{Event: detector.Opened, Incident: detector.Incident{ID: "1", Kind: "feed-lost"}}
	tell(t, s, bare, detector.Change{Event: detector.Updated, Incident: detector.Incident{ID: "2", Kind: "rpki-stale", Severity: detector.Warning}}, long)
	contains(t, w.messages[0], "*3 incidents OPEN* critical · several kinds")
	tell(t, w.bot(t), bare)
}

func TestTextsAreCutWhereTheyMayBe(t *testing.T) {
	for _, c := range []struct {
		text  string
		limit int
		want  string
	}{
		{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"ab cd", 4, "ab…"}, {"a&b", 7, "a&amp;b"}, {"a&b", 6, "a…"}, {"a&", 6, "a&amp;"}, {"", 3, ""}, {"é<é", 5, "é…"},
	} {
		if got := slack.Clip(c.text, c.limit); got != c.want {
			t.Errorf("clip(%q, %d) = %q; want %q", c.text, c.limit, got, c.want)
		}
	}
}

func TestNewRefusesABadConfiguration(t *testing.T) {
	for want, c := range map[string]slack.Config{
		"neither a webhook URL nor a token": {Channel: "#noc"},
		"both a webhook URL and a token":    {WebhookURL: "https://hooks.example.net/s3cret", Token: "s3cret", Channel: "#noc"},
		"a token needs a channel":           {Token: "s3cret"},
		"not an http or https address":      {WebhookURL: "s3cret"},
		"is not an http":                    {Token: "s3cret", Channel: "#noc", APIURL: "s3cret"},
	} {
		_, err := slack.New("noc", c)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "slack sink noc: ") {
			t.Errorf("New: %v; want an error of the sink with %q", err, want)
		} else if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("the error shows a secret: %v", err)
		}
	}
}
