// Package rpki knows what is authorised: which AS may originate a prefix (route origin validation, RFC 6811) and which AS may carry
// whose routes (ASPA path verification).
//
// A Set holds validated data from one source, read from a file (ReadFile) or received from an RPKI-to-Router cache (package rtr).
// Build merges sources, leaves out what has expired, applies the operator's local exceptions (SLURM, RFC 8416) and gives a Table,
// which answers questions. A Set and a Table never change after they are made, so any number of goroutines may read one; Cache
// holds the current Table behind one atomic pointer.
//
// A question put to no data is answered "not checked", never "not found": only a table that holds something can miss something.
package rpki
