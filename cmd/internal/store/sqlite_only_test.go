//go:build !interop

package store

func databases() []database { return []database{sqliteDatabase} }

func stopServers() {}
