// Package compliance compares three things that should say the same: what the configuration expects, what the RPKI authorises (ROAs and
// ASPA objects), and what is announced now. It says what disagrees, what to change in the RPKI so that it doesn't, and how good it is as
// a score. It reads nothing and asks nobody: all that it judges stands in an Input.
package compliance
