// Package archive reads recorded routes from files, directories and standard input: MRT, raw BMP streams, OpenBMP frames, and the
// lines of RIS Live and ExaBGP, plain or packed.
// What an input holds is told from its content, not from its name.
//
// One goroutine reads the records and hands them on, in the order of the inputs or merged by time, so that the same inputs always give
// the same events. Unpacking runs beside it, a bounded piece ahead.
package archive
