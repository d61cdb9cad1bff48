//go:build data

package bmp

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"anywatch/collector/route"
)

func attributeWanted(t *testing.T, name string, value json.RawMessage) (out []string) {
	t.Helper()
	var v struct {
		NextHop     string `json:"next_hop"`
		Metric      uint32
		Communities []json.RawMessage
		Code        int
	}
	_ = json.Unmarshal(value, &v) // some are no objects: they are read below
	switch name {
	case "Origin":
		return []string{fmt.Sprintf("origin %d", slices.Index([]string{`"IGP"`, `"EGP"`, `"Incomplete"`}, string(value)))}
	case "AsPath":
		return []string{"path " + pathWanted(t, value)}
	case "NextHop":
		return []string{"next hop " + v.NextHop}
	case "MultiExitDiscriminator":
		return []string{fmt.Sprintf("MED %d", v.Metric)}
	case "LocalPreference":
		return []string{fmt.Sprintf("local preference %d", v.Metric)}
	case "AtomicAggregate":
		return []string{"atomic aggregate"}
	case "Aggregator":
		var a struct {
			As4Aggregator struct {
				ASN    uint32
				Origin string
			}
		}
		parse(t, value, &a)
		return []string{fmt.Sprintf("aggregator %d %s", a.As4Aggregator.ASN, a.As4Aggregator.Origin)}
	case "Originator":
		return []string{"originator " + strings.Trim(string(value), `"`)}
	case "ClusterList":
		var ids []string
		parse(t, value, &ids)
		return []string{fmt.Sprint("clusters ", ids)}
	case "Communities", "ExtendedCommunities":
		for _, c := range v.Communities {
			out = append(out, "community "+communityWanted(t, c))
		}
		return out
	case "UnknownAttribute":
		return []string{fmt.Sprintf("attribute %d", v.Code)}
	case "PrefixSegmentIdentifier":
		return []string{"attribute 40"}
	}
	t.Fatalf("the attribute %s is not compared", name)
	return nil
}

func pathWanted(t *testing.T, value json.RawMessage) string {
	t.Helper()
	var p struct {
		As4PathSegments []struct {
			Type string      `json:"segment_type"`
			ASNs []route.ASN `json:"as_numbers"`
		}
	}
	parse(t, value, &p)
	var path route.Path
	for _, s := range p.As4PathSegments {
		kind := route.SegmentKind(1 + slices.Index([]string{"AsSet", "AsSequence", "AsConfedSequence", "AsConfedSet"}, s.Type))
		path = append(path, route.Segment{Kind: kind, ASNs: s.ASNs})
	}
	return path.String()
}

func communityWanted(t *testing.T, value json.RawMessage) string {
	t.Helper()
	var plain uint32
	if json.Unmarshal(value, &plain) == nil {
		return route.Community(plain).String()
	}
	var ext struct {
		TransitiveTwoOctet map[string]struct {
			Global uint32 `json:"global_admin"`
			Local  uint32 `json:"local_admin"`
		}
	}
	parse(t, value, &ext)
	for kind, c := range ext.TransitiveTwoOctet {
		return fmt.Sprintf("%s:%d:%d", map[string]string{"RouteTarget": "rt", "RouteOrigin": "soo"}[kind], c.Global, c.Local)
	}
	return "of another kind"
}
