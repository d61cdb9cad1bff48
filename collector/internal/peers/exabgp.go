//go:build interop

package peers

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

const exabgpConfig = `process commands {
  run {{.Dir}}/commands.sh;
  encoder text;
}
neighbor {{.Station.Addr}} {
  router-id {{.RouterID}};
  local-address {{.Address}};
  local-as {{.ASN}};
  peer-as {{.StationAS}};
  connect {{.Station.Port}};
  {{if .Hold}}hold-time {{.Hold}};{{end}}
  {{if .Password}}md5-password "{{.Password}}";
  md5-base64 false;{{end}}
  family { ipv4 unicast; ipv6 unicast; }
  capability { asn4 enable; route-refresh enable; {{if .AddPath}}add-path send;{{end}} {{if .Restart}}graceful-restart {{.Restart}};{{end}} }
  api { processes [ commands ]; neighbor-changes; receive { parsed; notification; } }
}
`

// exabgpCommands reads the commands from a file that grows, and writes what ExaBGP tells of its session to another. It ends with ExaBGP, which
// makes a process group of its own of it.
const exabgpCommands = `#!/bin/sh
exec 3<&0
cat <&3 >>%[1]s/told &
exec /usr/bin/tail -n +1 -s 0.1 -f --pid=$PPID %[1]s/commands
`

type exabgpDialect struct{}

func (d exabgpDialect) prepare(s *Speaker) {
	s.file("exabgp.conf", s.text(exabgpConfig))
	s.file("commands.sh", fmt.Sprintf(exabgpCommands, s.dir))
	if err := os.Chmod(s.path("commands.sh"), 0o755); err != nil {
		s.t.Fatal(err)
	}
	var b strings.Builder
	for _, r := range s.Spec.Routes {
		fmt.Fprintln(&b, d.line("announce", s.Spec, r))
	}
	for table := s.Spec.Table; len(table) > 0; {
		n := min(len(table), 500)
		b.WriteString("announce attributes next-hop " + NextHop4 + " nlri")
		for _, p := range table[:n] {
			fmt.Fprintf(&b, " %v", p)
		}
		b.WriteByte('\n')
		table = table[n:]
	}
	s.file("commands", b.String())
	s.argv = []string{"/usr/sbin/exabgp", s.path("exabgp.conf")}
	s.env = []string{"exabgp.daemon.user=root", "exabgp.api.ack=false", "exabgp.api.cli=false", "exabgp.log.level=WARNING", "exabgp.log.destination=stdout"}
	s.control = func(*Daemon, ...string) *exec.Cmd { return exec.Command("/bin/false") }
}

func (exabgpDialect) begin(*Speaker) {}

func (d exabgpDialect) announce(s *Speaker, r Route) {
	s.with(r)
	d.tell(s, d.line("announce", s.Spec, r))
}

func (d exabgpDialect) withdraw(s *Speaker, r Route) {
	s.without(r)
	d.tell(s, d.line("withdraw", s.Spec, r))
}

// tell appends a command to the file that ExaBGP reads.
func (exabgpDialect) tell(s *Speaker, line string) {
	s.t.Helper()
	f, err := os.OpenFile(s.path("commands"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	_, err = f.WriteString(line + "\n")
	if err := errors.Join(err, f.Close()); err != nil {
		s.t.Fatal(err)
	}
}

func (exabgpDialect) line(verb string, s Spec, r Route) string {
	nextHop := NextHop4
	if r.Prefix.Addr().Is6() {
		nextHop = NextHop6
	}
	line := fmt.Sprintf("%s route %v next-hop %s", verb, r.Prefix, nextHop)
	if r.ID != 0 {
		line += fmt.Sprintf(" path-information 0.0.%d.%d", r.ID>>8&255, r.ID&255)
	}
	path := r.Path
	if !s.Internal() {
		path = append([]uint32{s.ASN}, path...)
	}
	if len(r.Path) > 0 {
		line += fmt.Sprintf(" as-path %v", path)
	}
	if len(r.Communities) > 0 {
		line += fmt.Sprintf(" community %v", r.Communities)
	}
	if len(r.Large) > 0 {
		line += fmt.Sprintf(" large-community %v", r.Large)
	}
	if r.Originator.IsValid() {
		line += fmt.Sprintf(" originator-id %v", r.Originator)
	}
	if len(r.Clusters) > 0 {
		line += fmt.Sprintf(" cluster-list %v", r.Clusters)
	}
	return line
}

func (exabgpDialect) retry(*Speaker) {}

// status is what it told its process, and its log: it has no other way to ask.
func (exabgpDialect) status(s *Speaker) string {
	told, err := os.ReadFile(s.path("told"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.t.Fatal(err)
	}
	return string(told) + s.Log()
}
