package rpki

import "sync/atomic"

// Cache holds the current table. Readers never wait; the zero value holds none. It must not be copied.
type Cache struct{ table atomic.Pointer[Table] }

// Load gives the current table, nil before the first Store; a nil table answers that nothing was checked.
func (c *Cache) Load() *Table { return c.table.Load() }

// Store puts a table in place and tells whether it authorises anything else than the one before, which is when routes have to be
// judged again. Newer times of expiry or of generation alone are no difference.
func (c *Cache) Store(t *Table) (changed bool) {
	return !c.table.Swap(t).Set().Equal(t.Set())
}
