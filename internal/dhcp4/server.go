package dhcp4

import (
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"sync"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"vifd/internal/vifsock"
)

// A Server answers any number of guests.
type Server struct {
	log   *slog.Logger
	count counters

	mu     sync.Mutex
	guests map[int]*Config // by ifindex; a Config in it is never changed
	sock   *vifsock.Socket // from the first Set on
	closed bool
}

// New makes a server without guests.
func New(log *slog.Logger) *Server {
	return &Server{log: log, guests: make(map[int]*Config)}
}

// Set answers a guest by c from now on, in place of what was set for that ifindex before. It fails with what Check says; then the
// guest is not answered. The first call opens the socket, in the network namespace of the calling thread.
func (s *Server) Set(c Config) error {
	err := c.Check()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		err = s.open()
	}
	if err != nil {
		delete(s.guests, c.Ifindex)
		return err
	}
	c = c.clone()
	s.guests[c.Ifindex] = &c
	return nil
}

func (s *Server) open() (err error) {
	switch {
	case s.closed:
		return os.ErrClosed
	case s.sock != nil:
		return nil
	}
	if s.sock, err = vifsock.Open(requests(), s.handle); err != nil {
		return fmt.Errorf("answer dhcp: %w", err)
	}
	return nil
}

// Remove ends the answers on a vif, which may have gone, or never have been set. An answer that is on its way may still leave.
func (s *Server) Remove(ifindex int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.guests, ifindex)
}

// Close ends all answers and waits for the goroutine.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	clear(s.guests)
	sock := s.sock
	s.mu.Unlock()
	if sock == nil {
		return nil
	}
	return sock.Close()
}

// handle answers one packet; vifsock calls it. The answer is in a frame for the guest's MAC also where its IPv4 destination is everybody: the
// guest takes it all the same (RFC 1122, 3.3.6 forbids the reverse alone), and nobody else on the wire gets it.
func (s *Server) handle(p vifsock.Packet) {
	s.mu.Lock()
	c, sock := s.guests[p.Ifindex], s.sock
	s.mu.Unlock()
	if c == nil {
		return // no guest's vif
	}
	a, what := c.respond(p.Data)
	s.count.add(what)
	if what == declined {
		s.log.Warn("guest says its address is in use", "iface", c.Interface, "ifindex", c.Ifindex, "address", c.Address)
	}
	if a == nil {
		return
	}
	if err := sock.Send(p.Ifindex, a.reply.ClientHWAddr, envelope(c.Router, a.to, a.reply.ToBytes())); err != nil {
		s.count.unsent.Add(1)
		s.log.Debug("dhcp answer not sent", "iface", c.Interface, "ifindex", c.Ifindex, "error", err)
	}
}

// response is an answer and where it goes.
type response struct {
	reply *dhcpv4.DHCPv4
	to    netip.Addr
}

// respond decides on a packet: nil where there is to be no answer.
func (c *Config) respond(packet []byte) (*response, outcome) {
	dst, payload, ok := datagram(packet)
	if !ok {
		return nil, malformed
	}
	if dst != c.Router && dst != netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return nil, foreign // on its way to another server
	}
	m, err := dhcpv4.FromBytes(payload)
	if err != nil {
		return nil, malformed
	}
	reply, what := c.answer(m)
	if reply == nil {
		return nil, what
	}
	return &response{reply: reply, to: destination(m, reply)}, what
}
