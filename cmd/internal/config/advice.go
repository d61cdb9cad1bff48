package config

import (
	"fmt"
	"strings"
)

// Advice is something that is no fault and could be better.
type Advice struct {
	// What is so, Why it matters, and what to do about it: Do.
	What, Why, Do string
}

// String gives one line: what is so: why it matters; what to do.
func (a Advice) String() string { return a.What + ": " + a.Why + "; " + a.Do }

// enoughSites is how many sites stand the loss of one and still are several.
const enoughSites = 3

// Advise says what could be better about a configuration that has no fault: about the network first, then about how it is watched.
func Advise(c *Config) (out []Advice) {
	for _, advise := range []func(*Config) []Advice{fewSites, oneRegion, noTwin, oneIsEnough, blurredSites, unseenSites, hiddenSites, noRPKI} {
		out = append(out, advise(c)...)
	}
	return out
}

func advice(what, why, do string) []Advice { return []Advice{{what, why, do}} }

// fewSites: with two sites, the loss of one leaves one.
func fewSites(c *Config) []Advice {
	switch n := len(c.Sites); {
	case n == 0:
		return advice("no site is declared", "a site that stops announcing goes unnoticed as long as another one announces",
			"name them under sites, with what tells their paths apart; anywatch generate proposes it")
	case n == 1:
		return advice("there is one site, "+c.Sites[0].Name, "when it is lost nothing announces", "announce from three sites or more")
	case n < enoughSites:
		return advice("there are two sites, "+c.Sites[0].Name+" and "+c.Sites[1].Name, "when one is lost the other carries everything, and maintenance of one leaves no spare",
			"announce from three sites or more")
	}
	return nil
}

// oneRegion: what befalls a region befalls all sites. Only what is declared can be compared.
func oneRegion(c *Config) []Advice {
	if len(c.Sites) < 2 || c.Sites[0].Location.Region == "" {
		return nil
	}
	region := c.Sites[0].Location.Region
	for _, s := range c.Sites {
		if s.Location.Region != region {
			return nil
		}
	}
	return advice(fmt.Sprintf("all %d sites are in region %s", len(c.Sites), region), "an outage of that region takes them all, and clients elsewhere have a long way",
		"announce from a second region, or correct location.region")
}

// noTwin: a service that is meant for all has both families, and sites are compared in both.
func noTwin(c *Config) []Advice {
	twins := make(map[string]bool)
	six := false
	for _, p := range c.Prefixes {
		six = six || p.Prefix.Addr().Is6() && p.Announced != Never
		if p.Twin.IsValid() {
			twins[p.Prefix.String()], twins[p.Twin.String()] = true, true
		}
	}
	var alone []string
	for _, p := range c.Prefixes {
		if p.Prefix.Addr().Is4() && p.Announced != Never && p.Scope != Local && !twins[p.Prefix.String()] {
			alone = append(alone, called(p))
		}
	}
	switch {
	case len(alone) == 0:
		return nil
	case !six:
		return advice("no IPv6 prefix is watched", "clients with IPv6 alone can't be served, and if there is one, nobody watches it",
			"add the IPv6 prefix of the service, and name it as the twin of "+alone[0])
	case len(c.Sites) == 0:
		return nil // a twin is compared site by site
	}
	return advice(some(alone, "has", "have")+" no IPv6 twin", "a site that announces one family only goes unnoticed until clients complain",
		"name the IPv6 prefix of the same service with twin:")
}

// oneIsEnough: with min_sites 1, anycast may shrink to one site before anybody is woken.
func oneIsEnough(c *Config) []Advice {
	var list []string
	for _, p := range c.Prefixes {
		if p.Announced == Always && len(p.Sites) >= enoughSites && p.MinSites == 1 {
			list = append(list, called(p))
		}
	}
	if len(list) == 0 {
		return nil
	}
	return advice(some(list, "has", "have")+" min_sites 1", "until the last site is gone, each one that is lost is a warning only",
		"set min_sites to the number of sites that carry the load, and 0 where none is needed")
}

// noRPKI: without VRPs, origins are checked against the configuration alone.
func noRPKI(c *Config) []Advice {
	if len(c.RPKI.Caches)+len(c.RPKI.Files) > 0 {
		return nil
	}
	return advice("there is no source of VRPs", "origins are compared with this file alone: a ROA of ours that is wrong, and makes networks drop us, goes unnoticed",
		"name a cache under rpki.caches (Routinator, rpki-client with StayRTR), or a file under rpki.files")
}

// called is how people know a prefix.
func called(p Prefix) string {
	if p.Name == "" {
		return p.Prefix.String()
	}
	return p.Prefix.String() + " (" + p.Name + ")"
}

// some names up to three of a list, counts the rest, and puts the verb behind.
func some(list []string, singular, plural string) string {
	if len(list) == 1 {
		return list[0] + " " + singular
	}
	return several(list) + " " + plural
}

// several names up to three of a list, and counts the rest.
func several(list []string) string {
	const most = 3
	last := len(list) - 1
	switch {
	case last < 1:
		return strings.Join(list, "")
	case len(list) > most:
		return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
	}
	return strings.Join(list[:last], ", ") + " and " + list[last]
}
