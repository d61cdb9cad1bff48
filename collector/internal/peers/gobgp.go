//go:build interop

package peers

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
)

const gobgpConfig = `[global.config]
  as = {{.ASN}}
  router-id = "{{.RouterID}}"
  port = {{.Port}}
  local-address-list = ["{{.Address}}"]
{{define "families"}}
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv4-unicast"
    {{if .AddPath}}[neighbors.afi-safis.add-paths.config]
      send-max = 8{{end}}
    {{if .Restart}}[neighbors.afi-safis.mp-graceful-restart.config]
      enabled = true{{end}}
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv6-unicast"
    {{if .AddPath}}[neighbors.afi-safis.add-paths.config]
      send-max = 8{{end}}
    {{if .Restart}}[neighbors.afi-safis.mp-graceful-restart.config]
      enabled = true{{end}}
{{end}}{{define "reflector"}}{{if .Clients}}
  [neighbors.route-reflector.config]
    route-reflector-client = true
    route-reflector-cluster-id = "{{.ClusterID}}"
{{end}}{{end}}
[[neighbors]]
  [neighbors.config]
    neighbor-address = "{{.Station.Addr}}"
    peer-as = {{.StationAS}}
    {{if .Password}}auth-password = "{{.Password}}"{{end}}
  [neighbors.transport.config]
    local-address = "{{.Address}}"
    remote-port = {{.Station.Port}}
  [neighbors.timers.config]
    connect-retry = 1
    idle-hold-time-after-reset = 1
    {{if .Hold}}hold-time = {{.Hold}}
    keepalive-interval = 1{{end}}
  {{if not .Internal}}[neighbors.ebgp-multihop.config]
    enabled = true
    multihop-ttl = 2{{end}}
  {{if .Restart}}[neighbors.graceful-restart.config]
    enabled = true
    restart-time = {{.Restart}}{{end}}
  {{template "reflector" .}}{{template "families" .}}
{{$spec := .}}{{range .Clients}}
[[neighbors]]
  [neighbors.config]
    neighbor-address = "{{.}}"
    peer-as = {{$spec.ASN}}
  [neighbors.transport.config]
    local-address = "{{$spec.Address}}"
    passive-mode = true
  {{template "reflector" $spec}}{{template "families" $spec}}
{{end}}
`

type gobgpDialect struct{}

func (gobgpDialect) prepare(s *Speaker) {
	api := "unix://" + s.path("api")
	_ = os.Remove(s.path("api")) // left behind when it was killed; it would not start again
	s.file("gobgpd.toml", s.text(gobgpConfig))
	s.argv = []string{"/usr/bin/gobgpd", "-f", s.path("gobgpd.toml"), "--api-hosts=" + api, "--pprof-disable"}
	s.control = func(_ *Daemon, args ...string) *exec.Cmd {
		return exec.Command("/usr/bin/gobgp", append([]string{"--target", api}, args...)...)
	}
}

// begin gives it its routes, which it does not read from a file.
func (d gobgpDialect) begin(s *Speaker) {
	for _, r := range s.Spec.Routes {
		d.rib(s, "add", r)
	}
}

func (d gobgpDialect) announce(s *Speaker, r Route) {
	s.with(r)
	d.rib(s, "add", r)
}

func (d gobgpDialect) withdraw(s *Speaker, r Route) {
	s.without(r)
	d.rib(s, "del", r)
}

func (gobgpDialect) rib(s *Speaker, verb string, r Route) {
	family, nextHop := "ipv4", NextHop4
	if r.Prefix.Addr().Is6() {
		family, nextHop = "ipv6", NextHop6
	}
	args := []string{"global", "rib", "-a", family, verb, r.Prefix.String(), "nexthop", nextHop}
	if r.ID != 0 {
		args = append(args, "identifier", fmt.Sprint(r.ID))
	}
	if len(r.Communities) > 0 {
		args = append(args, "community", strings.Join(r.Communities, ","))
	}
	if len(r.Large) > 0 {
		args = append(args, "large-community", strings.Join(r.Large, ","))
	}
	if len(r.Path) > 0 {
		args = append(args, "aspath", strings.ReplaceAll(r.Words(), " ", ","))
	}
	s.Do(args...)
}

func (gobgpDialect) retry(*Speaker) {}

func (gobgpDialect) status(s *Speaker) string {
	return s.Do("neighbor", s.Spec.Station.Addr().String()) + s.Log()
}
