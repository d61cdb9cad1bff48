// Package route is the vocabulary of routes: AS numbers, AS paths with their ordered segments, path attributes and the
// update that carries them. It is pure: no input or output, no clock, no goroutine. Everything that anywatch says about a route is
// said in these words.
package route
