package config

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"anywatch/collector/route"
)

// largest bounds the configuration file, in octets: 100,000 prefixes with every key take a tenth of it.
const largest = 256 << 20

// Load reads a configuration file. The error is a Faults: all that is wrong with it.
func Load(path string) (*Config, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, Faults{notRead(path, err)}
	}
	return Parse(path, data, filepath.Dir(path))
}

var (
	errDirectory = errors.New("is a directory")
	errTooLarge  = errors.New("is larger than 256 MiB")
)

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, errDirectory
	}
	data, err := io.ReadAll(io.LimitReader(f, largest+1))
	if err == nil && len(data) > largest {
		return nil, errTooLarge
	}
	return data, err
}

func notRead(path string, err error) Fault {
	f := Fault{File: path, Remedy: "name a configuration file that exists"}
	var cause *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.Problem = "there is no such file"
	case errors.Is(err, fs.ErrPermission):
		f.Problem, f.Remedy = "permission denied", "let the user that anywatch runs as read it"
	case errors.Is(err, errDirectory):
		f.Problem, f.Remedy = "is a directory", "name the configuration file in it"
	case errors.As(err, &cause):
		f.Problem = "can't be read: " + cause.Err.Error()
	default:
		f.Problem = err.Error()
	}
	return f
}

// Parse reads a configuration. The name is for messages; file names in the configuration are relative to dir. The error is a
// Faults: all that is wrong, in the order of the file.
func Parse(name string, data []byte, dir string) (*Config, error) {
	root, faults := syntax(name, data)
	if root == nil {
		return nil, faults
	}
	r := &reader{file: name, dir: dir, faults: faults}
	c := r.config(root)
	if len(r.faults) > 0 {
		return nil, r.faults.inOrder()
	}
	c.given = givenKeys(root)
	return c, nil
}

// config reads the whole file. Names are read before what refers to them; the order of the file doesn't matter.
func (r *reader) config(root *node) *Config {
	if root.kind != table {
		if root.kind != broken {
			what := "the file is " + root.kind.String() + ", where keys are wanted"
			r.fault(root.at, yamlKey, &problem{what, "write key: value, a line for each, beginning with asns and prefixes"})
		}
		root = &node{kind: broken, at: root.at}
	}
	s := r.section("", root.at, root)
	s.knows("asns", "defaults", "prefixes", "sites", "sources", "rpki", "detect", "rules", "peer_locks", "maintenance", "alerts", "store", "web", "log")
	c := &Config{ASNs: r.asns(s)}
	var sites, rules names
	c.Sites, sites = r.sites(s)
	c.Defaults, c.Prefixes = r.policies(s, c.ASNs, sites)
	c.Sources = r.sources(s.sub("sources", "{bgp: {}}"), c.ASNs)
	c.RPKI = r.rpki(s.sub("rpki", "{files: [vrps.json]}"))
	c.Detect = r.detect(s.sub("detect", "{resolve_after: 60s}"))
	c.Rules, rules = r.rules(s)
	c.PeerLocks = r.peerLocks(s)
	c.Maintenance = r.maintenance(s, sites)
	c.Alerts = r.alerts(s.sub("alerts", "{group_wait: 5s}"), sites, rules)
	c.Store = r.store(s.sub("store", `{url: "sqlite:anywatch.db", keep: 90d}`))
	c.Web = r.web(s.sub("web", "{listen: 127.0.0.1:8480}"))
	c.Log = r.log(s.sub("log", "{level: info, format: text}"))
	s.end()
	return c
}

// asns reads the AS numbers that are ours.
func (r *reader) asns(s *section) []route.ASN {
	const remedy = "write your AS numbers, as asns: [64500]"
	asns := many(s, "asns", asNumber)
	if s.required("asns", remedy) && len(asns) == 0 && s.sound("asns") {
		s.fault("asns", "is empty", remedy)
	}
	return asns
}
