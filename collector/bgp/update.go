package bgp

import (
	"errors"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
)

// flushEvery is how many updates are counted before the totals learn of it, at the latest.
const flushEvery = 1024

// update handles an UPDATE. It blocks while the queue is full, and nothing that the message says ends the session (RFC 7606).
func (s *session) update(at time.Time, body []byte) bool {
	if s.ctx.Err() != nil {
		return false
	}
	class, err := s.take(at, body)
	if s.in.Tally.Messages >= flushEvery {
		s.flush(at)
	}
	if err != nil {
		return false // the session is to end while the queue is full
	}
	return s.count(at, body, class)
}

// take lets the message in. The class tells how much of it could be used; an error, that the session is to end.
func (s *session) take(at time.Time, body []byte) (route.Class, error) {
	s.in.Tally.Messages++
	before := s.in.Tally
	s.zero, s.discarded = nil, nil
	err := s.in.Update(s.ctx, s.vantage, at, body, &s.reader)
	if err == nil && s.zero != nil {
		// The guard has made withdrawals of the routes: the message counts as one that could not be used, and not as an update.
		s.in.Tally = before
		s.in.Tally.Malformed++
		err = &collector.Malformed{Vantage: s.vantage, Class: route.TreatAsWithdraw, Err: s.zero}
	}
	if err == nil && s.discarded != nil {
		s.src.malformed(s.vantage.Name(), s.discarded, body)
		return route.AttributeDiscard, nil
	}
	if err == nil {
		return route.Intact, nil
	}
	var bad *collector.Malformed
	if errors.As(err, &bad) {
		s.src.malformed(s.vantage.Name(), err, body)
		return bad.Class, nil
	}
	return route.Intact, err
}

// heard counts a message that is not an UPDATE: a session that only sends keepalives is alive.
func (s *session) heard(at time.Time) bool {
	s.src.deps.Counters.Messages.Add(1)
	s.src.deps.Counters.Arrived(at, at)
	if !s.up.Load() {
		return true
	}
	s.lateRefresh(at)
	return s.adopt(at)
}

// idle shows what was counted, before we wait for more.
func (s *session) idle() { s.flush(s.conn.at) }

// flush adds what was counted to the source's totals.
func (s *session) flush(at time.Time) {
	if s.in.Tally.Messages > 0 {
		s.src.deps.Counters.Arrived(at, at)
	}
	s.src.deps.Counters.Add(&s.in.Tally)
}
