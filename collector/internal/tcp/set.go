package tcp

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
)

// Listener is one address of a Set.
type Listener struct {
	Text string // as configured
	addr netip.AddrPort
	raw  syscall.RawConn
	tcp  *net.TCPListener // nil until it listens
}

// Addr is where it listens. Before it does (Hooks.Socket), it is the address as configured, unspecified where none is given: an unspecified
// IPv6 address then stands for a socket of both families.
func (l *Listener) Addr() netip.AddrPort { return l.addr }

// Control lets set work on the socket.
func (l *Listener) Control(set func(fd int) error) error {
	var failed error
	if err := l.raw.Control(func(fd uintptr) { failed = set(int(fd)) }); err != nil {
		return err
	}
	return failed
}

// Hooks give the listeners of a Set their socket options. Each may be nil.
type Hooks struct {
	// Socket is called for each new socket before it listens: nobody can connect who comes before the options.
	Socket func(l *Listener) error
	// All is called with the whole set, those that stay and those that are new, before it is put in force.
	All func(list []*Listener) error
	// Undo is called with those that stay, when a reload failed; it puts back what All may have changed.
	Undo func(list []*Listener) error
}

func (h Hooks) all(list []*Listener) error {
	if h.All == nil {
		return nil
	}
	return h.All(list)
}

func (h Hooks) undo(list []*Listener) error {
	if h.Undo == nil {
		return nil
	}
	return h.Undo(list)
}

// Set is the addresses that a source listens on: opened before the source runs, changed while it runs, and opened again when it runs
// another time after it failed. Safe for concurrent use.
type Set struct {
	protocol string
	log      *slog.Logger

	mu        sync.Mutex
	addresses []string // in force
	hooks     Hooks    // with which they were opened
	list      []*Listener
	serve     func(*Listener) // starts the accept loop of a listener; nil while nobody accepts
}

// Open listens on all addresses for a protocol, or on none: then the error says what to do. Who connects before Accept waits.
func Open(protocol string, addresses []string, hooks Hooks, log *slog.Logger) (*Set, error) {
	s := &Set{protocol: protocol, log: log, addresses: slices.Clone(addresses), hooks: hooks}
	list, err := s.open(nil, addresses, hooks)
	if err != nil {
		return nil, err
	}
	s.list = list
	return s, nil
}

// open gives the listeners of addresses: those of kept that have one, and new ones. On an error it closes those that it opened.
func (s *Set) open(kept []*Listener, addresses []string, hooks Hooks) ([]*Listener, error) {
	all := slices.Clone(kept)
	fail := func(err error) ([]*Listener, error) {
		closeAll(all[len(kept):])
		return nil, err
	}
	for _, text := range addresses {
		if slices.ContainsFunc(kept, func(l *Listener) bool { return l.Text == text }) {
			continue
		}
		l, err := listen(text, s.protocol, hooks.Socket)
		if err != nil {
			return fail(err)
		}
		all = append(all, l)
	}
	if err := hooks.all(all); err != nil {
		return fail(err)
	}
	return all, nil
}

func closeAll(list []*Listener) {
	for _, l := range list {
		_ = l.tcp.Close()
	}
}

// Reload puts other addresses and hooks in force. Listeners whose address stays go on; the hooks see them too. When it returns an error,
// nothing has changed, unless the error also tells what Undo could not put back. A set that is closed is only opened by the next Accept.
func (s *Set) Reload(addresses []string, hooks Hooks) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.list == nil && s.serve == nil {
		s.addresses, s.hooks = slices.Clone(addresses), hooks
		return nil
	}
	var kept, gone []*Listener
	for _, l := range s.list {
		if slices.Contains(addresses, l.Text) {
			kept = append(kept, l)
		} else {
			gone = append(gone, l)
		}
	}
	all, err := s.open(kept, addresses, hooks)
	if err != nil {
		return errors.Join(err, hooks.undo(kept))
	}
	s.addresses, s.hooks, s.list = slices.Clone(addresses), hooks, all
	closeAll(gone)
	if s.serve != nil {
		for _, l := range all[len(kept):] {
			s.serve(l)
		}
	}
	return nil
}

var errAccepting = errors.New("its connections are being accepted already")

// Accept hands on the connections of all listeners, also of those that a reload adds, until ctx ends, whose cause it returns, or a listener
// fails for good. When it returns, the set is closed and handle is not called any more. A set that is closed is opened again first.
func (s *Set) Accept(ctx context.Context, handle func(*net.TCPConn)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var loops sync.WaitGroup
	if err := s.begin(func(l *Listener) {
		loops.Go(func() {
			if err := Accept(ctx, l.tcp, s.log, handle); err != nil {
				cancel(err)
			}
		})
	}); err != nil {
		return err
	}
	<-ctx.Done()
	s.end()
	loops.Wait()
	return context.Cause(ctx)
}

func (s *Set) begin(serve func(*Listener)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.serve != nil {
		return errAccepting
	}
	if s.list == nil {
		list, err := s.open(nil, s.addresses, s.hooks)
		if err != nil {
			return err
		}
		s.list = list
	}
	s.serve = serve
	for _, l := range s.list {
		serve(l)
	}
	return nil
}

func (s *Set) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	closeAll(s.list)
	s.list, s.serve = nil, nil
}

// Close stops listening, for a source that will not run. One that runs ends by the ctx of Accept.
func (s *Set) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	closeAll(s.list)
	s.list = nil
}

// Listeners are those in force.
func (s *Set) Listeners() []*Listener {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.list)
}

// Addrs are the addresses that it listens on.
func (s *Set) Addrs() []netip.AddrPort {
	var out []netip.AddrPort
	for _, l := range s.Listeners() {
		out = append(out, l.Addr())
	}
	return out
}

// listen opens one address; prepare sees the socket before it listens.
func listen(text, protocol string, prepare func(*Listener) error) (*Listener, error) {
	l := &Listener{Text: text}
	var refused error
	t, err := listenControl(text, protocol, func(network, address string, c syscall.RawConn) error {
		if prepare != nil {
			l.addr, l.raw = configured(network, address), c
			refused = prepare(l)
		}
		return refused
	})
	if refused != nil {
		return nil, refused // in its own words, without those of the net package around them
	}
	if err != nil {
		return nil, err
	}
	if l.raw, err = t.SyscallConn(); err != nil {
		_ = t.Close()
		return nil, err
	}
	l.tcp, l.addr = t, Addr(t)
	return l, nil
}

// configured reads the address that a socket is about to be bound to, as the net package writes it.
func configured(network, address string) netip.AddrPort {
	if ap, err := netip.ParseAddrPort(address); err == nil {
		return ap
	}
	if network == "tcp4" {
		return netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	}
	return netip.AddrPortFrom(netip.IPv6Unspecified(), 0)
}
