// Package alerts is who hears about it: it takes the changes of incidents from the detector, decides which sink is told what, gathers what
// belongs together, and delivers with retries. Each way of telling is a subfolder; they do not know each other.
//
// Handle never blocks: every sink has its own bounded queue and its own goroutine, so that a slow sink delays neither the detection nor
// another sink. The changes of one incident reach a sink in the order in which they happened, each at least once. What a sink could not
// take in time is condensed, and what it could not take at all is counted and logged.
package alerts
