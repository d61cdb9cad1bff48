package config

import (
	"fmt"
	"slices"
	"time"
)

// detect reads the thresholds.
func (r *reader) detect(s *section) Detect {
	defer s.end()
	var d Detect
	c := s.sub("confirm", "{vantages: 1, external_vantages: 2, within: 60s}")
	d.Confirm.Vantages = one(c, "vantages", 1, atLeast(1))
	d.Confirm.ExternalVantages = one(c, "external_vantages", 2, atLeast(1))
	d.Confirm.Within = one(c, "within", time.Minute, duration)
	c.end()
	d.ResolveAfter = one(s, "resolve_after", time.Minute, duration)
	d.ReopenWithin = one(s, "reopen_within", 30*time.Minute, duration)
	d.InitialSync = one(s, "initial_sync", 2*time.Minute, duration)
	d.StaleAfterLoss = one(s, "stale_after_loss", 5*time.Minute, duration)
	d.StaleVantageAfter = one(s, "stale_vantage_after", 6*time.Hour, positive)
	d.Blackhole = communities(s, "blackhole")
	d.SiteMissingAfter = one(s, "site_missing_after", 20*time.Second, duration)
	d.FeedSilentAfter = one(s, "feed_silent_after", 90*time.Second, positive)
	d.Visibility = visibility(s.sub("visibility", "{warning: 80%, critical: 50%}"))
	d.Flap = flap(s.sub("flap", "{profile: rfc7196, alert: 3000}"))
	m := s.sub("catchment", "{shift: 25%, within: 10m}")
	d.Catchment = Catchment{Shift: one(m, "shift", 25, percent), Within: one(m, "within", 10*time.Minute, positive)}
	m.end()
	p := s.sub("superprefix", "{shortest: {ipv4: 8, ipv6: 19}}")
	l := p.sub("shortest", "{ipv4: 8, ipv6: 19}")
	d.Superprefix = Superprefix{ShortestIPv4: one(l, "ipv4", 8, number(0, 32)), ShortestIPv6: one(l, "ipv6", 19, number(0, 128))}
	l.end()
	p.end()
	return d
}

// visibility wants the critical share below the one that warns: at equal shares there would be no warning.
func visibility(s *section) Visibility {
	defer s.end()
	v := Visibility{Warning: one(s, "warning", 80, percent), Critical: one(s, "critical", 50, percent)}
	if v.Critical <= v.Warning || !s.sound("warning") || !s.sound("critical") {
		return v
	}
	what := fmt.Sprintf("critical %s is above warning %s", quote(v.Critical.String()), quote(v.Warning.String()))
	const remedy = "let the share that is critical be the smaller one"
	switch {
	case s.has("critical"):
		s.fault("critical", what, remedy)
	default:
		s.fault("warning", what+", the first being its default", remedy)
	}
	return v
}

// FlapProfiles are the defaults of two vendors, and what RFC 7196 makes of them: a suppress threshold of 6,000, since the vendors' own
// damp routes that hardly flap, and the first vendor's values otherwise.
func FlapProfiles() []Flap {
	cisco := Flap{
		Profile: "cisco", HalfLife: 15 * time.Minute, Suppress: 2000, Reuse: 750, MaxSuppress: time.Hour,
		Withdraw: 1000, Reannounce: 0, Attribute: 500,
	}
	juniper, rfc := cisco, cisco
	juniper.Profile, juniper.Suppress, juniper.Reannounce = "juniper", 3000, 1000
	rfc.Profile, rfc.Suppress = "rfc7196", 6000
	return []Flap{cisco, juniper, rfc}
}

// flap reads a profile, and what of it the file replaces.
func flap(s *section) Flap {
	defer s.end()
	type profile string
	name := one(s, "profile", "rfc7196", enum(profile("cisco"), "juniper", "rfc7196"))
	known := FlapProfiles()
	f := known[slices.IndexFunc(known, func(p Flap) bool { return p.Profile == string(name) })]
	f.Alert = one(s, "alert", 3000, atLeast(1))
	f.HalfLife = one(s, "half_life", f.HalfLife, positive)
	f.Suppress = one(s, "suppress", f.Suppress, atLeast(1))
	f.Reuse = one(s, "reuse", f.Reuse, atLeast(1))
	f.MaxSuppress = one(s, "max_suppress", f.MaxSuppress, positive)
	f.Withdraw = one(s, "withdraw", f.Withdraw, atLeast(0))
	f.Reannounce = one(s, "reannounce", f.Reannounce, atLeast(0))
	f.Attribute = one(s, "attribute", f.Attribute, atLeast(0))
	if f.Reuse < f.Suppress || !s.sound("reuse") || !s.sound("suppress") {
		return f
	}
	key := "reuse"
	if !s.has(key) {
		key = "suppress"
	}
	s.fault(key, fmt.Sprintf("reuse \"%d\" is not below suppress \"%d\"", f.Reuse, f.Suppress), "let a route be used again only below the penalty that suppresses it")
	return f
}
