package demo

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// guest is a virtual machine as far as the network can tell: a network namespace of its own behind a veth pair, whose other
// end is the vif.
type guest struct {
	vif      string
	mac      net.HardwareAddr
	ip4, ip6 netip.Addr

	calls chan func()
	ns    *os.File
	index int // of eth0
}

// nameGuest says who guest n is.
func nameGuest(n int) *guest {
	return &guest{
		vif: fmt.Sprintf("vif%d.0", n),
		mac: net.HardwareAddr{0x00, 0x16, 0x3e, 0x00, 0x00, byte(n)},
		ip4: netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}),
		ip6: netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 15: byte(n)}),
	}
}

// newGuest starts guest n: its own side first, so that all is there when the vif appears.
func newGuest(n int) (*guest, error) {
	g := nameGuest(n)
	g.calls = make(chan func())
	started := make(chan error)
	go g.live(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("make a network namespace: %w", err)
	}
	err := netlink.LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: g.vif},
		PeerName:  "eth0", PeerHardwareAddr: g.mac, PeerNamespace: netlink.NsFd(g.ns.Fd()),
	})
	if err != nil {
		g.close()
		return nil, fmt.Errorf("plug in %s: %w", g.vif, err)
	}
	if err := g.do(g.configure); err != nil {
		g.close()
		return nil, fmt.Errorf("configure eth0: %w", err)
	}
	return g, nil
}

// live keeps a thread in the guest's namespace. A thread that has changed namespaces is not given back to Go.
func (g *guest) live(started chan<- error) {
	runtime.LockOSThread()
	err := unix.Unshare(unix.CLONE_NEWNET)
	if err == nil {
		g.ns, err = os.Open("/proc/thread-self/ns/net")
	}
	started <- err
	if err != nil {
		return
	}
	for f := range g.calls {
		f()
	}
}

// do runs f inside the guest.
func (g *guest) do(f func() error) error {
	done := make(chan error)
	g.calls <- func() { done <- f() }
	return <-done
}

func (g *guest) configure() error {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer h.Close()
	eth0, err := h.LinkByName("eth0")
	if err != nil {
		return err
	}
	g.index = eth0.Attrs().Index
	for _, addr := range []*netlink.Addr{
		{IPNet: &net.IPNet{IP: g.ip4.AsSlice(), Mask: net.CIDRMask(24, 32)}},
		// Without duplicate address detection, for which a guest waits a second before it uses an address.
		{IPNet: &net.IPNet{IP: g.ip6.AsSlice(), Mask: net.CIDRMask(64, 128)}, Flags: unix.IFA_F_NODAD},
	} {
		if err := h.AddrAdd(eth0, addr); err != nil {
			return fmt.Errorf("add address %s: %w", addr.IPNet, err)
		}
	}
	return h.LinkSetUp(eth0)
}

func (g *guest) close() {
	if g.ns == nil {
		return
	}
	close(g.calls)
	_ = g.ns.Close()
	g.ns = nil
}
