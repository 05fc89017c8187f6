package radv

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A sourceFinder asks the kernel which source address it would take on a link. It is a UDP socket that never sends: connecting it looks
// the route and the address up, whatever else the host has, and an address that may not be used yet does not count
// (ipv6_dev_get_saddr in net/ipv6/addrconf.c). Asked for addresses by rtnetlink the kernel would tell of all the host's.
type sourceFinder struct {
	mu sync.Mutex
	fd int
}

func newSourceFinder() (*sourceFinder, error) {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	return &sourceFinder{fd: fd}, nil
}

func (f *sourceFinder) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fd < 0 {
		return os.ErrClosed
	}
	err := unix.Close(f.fd)
	f.fd = -1
	return err
}

// linkLocal is the vif's link-local address. EADDRNOTAVAIL says that there is none, or none yet.
func (f *sourceFinder) linkLocal(ifindex int) (netip.Addr, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fd < 0 {
		return netip.Addr{}, os.ErrClosed
	}
	err := unix.Connect(f.fd, &unix.SockaddrInet6{Port: 9, ZoneId: uint32(ifindex), Addr: netip.IPv6LinkLocalAllNodes().As16()})
	if err != nil {
		err = os.NewSyscallError("connect", err)
	}
	var source netip.Addr
	if err == nil {
		source, err = f.name()
	}
	// Also after a failure: the socket is bound to the link, and the next one would be refused.
	if err := errors.Join(err, f.forget()); err != nil {
		return netip.Addr{}, fmt.Errorf("find the link-local address of ifindex %d: %w", ifindex, err)
	}
	return source, nil
}

func (f *sourceFinder) name() (netip.Addr, error) {
	sa, err := unix.Getsockname(f.fd)
	if err != nil {
		return netip.Addr{}, os.NewSyscallError("getsockname", err)
	}
	// Without a link-local address the kernel takes a global one, whose advertisements no guest believes.
	if name, ok := sa.(*unix.SockaddrInet6); ok && netip.AddrFrom16(name.Addr).IsLinkLocalUnicast() {
		return netip.AddrFrom16(name.Addr), nil
	}
	return netip.Addr{}, unix.EADDRNOTAVAIL
}

// forget takes the connection back (connect(2), AF_UNSPEC), else the kernel keeps its source address for the next one.
func (f *sourceFinder) forget() error {
	none := unix.RawSockaddr{Family: unix.AF_UNSPEC}
	if _, _, errno := unix.Syscall(unix.SYS_CONNECT, uintptr(f.fd), uintptr(unsafe.Pointer(&none)), unsafe.Sizeof(none)); errno != 0 {
		return os.NewSyscallError("connect", errno)
	}
	return nil
}
