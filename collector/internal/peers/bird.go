//go:build interop

package peers

import (
	"fmt"
	"os/exec"
	"strings"
)

// bird sets the command line of BIRD and of its client.
func (d *Daemon) bird() {
	d.argv = []string{"/usr/sbin/bird", "-f", "-c", d.path("bird.conf"), "-s", d.path("ctl")}
	d.control = func(d *Daemon, args ...string) *exec.Cmd {
		return exec.Command("/usr/sbin/birdc", append([]string{"-s", d.path("ctl")}, args...)...)
	}
}

// birdConfig has no kernel and no direct protocol. With "strict bind" BIRD listens on its own address only. The word "include" must be the first
// on its line.
const birdConfig = `router id {{.RouterID}};
log stderr all;
protocol device { }
{{range $i, $r := .Routes}}
protocol static s{{$i}} { {{if is4 .Prefix}}ipv4{{else}}ipv6{{end}}; route {{.Prefix}} blackhole {
  {{range .Reversed}}bgp_path.prepend({{.}}); {{end}}
  {{range .Communities}}bgp_community.add(({{comma .}})); {{end}}
  {{range .Large}}bgp_large_community.add(({{comma .}})); {{end}}
}; }
{{end}}
protocol static table4 { ipv4;
include "{{.Dir}}/table4.inc";
}
template bgp near {
  local {{.Address}} port {{.Port}} as {{.ASN}};
  strict bind yes;
  connect delay time 1; connect retry time 1; error wait time 1, 2;
  {{if .Hold}}hold time {{.Hold}};{{end}}
  {{if .Restart}}graceful restart on; graceful restart time {{.Restart}};{{end}}
  multihop;
  {{if .Clients}}rr client; rr cluster id {{.ClusterID}};{{end}}
  ipv4 { import {{if .Clients}}all{{else}}none{{end}}; export all; {{if not .Clients}}next hop address ` + NextHop4 + `;{{end}} {{if .AddPath}}add paths tx;{{end}} };
  ipv6 { import {{if .Clients}}all{{else}}none{{end}}; export all; {{if not .Clients}}next hop address ` + NextHop6 + `;{{end}} {{if .AddPath}}add paths tx;{{end}} };
}
protocol bgp station from near {
  neighbor {{.Station.Addr}} port {{.Station.Port}} as {{.StationAS}};
  {{if .Password}}password "{{.Password}}";{{end}}
  {{if .Role}}local role {{.Role}};{{end}}
}
{{$spec := .}}{{range $i, $c := .Clients}}
protocol bgp client{{$i}} from near { neighbor {{$c}} as {{$spec.ASN}}; passive; }
{{end}}
`

// Reversed is the path from its end, the order in which it is prepended.
func (r Route) Reversed() []uint32 {
	out := make([]uint32, 0, len(r.Path))
	for i := len(r.Path) - 1; i >= 0; i-- {
		out = append(out, r.Path[i])
	}
	return out
}

// Words is a list of AS numbers with a space between.
func (r Route) Words() string { return strings.Trim(fmt.Sprint(r.Path), "[]") }

type birdDialect struct{}

func (birdDialect) prepare(s *Speaker) {
	s.bird()
	s.file("bird.conf", s.text(birdConfig))
	var b strings.Builder
	for _, p := range s.Spec.Table {
		fmt.Fprintf(&b, "route %v blackhole;\n", p)
	}
	s.file("table4.inc", b.String())
}

func (birdDialect) begin(*Speaker) {}

func (d birdDialect) announce(s *Speaker, r Route) {
	s.with(r)
	s.file("bird.conf", s.text(birdConfig))
	s.Do("configure")
}

func (d birdDialect) withdraw(s *Speaker, r Route) {
	s.without(r)
	s.file("bird.conf", s.text(birdConfig))
	s.Do("configure")
}

func (birdDialect) retry(*Speaker) {}

func (birdDialect) status(s *Speaker) string {
	return s.Do("show", "protocols", "all", "station") + s.Log()
}
