package app

import (
	"context"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"anywatch/cmd/internal/config"
	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/collector/screen"
	"anywatch/detector"
	"anywatch/rpki"
)

var update = flag.Bool("update", false, "write what came out as what is expected")

// TestScenarios plays every file of testdata/scenarios. A file is an incident told to the engine: the configuration, who watches, what happens when,
// and which incidents must come of it, to the second.
//
//	-- anywatch.yaml --   the configuration; other files (vrps.json, reload.yaml) may stand beside it
//	-- vantages --        NAME internal|external AS [add-path] [peer ADDRESS] [role ROLE] [adj-out]
//	-- events --          HH:MM:SS NAME announce PREFIX [path …] [id N] [community C]… [large L]… [otc AS] [next-hop A] [originator A]  |  withdraw PREFIX [id N]
//	                      HH:MM:SS NAME up|down|lost|gap|synchronised|table-v4|end-of-rib-v4|end-of-rib-v6 [reason]
//	                      HH:MM:SS NAME counts PREFIXES of LIMIT
//	                      HH:MM:SS feed NAME down [keep DURATION] REASON  |  feed NAME up [REASON]
//	                      HH:MM:SS health SITE up|down|unknown|unchecked [REASON]
//	                      HH:MM:SS reload FILE  |  wait
//	                      HH:MM:SS vrps FILE  |  cache NAME fresh|too-old|gone [REASON]  |  anchor NAME lost FILE|back|believed
//	-- incidents --       what must come out
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/scenarios/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			playFile(t, file)
		})
	}
}

