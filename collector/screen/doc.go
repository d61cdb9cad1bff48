// Package screen is the raw walk: does this UPDATE touch anything we watch? It reads the bytes of a message once, without decoding
// and without allocating, and answers two questions: does a prefix in it overlap a watched one, and does one of our ASes stand
// in its AS_PATH? Full tables pass by at tens of millions of prefixes a second; only what matches is decoded.
package screen
