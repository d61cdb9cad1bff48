// Package mrt reads MRT records (RFC 6396, RFC 6397, RFC 8050): what collectors and routers write down of their BGP sessions and tables.
//
// Split finds the records in a file, also in a damaged one; a Stream takes them one by one. Both work on the bytes in place: a record whose
// routes are of no interest costs no allocation. What a record says goes through the collector's Intake, which counts, screens and decodes.
package mrt