func playFile(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p := newPlayer(t, archive)
	for _, line := range lines(p.section("events")) {
		p.event(line)
	}
	got := strings.Join(p.out, "")
	if want := string(p.section("incidents")); got != want {
		if *update {
			p.rewrite(file, archive, got)
			return
		}
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// player tells the engine a scenario, through the same door as the sources: what the screen does not let through does not happen.
type player struct {
	t         *testing.T
	archive   *txtar.Archive
	dir       string
	engine    *detector.Engine
	live      *screen.Live
	intake    collector.Intake
	registry  *collector.Registry
	vantages  map[string]*collector.Vantage
	validator validator
	out       []string
}

func newPlayer(t *testing.T, archive *txtar.Archive) *player {
	p := &player{t: t, archive: archive, dir: t.TempDir(), registry: collector.NewRegistry(), vantages: map[string]*collector.Vantage{}}
	for _, f := range archive.Files {
		if err := os.WriteFile(filepath.Join(p.dir, f.Name), f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := p.load("anywatch.yaml")
	set := Rules(c)
	p.live = screen.NewLive(Watch(set))
	p.validator.table = p.vrps(c)
	p.engine = detector.New(detector.Options{Rules: set, VRPs: p.validator.table, Emit: p.change})
	p.intake = collector.Intake{Screen: screen.New(p.live), Out: collector.SinkFunc(func(_ context.Context, ev collector.Event) error {
		p.engine.Apply(ev, ev.Time)
		return nil
	})}
	for _, line := range lines(p.section("vantages")) {
		p.vantage(strings.Fields(line))
	}
	return p
}

func (p *player) section(name string) []byte {
	i := slices.IndexFunc(p.archive.Files, func(f txtar.File) bool { return f.Name == name })
	if i < 0 {
		p.t.Fatalf("the scenario has no section %s", name)
	}
	return p.archive.Files[i].Data
}

func lines(b []byte) (out []string) {
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			out = append(out, line)
		}
	}
	return out
}

func (p *player) load(name string) *config.Config {
	c, err := config.Load(filepath.Join(p.dir, name))
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

func (p *player) vrps(c *config.Config) *rpki.Table {
	table, err := LoadVRPs(c, time.Time{})
	if err != nil {
		p.t.Fatal(err)
	}
	return table
}

func (p *player) vantage(words []string) {
	asn, err := route.ParseASN(words[2])
	if err != nil {
		p.t.Fatal(err)
	}
	v := collector.Vantage{Key: collector.Key{Source: "bgp", Router: words[0], PeerAS: asn}, Local: asn, AllPaths: slices.Contains(words, "add-path")}
	if words[1] == "external" {
		v.Scope = collector.External
	}
	if i := slices.Index(words, "peer"); i > 0 {
		v.Peer = netip.MustParseAddr(words[i+1])
	}
	if i := slices.Index(words, "role"); i > 0 {
		v.Role = roles[words[i+1]]
	}
	if slices.Contains(words, "adj-out") {
		v.View, v.Local = collector.AdjOutPost, 64500
	}
	p.vantages[words[0]] = p.registry.Register(v)
}

var roles = map[string]collector.Role{"provider": collector.Provider, "customer": collector.Customer, "lateral": collector.LateralPeer, "rs": collector.RouteServer, "rs-client": collector.RouteServerClient}

// change notes a change as one line that a person can check.
func (p *player) change(c detector.Change) {
	i := c.Incident
	text := fmt.Sprintf("%s %-8s %-8s %s", c.Time.Format("15:04:05"), c.Event, i.Severity, i.Kind)
	if i.Subject != nil || i.Path == nil {
		p.condition(c, text)
		return
	}
	text += " " + i.Prefix.String()
	if i.Site != nil {
		text += " " + *i.Site
	}
	if i.Origin != nil {
		text += " " + i.Origin.String()
	}
	text += fmt.Sprintf(" rpki=%s seen=%d/%d", i.RPKI.State, i.Vantages.Seeing, i.Vantages.Of)
	switch {
	case i.Offender == nil:
		text += " no-offender"
	case i.Origin == nil || *i.Offender != *i.Origin:
		text += " by=" + i.Offender.String()
	}
	if i.Reopened > 0 {
		text += fmt.Sprintf(" reopened=%d", i.Reopened)
	}
	if i.PreExisting {
		text += " pre-existing"
	}
	if !i.Started.Equal(i.Opened) {
		text += " since=" + i.Started.Format("15:04:05")
	}
	if c.Event == detector.Resolved {
		text += fmt.Sprintf(" lasted=%s peak=%d (%s)", i.Lasted(), i.Vantages.Peak, *i.Resolution)
	}
	p.out = append(p.out, text+"\n")
}

// condition notes a change of an incident about a feed, a vantage, a site: what it says matters there.
func (p *player) condition(c detector.Change, text string) {
	i := c.Incident
	if i.Site != nil {
		text += " " + *i.Site
	}
	if i.Prefix == nil {
		text += " " + *i.Subject
	} else {
		text += " " + i.Prefix.String()
	}
	if i.PreExisting {
		text += " pre-existing"
	}
	if i.Vantages.Of > 0 {
		text += fmt.Sprintf(" of=%d", i.Vantages.Of)
	}
	if i.Reopened > 0 {
		text += fmt.Sprintf(" reopened=%d", i.Reopened)
	}
	if !i.Started.Equal(i.Opened) {
		text += " since=" + i.Started.Format("15:04:05")
	}
	text += ": " + i.Summary
	if c.Event == detector.Resolved {
		text += " (" + *i.Resolution + ")"
	}
	p.out = append(p.out, text+"\n")
}

func (p *player) event(line string) {
	words := strings.Fields(line)
	clock, err := time.Parse("15:04:05", words[0])
	if err != nil {
		p.t.Fatalf("%s: %v", line, err)
	}
	at := time.Date(2026, 11, 22, clock.Hour(), clock.Minute(), clock.Second(), 0, time.UTC)
	switch words[1] {
	case "wait":
		p.engine.Advance(at)
	case "reload":
		set := Rules(p.load(words[2]))
		p.live.Swap(Watch(set))
		p.engine.SetRules(set, at)
	case "vrps", "cache", "anchor":
		p.validated(line, at, words[1:])
	case "health":
		p.engine.SetHealth(p.health(line, at, words[2:]), at)
	case "feed":
		p.engine.Apply(p.feedEvent(line, at, words[2:]), at)
	default:
		p.vantageEvent(line, at, words[1], words[2:])
	}
}

var healthStates = map[string]detector.HealthState{
	"up": detector.HealthUp, "down": detector.HealthDown, "unknown": detector.HealthUnknown, "unchecked": detector.HealthUnchecked,
}

func (p *player) health(line string, at time.Time, words []string) detector.Health {
	state, ok := healthStates[words[1]]
	if !ok {
		p.t.Fatalf("%s: %q is no state of health", line, words[1])
	}
	return detector.Health{Site: words[0], State: state, Since: at, Check: "tcp " + words[0] + "-ns1:53", Reason: strings.Join(words[2:], " ")}
}

func (p *player) feedEvent(line string, at time.Time, words []string) collector.Event {
	ev := collector.Event{Kind: collector.FeedUp, Time: at, Feed: words[0]}
	rest := words[2:]
	if words[1] == "down" {
		ev.Kind = collector.FeedDown
		if rest[0] == "keep" {
			keep, err := time.ParseDuration(rest[1])
			if err != nil {
				p.t.Fatalf("%s: %v", line, err)
			}
			ev.Keep, rest = keep, rest[2:]
		}
	}
	ev.Reason = strings.Join(rest, " ")
	return ev
}

var sessionEvents = map[string]collector.Event{
	"up": {Kind: collector.PeerUp}, "down": {Kind: collector.PeerDown}, "lost": {Kind: collector.FeedLost}, "gap": {Kind: collector.Gap},
	"synchronised": {Kind: collector.Synchronised}, "table-v4": {Kind: collector.TableBegins, Family: route.IPv4},
	"end-of-rib-v4": {Kind: collector.EndOfRIB, Family: route.IPv4}, "end-of-rib-v6": {Kind: collector.EndOfRIB, Family: route.IPv6},
}

func (p *player) vantageEvent(line string, at time.Time, name string, words []string) {
	v := p.vantages[name]
	if v == nil {
		p.t.Fatalf("%s: no such vantage", line)
	}
	if ev, ok := sessionEvents[words[0]]; ok {
		ev.Time, ev.Vantage, ev.Reason = at, v, strings.Join(words[1:], " ")
		p.engine.Apply(ev, at)
		return
	}
	if words[0] == "counts" {
		ev := collector.Event{Kind: collector.PrefixLimit, Time: at, Vantage: v}
		if _, err := fmt.Sscan(words[1]+" "+words[3], &ev.Prefixes, &ev.Limit); err != nil {
			p.t.Fatalf("%s: %v", line, err)
		}
		p.engine.Apply(ev, at)
		return
	}
	u, err := parseUpdate(words)
	if err != nil {
		p.t.Fatalf("%s: %v", line, err)
	}
	if err := p.intake.Decoded(context.Background(), v, at, []route.Update{u}); err != nil {
		p.t.Fatal(err)
	}
}

// parseUpdate reads "announce PREFIX [path …] [id N] [community C]" and "withdraw PREFIX [id N]".
func parseUpdate(words []string) (u route.Update, err error) {
	n := route.NLRI{}
	if n.Prefix, err = netip.ParsePrefix(words[1]); err != nil {
		return u, err
	}
	attrs := &route.Attrs{}
	path := ""
	rest := words[2:]
	for i := 0; i < len(rest); i++ {
		switch rest[i] {
		case "id":
			id, err := strconv.ParseUint(rest[i+1], 10, 32)
			if err != nil {
				return u, err
			}
			n.PathID = uint32(id)
			i++
		case "community":
			c, err := route.ParseCommunity(rest[i+1])
			if err != nil {
				return u, err
			}
			attrs.Communities = append(attrs.Communities, c)
			i++
		case "large":
			c, err := route.ParseLargeCommunity(rest[i+1])
			if err != nil {
				return u, err
			}
			attrs.Large = append(attrs.Large, c)
			i++
		case "otc":
			asn, err := route.ParseASN(rest[i+1])
			if err != nil {
				return u, err
			}
			attrs.HasOTC, attrs.OTC = true, asn
			i++
		case "next-hop", "originator":
			a, err := netip.ParseAddr(rest[i+1])
			if err != nil {
				return u, err
			}
			if rest[i] == "next-hop" {
				attrs.NextHop = a
			} else {
				attrs.OriginatorID = a
			}
			i++
		case "path":
		default:
			path += " " + rest[i]
		}
	}
	if attrs.Path, err = route.ParsePath(path); err != nil {
		return u, err
	}
	switch words[0] {
	case "announce":
		return route.Update{Announced: []route.NLRI{n}, Attrs: attrs}, nil
	case "withdraw":
		return route.Update{Withdrawn: []route.NLRI{n}}, nil
	}
	return u, fmt.Errorf("%q is no event", words[0])
}

func (p *player) rewrite(file string, archive *txtar.Archive, got string) {
	for i := range archive.Files {
		if archive.Files[i].Name == "incidents" {
			archive.Files[i].Data = []byte(got)
		}
	}
	if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
		p.t.Fatal(err)
	}
}
