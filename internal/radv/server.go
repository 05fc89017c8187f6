package radv

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"vifd/internal/vifsock"
)

// A Server advertises to any number of guests.
type Server struct {
	log   *slog.Logger
	count counters

	mu      sync.Mutex
	guests  map[int]*guest // by ifindex
	sockets *sockets       // from the first Set on
	closed  bool
}

// A guest is a config, never changed, and when what is in it is told.
type guest struct {
	config   Config
	schedule *schedule
}

// sockets are what a server needs of the kernel.
type sockets struct {
	*vifsock.Socket
	source *sourceFinder
}

// Stats counts what a Server has done since it was started.
type Stats struct {
	Unsolicited uint64 // advertisements to all nodes; one for several MACs counts once
	Solicited   uint64 // answers to one guest's address
	Final       uint64 // that took back what was told before
	Foreign     uint64 // solicitations from a MAC that is not the guest's
	Malformed   uint64
	Unsent      uint64 // attempts that failed: the vif was down, had no address yet, or had gone
	Pauses      uint64 // times an interface was left unread for a while because it sent too much
}

type counters struct{ unsolicited, solicited, final, foreign, malformed, unsent atomic.Uint64 }

// New makes a server without guests.
func New(log *slog.Logger) *Server {
	return &Server{log: log, guests: make(map[int]*guest)}
}

// Set advertises to a guest by c from now on, in place of what was set for that ifindex before. It fails with what Check says; then
// the guest is told nothing any more. Repeated, it does nothing. The first call opens the sockets, in the network namespace of the calling
// thread.
func (s *Server) Set(c Config) error {
	err := c.Check()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		err = s.open()
	}
	if err != nil {
		s.drop(c.Ifindex)
		return err
	}
	var last time.Time
	if old := s.guests[c.Ifindex]; old != nil {
		if old.config.equal(&c) {
			return nil
		}
		last = old.schedule.stop()
		if old.config.Prefix != c.Prefix {
			s.withdraw(old)
		}
	}
	g := &guest{config: c.clone()}
	sock := s.sockets
	g.schedule = newSchedule(last, func() bool { return s.advertise(sock, g) })
	s.guests[c.Ifindex] = g
	return nil
}

func (s *Server) open() error {
	switch {
	case s.closed:
		return os.ErrClosed
	case s.sockets != nil:
		return nil
	}
	source, err := newSourceFinder()
	if err != nil {
		return fmt.Errorf("advertise the router: %w", err)
	}
	sock, err := vifsock.Open(solicitations(), s.handle)
	if err != nil {
		return errors.Join(fmt.Errorf("advertise the router: %w", err), source.close())
	}
	s.sockets = &sockets{Socket: sock, source: source}
	return nil
}

// Remove ends the advertisements on a vif, and tells the guest, if it is still there. The vif may have gone, or never have been set.
func (s *Server) Remove(ifindex int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.guests[ifindex]; g != nil {
		g.schedule.stop()
		s.withdraw(g)
		delete(s.guests, ifindex)
	}
}

// Close ends all advertisements without telling the guests, and waits for what is under way.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	for ifindex := range s.guests {
		s.drop(ifindex)
	}
	sock := s.sockets
	s.mu.Unlock()
	if sock == nil {
		return nil
	}
	return errors.Join(sock.Close(), sock.source.close())
}

// Stats may be called at any time. The counts are each exact, but not all of the same moment.
func (s *Server) Stats() Stats {
	stats := Stats{
		Unsolicited: s.count.unsolicited.Load(), Solicited: s.count.solicited.Load(), Final: s.count.final.Load(),
		Foreign: s.count.foreign.Load(), Malformed: s.count.malformed.Load(), Unsent: s.count.unsent.Load(),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sockets != nil {
		stats.Pauses = s.sockets.Pauses()
	}
	return stats
}

// drop forgets a guest without telling it.
func (s *Server) drop(ifindex int) {
	if g := s.guests[ifindex]; g != nil {
		g.schedule.stop()
		delete(s.guests, ifindex)
	}
}

// handle answers one packet; vifsock calls it.
func (s *Server) handle(p vifsock.Packet) {
	s.mu.Lock()
	g, sock := s.guests[p.Ifindex], s.sockets
	s.mu.Unlock()
	if g == nil {
		return // no guest's vif
	}
	src, ok := solicitation(p.Data)
	switch {
	case !ok:
		s.count.malformed.Add(1)
	case !g.config.owns(p.Source):
		s.count.foreign.Add(1)
	case !src.IsLinkLocalUnicast():
		g.schedule.soon()
	case s.tell(sock, &g.config, []net.HardwareAddr{p.Source}, src, g.config.advertisement()):
		s.count.solicited.Add(1)
	default:
		g.schedule.soon() // and again until it can be sent
	}
}

func (s *Server) advertise(sock *sockets, g *guest) bool {
	sent := s.tell(sock, &g.config, g.config.MACs, netip.IPv6LinkLocalAllNodes(), g.config.advertisement())
	if sent {
		s.count.unsolicited.Add(1)
	}
	return sent
}

func (s *Server) withdraw(g *guest) {
	if s.tell(s.sockets, &g.config, g.config.MACs, netip.IPv6LinkLocalAllNodes(), g.config.withdrawal()) {
		s.count.final.Add(1)
	}
}

// tell sends an advertisement in frames for the MACs given.
func (s *Server) tell(sock *sockets, c *Config, to []net.HardwareAddr, dst netip.Addr, a *advert) bool {
	src, err := sock.source.linkLocal(c.Ifindex)
	var message []byte
	if err == nil {
		message, err = a.marshal(src, dst)
	}
	if err == nil {
		for _, mac := range to {
			err = errors.Join(err, sock.Send(c.Ifindex, mac, envelope(src, dst, message)))
		}
	}
	if err != nil {
		s.count.unsent.Add(1)
		s.log.Debug("router advertisement not sent", "iface", c.Interface, "ifindex", c.Ifindex, "error", err)
	}
	return err == nil
}
