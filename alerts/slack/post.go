package slack

import (
	"context"
	"errors"
	"fmt"
	"slices"

	slackapi "github.com/slack-go/slack"

	"anywatch/alerts"
	"anywatch/detector"
)

// post is one message in the channel, about one incident or about several that were told together.
type post struct {
	channel, ts string            // what Slack calls it; ts is "" until it is posted
	changes     []detector.Change // the newest of each incident, in the order in which they came
	stale       bool              // the channel shows less than changes say
	answers     []string          // lines that are yet to be written to its thread
	aloud       bool              // the answers concern the whole channel
}

// follow brings the posts about the incidents up to date. It can be repeated: what Slack took before is not written twice.
func (s *Sink) follow(ctx context.Context, changes []detector.Change) error {
	fresh := new(post) // one for all that is new
	var touched []*post
	for _, c := range changes {
		p := s.posts[c.Incident.ID]
		if p == nil || p.formerLife(&c.Incident) {
			p = fresh
			s.posts[c.Incident.ID] = p
		}
		p.apply(c)
		if !slices.Contains(touched, p) {
			touched = append(touched, p)
		}
	}
	var err error
	for _, p := range touched {
		if err = s.bring(ctx, p); err != nil {
			err = judge(err)
			break
		}
	}
	if e, ok := errors.AsType[*alerts.Error](err); err == nil || ok && e.Permanent {
		for _, p := range touched {
			s.forget(p) // nothing of this notification comes again
		}
	}
	return err
}

// remind says again in the threads, for all the channel to see, what is still open.
func (s *Sink) remind(ctx context.Context, changes []detector.Change) error {
	for _, c := range changes {
		p := s.posts[c.Incident.ID]
		if p == nil || p.ts == "" {
			return s.follow(ctx, changes) // of a run before: a post of its own reminds as well
		}
		if text := clip(stillOpen(c), limitItem); !slices.Contains(p.answers, text) {
			p.answers, p.aloud = append(p.answers, text), true
		}
		if err := s.bring(ctx, p); err != nil {
			return judge(err)
		}
	}
	return nil
}

// stillOpen reminds of an incident.
func stillOpen(c detector.Change) string {
	return fmt.Sprintf("%s Still open, and nobody has acknowledged it: %s", sign(c), c.Incident.Summary)
}

// formerLife tells that the post is about what the incident was before it came back. What came back is a post of its own: a changed one
// would call nobody.
func (p *post) formerLife(i *detector.Incident) bool {
	known := p.change(i.ID)
	return known != nil && known.Incident.Reopened < i.Reopened
}

func (p *post) change(id string) *detector.Change {
	for n := range p.changes {
		if p.changes[n].Incident.ID == id {
			return &p.changes[n]
		}
	}
	return nil
}

// apply takes a change in, and notes what is worth saying in the thread: that it is over, and that it got worse. A repetition says nothing
// again.
func (p *post) apply(c detector.Change) {
	known := p.change(c.Incident.ID)
	if known == nil {
		p.changes = append(p.changes, c)
		p.stale = true
		return
	}
	if c.Time.Before(known.Time) {
		return
	}
	over := c.Event == detector.Resolved && known.Event != detector.Resolved
	worse := c.Event == detector.Updated && c.Incident.Severity > known.Incident.Severity
	*known = c
	p.stale = true
	switch {
	case p.ts == "": // the post itself will say it
	case over:
		p.answers = append(p.answers, clip(answer(c), limitItem))
	case worse:
		p.answers, p.aloud = append(p.answers, clip(answer(c), limitItem)), true
	}
}

// bring makes the channel show what the post says, and its thread what is yet to be answered.
func (s *Sink) bring(ctx context.Context, p *post) error {
	if p.stale {
		if err := s.write(ctx, p); err != nil {
			return err
		}
		p.stale = false
	}
	if len(p.answers) == 0 {
		return nil
	}
	options := []slackapi.MsgOption{
		slackapi.MsgOptionText(lines("", "", p.answers, limitText), false), slackapi.MsgOptionTS(p.ts), slackapi.MsgOptionParse(false),
	}
	if p.aloud {
		options = append(options, slackapi.MsgOptionBroadcast())
	}
	if _, _, err := s.api.PostMessageContext(ctx, p.channel, options...); err != nil {
		return err
	}
	p.answers, p.aloud = nil, false
	return nil
}

// write posts, or changes the post. One that somebody deleted, or that is too old to be changed, is posted anew.
func (s *Sink) write(ctx context.Context, p *post) error {
	content := []slackapi.MsgOption{
		slackapi.MsgOptionText(headline(p.changes), false), slackapi.MsgOptionAttachments(attachment(p.changes)), slackapi.MsgOptionParse(false),
	}
	if p.ts != "" {
		_, _, _, err := s.api.UpdateMessageContext(ctx, p.channel, p.ts, content...)
		if !unchangeable(err) {
			return err
		}
		p.ts, p.answers, p.aloud = "", nil, false
	}
	content = append(content, slackapi.MsgOptionDisableLinkUnfurl(), slackapi.MsgOptionDisableMediaUnfurl())
	channel, ts, err := s.api.PostMessageContext(ctx, s.channel, content...)
	switch {
	case err != nil:
		return err
	case ts == "":
		return fmt.Errorf("the answer of chat.postMessage has no ts; is %s the API of Slack?", s.shown)
	}
	p.channel, p.ts = channel, ts
	return nil
}

// forget drops a post of which nothing more is to come: what comes back gets a post of its own.
func (s *Sink) forget(p *post) {
	for _, c := range p.changes {
		if c.Event != detector.Resolved {
			return
		}
	}
	for _, c := range p.changes {
		if s.posts[c.Incident.ID] == p {
			delete(s.posts, c.Incident.ID)
		}
	}
}

// answer is what the thread says of a change. The post itself tells the rest.
func answer(c detector.Change) string {
	i := &c.Incident
	if c.Event != detector.Resolved {
		return fmt.Sprintf("%s Now %s: %s", sign(c), i.Severity, i.Summary)
	}
	why := i.Summary
	if i.Resolution != nil {
		why = *i.Resolution
	}
	return fmt.Sprintf("%s %s after %s: %s", sign(c), join(" · ", "RESOLVED", i.Matter(), who(i)), lasted(i), why)
}
