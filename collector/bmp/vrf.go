package bmp

import (
	"net/netip"
	"strconv"
	"strings"
)

// vrfs are the VRFs that are watched besides the global table.
type vrfs struct {
	names map[string]bool
	rds   map[uint64]bool
}

// newVRFs takes names and route distinguishers: "blue", "64500:1", "10.0.0.1:1".
func newVRFs(list []string) vrfs {
	v := vrfs{names: make(map[string]bool), rds: make(map[uint64]bool)}
	for _, text := range list {
		v.names[text] = true
		for _, rd := range parseRD(text) {
			v.rds[rd] = true
		}
	}
	return v
}

// parseRD gives the route distinguishers that a text may mean (RFC 4364 section 4.2): 64500:1 is of type 0, and of type 2 as well.
func parseRD(text string) (list []uint64) {
	admin, number, ok := strings.Cut(text, ":")
	if !ok {
		return nil
	}
	n, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return nil
	}
	if a, err := netip.ParseAddr(admin); err == nil && a.Is4() && n <= 0xFFFF {
		b := a.As4()
		return []uint64{1<<48 | uint64(b[0])<<40 | uint64(b[1])<<32 | uint64(b[2])<<24 | uint64(b[3])<<16 | n}
	}
	as, err := strconv.ParseUint(strings.TrimPrefix(admin, "AS"), 10, 32)
	if err != nil {
		return nil
	}
	if as <= 0xFFFF {
		list = append(list, as<<32|n)
	}
	if n <= 0xFFFF {
		list = append(list, 2<<48|as<<16|n)
	}
	return list
}

func (v vrfs) hasRD(rd uint64) bool { return v.rds[rd] }

// watches tells of a peer whether its table is watched: the global one always, a VRF's when it is named. A Loc-RIB tells its table's name in
// its Peer Up (RFC 9069 section 5.2).
func (v vrfs) watches(k peerKey, table string) bool {
	if k.rd == 0 && (k.kind != peerLocRIB || global(table)) {
		return true
	}
	return k.rd != 0 && v.rds[k.rd] || table != "" && v.names[table]
}

// global tells of a table's name that it means the global table, as routers call it.
func global(table string) bool {
	switch strings.ToLower(table) {
	case "", "global", "default", "master", "inet.0", "inet6.0":
		return true
	}
	return false
}
