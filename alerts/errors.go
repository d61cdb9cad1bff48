package alerts

import (
	"errors"
	"time"
)

// Error is a delivery that failed, with what is to be made of it. An error of another type means: try again later.
type Error struct {
	// Permanent says that the same notification would be refused again.
	Permanent bool
	// RetryAfter is how long the receiver asked to be left alone; zero when it did not say.
	RetryAfter time.Duration
	// Err says what happened.
	Err error
}

// Error gives what happened.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Permanent marks an error as one that trying again does not heal.
func Permanent(err error) error { return &Error{Permanent: true, Err: err} }

// RetryAfter marks an error as one that waiting heals: the receiver asked for it.
func RetryAfter(err error, wait time.Duration) error { return &Error{RetryAfter: wait, Err: err} }

// verdict reads what an error asks for.
func verdict(err error) (permanent bool, wait time.Duration) {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Permanent, e.RetryAfter
	}
	return false, 0
}
