//go:build interop

package peers

import (
	"fmt"
	"os/exec"
)

// frr sets the command line of FRR's bgpd, with neither zebra (-Z) nor the kernel (-n), and of its shell, which wants an empty configuration.
func (d *Daemon) frr(address, port string, more ...string) {
	d.file("vtysh.conf", "")
	d.argv = append([]string{"/usr/lib/frr/bgpd", "-S", "-n", "-Z", "-p", port, "-l", address, "-P", "0", "-f", d.path("bgpd.conf"),
		"-i", d.path("pid"), "--vty_socket", d.dir}, more...)
	d.control = func(d *Daemon, lines ...string) *exec.Cmd {
		args := []string{"--vty_socket", d.dir, "--config_dir", d.dir, "-d", "bgpd"}
		for _, line := range lines {
			args = append(args, "-c", line)
		}
		return exec.Command("/usr/bin/vtysh", args...)
	}
}

const frrConfig = `hostname frr
log stdout informational
router bgp {{.ASN}}
 bgp router-id {{.RouterID}}
 no bgp ebgp-requires-policy
 no bgp network import-check
 bgp allow-martian-nexthop
 no bgp default ipv4-unicast
 {{if .ClusterID.IsValid}}bgp cluster-id {{.ClusterID}}{{end}}
 {{if .Restart}}bgp graceful-restart
 bgp graceful-restart restart-time {{.Restart}}{{end}}
 {{if .Hold}}timers bgp 1 {{.Hold}}{{end}}
 neighbor {{.Station.Addr}} remote-as {{.StationAS}}
 neighbor {{.Station.Addr}} port {{.Station.Port}}
 neighbor {{.Station.Addr}} timers connect 1
 neighbor {{.Station.Addr}} update-source {{.Address}}
 neighbor {{.Station.Addr}} advertisement-interval 0
 {{if not .Internal}}neighbor {{.Station.Addr}} ebgp-multihop 2{{end}}
 {{if .Password}}neighbor {{.Station.Addr}} password {{.Password}}{{end}}
 {{if .Role}}neighbor {{.Station.Addr}} local-role {{.Role}}{{end}}
{{$spec := .}}{{range .Clients}}
 neighbor {{.}} remote-as {{$spec.ASN}}
 neighbor {{.}} update-source {{$spec.Address}}
 neighbor {{.}} passive
{{end}}
 address-family ipv4 unicast
  neighbor {{.Station.Addr}} activate
  {{if .AddPath}}neighbor {{.Station.Addr}} addpath-tx-all-paths{{end}}
  neighbor {{.Station.Addr}} {{if .Clients}}route-reflector-client{{else}}route-map NH4 out{{end}}
{{range .Clients}}
  neighbor {{.}} activate
  neighbor {{.}} route-reflector-client
{{end}}{{range .Table}}
  network {{.}}{{end}}
 exit-address-family
 address-family ipv6 unicast
  neighbor {{.Station.Addr}} activate
  {{if .AddPath}}neighbor {{.Station.Addr}} addpath-tx-all-paths{{end}}
  neighbor {{.Station.Addr}} {{if .Clients}}route-reflector-client{{else}}route-map NH6 out{{end}}
{{range .Clients}}
  neighbor {{.}} activate
  neighbor {{.}} route-reflector-client
{{end}}
 exit-address-family
!
route-map NH4 permit 10
 set ip next-hop ` + NextHop4 + `
!
route-map NH6 permit 10
 set ipv6 next-hop global ` + NextHop6 + `
!
`

type frrDialect struct{}

func (frrDialect) prepare(s *Speaker) {
	s.frr(s.Spec.Address.String(), fmt.Sprint(s.Spec.Port))
	config := s.text(frrConfig)
	for _, r := range s.Spec.Routes {
		for _, line := range append(routeMap(r), network(s.Spec, r, "network")...) {
			config += line + "\n"
		}
		config += "!\n"
	}
	s.file("bgpd.conf", config)
}

// mapName is the name of a route's route-map, which holds its attributes.
func mapName(r Route) string { return fmt.Sprintf("R-%v", r.Prefix) }

func routeMap(r Route) []string {
	name := mapName(r)
	lines := []string{"no route-map " + name, "route-map " + name + " permit 10"}
	for _, c := range r.Communities {
		lines = append(lines, "set community "+c+" additive")
	}
	for _, c := range r.Large {
		lines = append(lines, "set large-community "+c+" additive")
	}
	if len(r.Path) > 0 {
		lines = append(lines, "set as-path prepend "+r.Words())
	}
	return append(lines, "exit")
}

func network(s Spec, r Route, verb string) []string {
	family := "ipv4"
	if r.Prefix.Addr().Is6() {
		family = "ipv6"
	}
	return []string{fmt.Sprintf("router bgp %d", s.ASN), "address-family " + family + " unicast", fmt.Sprintf("%s %v route-map %s", verb, r.Prefix, mapName(r)), "exit", "exit"}
}

func (frrDialect) begin(*Speaker) {}

func (frrDialect) announce(s *Speaker, r Route) {
	s.with(r)
	s.Do(append(append([]string{"configure terminal"}, routeMap(r)[1:]...), network(s.Spec, r, "network")...)...)
}

func (frrDialect) withdraw(s *Speaker, r Route) {
	s.without(r)
	s.Do(append([]string{"configure terminal"}, network(s.Spec, r, "no network")...)...)
}

func (frrDialect) retry(*Speaker) {}

func (frrDialect) status(s *Speaker) string { return s.Do("show bgp neighbors") + s.Log() }
