// Package config reads anywatch.yaml, the configuration, strictly and completely.
//
// What it gives is plain: a Config of typed values in which every default is filled in and every prefix carries what it inherits.
// It starts nothing and knows no other part of the program but the vocabulary of routes.
//
// What it refuses, it refuses all at once: Load reads the file to its end and names each fault with its line, its column, its key,
// what is wrong and what would be right. A value is read in three steps, one file each:
//
//	syntax.go   bytes to a tree of the file (tree.go), in which each node knows its place; anchors and merge keys are resolved
//	table.go    the tree by key: one and many take what stands there through the function that reads its kind (values*.go),
//	            and what was never asked for is an unknown key
//	read_*.go   one section of the file each, with the checks that compare keys with one another
//
// Print writes the effective configuration, without secrets; Unused tells which keys do nothing yet.
package config
