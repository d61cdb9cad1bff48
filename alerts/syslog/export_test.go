package syslog

// AwaitHangUp waits until the sink has noticed that the server closed the connection.
func (s *Sink) AwaitHangUp() { <-s.gone }
