package alerts

import "time"

// What a sink that fails is given.
const (
	firstRetry = time.Second
	lastRetry  = 5 * time.Minute
	// retryAfterLimit bounds how long a receiver can silence us.
	retryAfterLimit = time.Hour
	// giveUpAfter is how long one notification is tried before it counts as failed.
	giveUpAfter = 24 * time.Hour
	// triesAtTheFront is how often a notification is tried before others that wait get their turn: it may be this one that the receiver
	// can't take.
	triesAtTheFront = 5
	// patience is how long a sink may fail until what waits for it is condensed.
	patience = time.Minute
	// troubledAfter is how long a sink may fail until others are told of it.
	troubledAfter = 5 * time.Minute
)

// backoff gives how long to wait after so many failures in a row: doubling, and spread between half and the whole by chance in [0,1), so
// that many who failed together do not come back together.
func backoff(failures int, chance float64) time.Duration {
	wait := lastRetry
	if doublings := failures - 1; doublings < 16 {
		wait = min(firstRetry<<max(doublings, 0), lastRetry)
	}
	return wait/2 + time.Duration(chance*float64(wait/2))
}
