//go:build interop

package peers

import (
	"os"
	"os/exec"
)

// openbgpdConfig changes no kernel table ("fib-update no").
const openbgpdConfig = `AS {{.ASN}}
router-id {{.RouterID}}
fib-update no
socket "{{.Dir}}/ctl"
listen on {{.Address}} port {{.Port}}
nexthop qualify via default
{{if .Hold}}holdtime {{.Hold}}{{end}}
{{if .Table}}prefix-set table { {{range .Table}}{{.}}
{{end}} }
network prefix-set table set { nexthop ` + NextHop4 + ` }{{end}}
{{range .Routes}}
network {{.Prefix}} set { nexthop {{if is4 .Prefix}}` + NextHop4 + `{{else}}` + NextHop6 + `{{end}}{{range .Communities}} community {{.}}{{end}}{{range .Large}} large-community {{.}}{{end}} }{{end}}
neighbor {{.Station.Addr}} {
	remote-as {{.StationAS}}
	descr "station"
	port {{.Station.Port}}
	local-address {{.Address}}
	{{if not .Internal}}multihop 2{{end}}
	announce IPv4 unicast
	announce IPv6 unicast
	{{if .AddPath}}announce add-path send all{{end}}
	{{if .Role}}announce policy {{.Role}}{{end}}
	{{if .Password}}tcp md5sig password {{.Password}}{{end}}
	{{if .Clients}}route-reflector {{.ClusterID}}{{end}}
}
{{$spec := .}}{{range .Clients}}
neighbor {{.}} {
	remote-as {{$spec.ASN}}
	local-address {{$spec.Address}}
	passive
	announce IPv4 unicast
	announce IPv6 unicast
	route-reflector {{$spec.ClusterID}}
}
{{end}}
allow from any
allow to any
match to any set nexthop no-modify
`

type openbgpdDialect struct{}

// prepare also makes the folder that its unprivileged processes change their root to; all instances share it.
func (openbgpdDialect) prepare(s *Speaker) {
	if err := os.MkdirAll("/run/openbgpd", 0o755); err != nil {
		s.t.Fatal(err)
	}
	s.file("bgpd.conf", s.text(openbgpdConfig))
	s.argv = []string{"/usr/sbin/bgpd", "-d", "-v", "-f", s.path("bgpd.conf")}
	s.control = func(_ *Daemon, args ...string) *exec.Cmd {
		return exec.Command("/usr/sbin/bgpctl", append([]string{"-s", s.path("ctl")}, args...)...)
	}
}

func (openbgpdDialect) begin(*Speaker) {}

func (d openbgpdDialect) announce(s *Speaker, r Route) {
	s.with(r)
	s.file("bgpd.conf", s.text(openbgpdConfig))
	s.Do("reload")
}

func (d openbgpdDialect) withdraw(s *Speaker, r Route) {
	s.without(r)
	s.file("bgpd.conf", s.text(openbgpdConfig))
	s.Do("reload")
}

// retry: after a NOTIFICATION it waits for half a minute, unless its operator clears the session.
func (openbgpdDialect) retry(s *Speaker) {
	s.Says("received notification")
	s.Do("neighbor", s.Spec.Station.Addr().String(), "clear")
}

func (openbgpdDialect) status(s *Speaker) string {
	return s.Do("show", "neighbor", s.Spec.Station.Addr().String()) + s.Log()
}
