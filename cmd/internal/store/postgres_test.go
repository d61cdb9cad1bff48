//go:build interop

package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/stdlib"
)

// postgresPassword stands in every address, and may stand nowhere else.
const postgresPassword = "correct-horse-7c1f"

func databases() []database {
	return []database{sqliteDatabase, {"postgres", func(t testing.TB) string { return sharedServer(t).database(t) }}}
}

// shared is the server that the tests have in common; each has a database of its own.
var shared struct {
	sync.Mutex
	server *server
	made   int
}

func sharedServer(t testing.TB) *server {
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		shared.server = newServer(t)
	}
	return shared.server
}

func stopServers() {
	shared.Lock()
	defer shared.Unlock()
	if shared.server != nil {
		shared.server.remove()
	}
}

// server is a PostgreSQL of Debian's package, in a folder and on a port of its own.
type server struct {
	folder, bin string
	port        int
	owner       *syscall.Credential
	process     *exec.Cmd
	output      bytes.Buffer
}

func newServer(t testing.TB) *server {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(found) == 0 {
		t.Fatal("no PostgreSQL is installed: apt-get install --no-install-recommends postgresql")
	}
	s := &server{bin: found[len(found)-1]}
	s.folder, err = os.MkdirTemp("", "anywatch-postgres-")
	check(t, err)
	if os.Geteuid() == 0 { // the server does not run as root
		u, err := user.Lookup("postgres")
		check(t, err)
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		check(t, err)
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		check(t, err)
		s.owner = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		check(t, os.Chown(s.folder, int(uid), int(gid)))
	}
	secret := filepath.Join(s.folder, "secret")
	check(t, os.WriteFile(secret, []byte(postgresPassword+"\n"), 0o644))
	data := filepath.Join(s.folder, "data")
	if out, err := s.command("initdb", "-D", data, "-U", "anywatch", "-A", "scram-sha-256", "--pwfile", secret, "-E", "UTF8", "--locale=C.UTF-8").CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	s.port = freePort(t)
	s.start(t)
	return s
}

func freePort(t testing.TB) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (s *server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = s.folder
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.owner, Pdeathsig: syscall.SIGQUIT}
	return cmd
}

func (s *server) start(t testing.TB) {
	t.Helper()
	s.process = s.command("postgres", "-D", filepath.Join(s.folder, "data"), "-p", strconv.Itoa(s.port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=")
	s.process.Stdout, s.process.Stderr = &s.output, &s.output
	check(t, s.process.Start())
	until(t, "PostgreSQL takes connections", func() bool {
		db := s.connect(t, "postgres")
		defer db.Close()
		return db.PingContext(t.Context()) == nil
	})
}

// stop ends the server at once, as when its machine goes away.
func (s *server) stop() {
	if s.process != nil {
		_ = s.process.Process.Signal(syscall.SIGQUIT)
		_ = s.process.Wait() // it was told to quit
		s.process = nil
	}
}

func (s *server) remove() {
	s.stop()
	os.RemoveAll(s.folder)
}

func (s *server) address(name string) string {
	return fmt.Sprintf("postgres://anywatch:%s@127.0.0.1:%d/%s?sslmode=disable", postgresPassword, s.port, name)
}

func (s *server) connect(t testing.TB, name string) *sql.DB {
	t.Helper()
	d, err := parse(s.address(name))
	check(t, err)
	return stdlib.OpenDB(*d.(*postgres).config)
}

// database makes an empty database.
func (s *server) database(t testing.TB) string {
	t.Helper()
	shared.Lock()
	shared.made++
	name := fmt.Sprint("test", shared.made)
	shared.Unlock()
	db := s.connect(t, "postgres")
	defer db.Close()
	_, err := db.ExecContext(t.Context(), "CREATE DATABASE "+name)
	check(t, err)
	return s.address(name)
}

// TestServerGoesAway: the server ends amid everything and comes back; what was given meanwhile is written then.
func TestServerGoesAway(t *testing.T) {
	server := newServer(t)
	defer server.remove()
	log := new(said)
	c := config(server.database(t))
	c.Log = log.logger()
	s := open(t, c)
	record(t, s, []Change{opened(3, noon)})
	check(t, s.wait(t.Context(), &op{run: func(t *txn) error { return t.exec("DELETE FROM incident") }}))
	server.stop()
	troubled(t, s, log, func() {
		_, err := s.OpenIncidents(t.Context())
		if err == nil {
			t.Error("a server that is gone is read")
		}
	}, func() { server.start(t) })
	check(t, s.Close())
	if all := fmt.Sprint(log.all(), s.Health().Err, s); strings.Contains(all, postgresPassword) {
		t.Errorf("the password is said: %s", all)
	}
}

// TestServerComesLater: the daemon starts before its database does.
func TestServerComesLater(t *testing.T) {
	server := newServer(t)
	defer server.remove()
	address := server.database(t)
	server.stop()
	log := new(said)
	c := config(address)
	c.Log = log.logger()
	s := open(t, c)
	troubled(t, s, log, func() {}, func() { server.start(t) })
}

// TestRefused: who may not enter must change something, and is not told the password.
func TestRefused(t *testing.T) {
	server := sharedServer(t)
	for _, address := range []string{
		strings.Replace(server.address("postgres"), postgresPassword, "wrong-"+postgresPassword, 1), server.address("no_such_database"),
	} {
		s, err := Open(context.Background(), config(address))
		if err == nil {
			err = errors.Join(s.Close(), errors.New("it opened"))
			t.Errorf("%s: %v", server.address(""), err)
		}
		if strings.Contains(err.Error(), postgresPassword) {
			t.Errorf("the password is said: %v", err)
		}
	}
}
