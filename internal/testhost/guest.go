package testhost

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// GuestIf is the name of a guest's interface in the guest.
const GuestIf = "eth0"

// MAC is the address that s, a literal of a test, says; it panics where s is none.
func MAC(s string) net.HardwareAddr {
	mac, err := net.ParseMAC(s)
	if err != nil {
		panic(err)
	}
	return mac
}

// Guest plugs a guest into the host: a veth pair whose end in the host is called name and is down, as a hypervisor leaves
// it, and whose other end is eth0 of a host of its own, up, with the MAC and the addresses (in prefix notation) given.
// Addresses are usable at once: duplicate address detection is off for them.
func (h *Host) Guest(t testing.TB, name, mac string, addrs ...string) *Host {
	t.Helper()
	guest := New(t)
	if err := h.plug(guest, name, mac, addrs); err != nil {
		t.Fatalf("testhost: plugging in the guest %s: %v", name, err)
	}
	return guest
}

func (h *Host) plug(guest *Host, name, mac string, addrs []string) error {
	hw, err := net.ParseMAC(mac)
	if err != nil {
		return err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	pair := &netlink.Veth{LinkAttrs: attrs, PeerName: GuestIf, PeerHardwareAddr: hw, PeerNamespace: netlink.NsFd(guest.net)}
	if err := h.links.LinkAdd(pair); err != nil {
		return fmt.Errorf("creating the pair: %w", err)
	}
	eth0, err := guest.links.LinkByName(GuestIf)
	if err != nil {
		return fmt.Errorf("looking up the guest's end: %w", err)
	}
	for _, a := range addrs {
		addr, err := netlink.ParseAddr(a)
		if err != nil {
			return err
		}
		if addr.IP.To4() == nil {
			addr.Flags = unix.IFA_F_NODAD
		}
		if err := guest.links.AddrAdd(eth0, addr); err != nil {
			return fmt.Errorf("adding %s: %w", a, err)
		}
	}
	if err := guest.links.LinkSetUp(eth0); err != nil {
		return fmt.Errorf("setting the guest's end up: %w", err)
	}
	return nil
}

// Veths creates veth pairs as fast as the kernel takes them: one end called as in names in the host, the other called p and
// that name in far, which may be the host itself. Both ends are left down.
func (h *Host) Veths(t testing.TB, far *Host, names ...string) {
	t.Helper()
	for _, name := range names {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = name
		pair := &netlink.Veth{LinkAttrs: attrs, PeerName: "p" + name, PeerNamespace: netlink.NsFd(far.net)}
		if err := h.links.LinkAdd(pair); err != nil {
			t.Fatalf("testhost: creating the veth pair %s: %v", name, err)
		}
	}
}

// WaitUp waits until the links named pass frames. That is some time after they have been set up at both ends: the kernel
// learns of a carrier in a worker of its own (net/core/link_watch.c), and until then it drops what is sent, without an error,
// and a bridge keeps its port disabled. It asks by rtnetlink, whose lock is held while all that changes; sysfs would tell of
// the state too early.
func (h *Host) WaitUp(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		Wait(t, "the link "+name+" to be up at both ends", func() bool {
			link, err := h.links.LinkByName(name)
			if err != nil {
				t.Fatalf("testhost: looking up %s: %v", name, err)
			}
			return link.Attrs().OperState == netlink.OperUp
		})
	}
}

// WaitLocal waits until packets to an IPv6 address that a link has been given are the host's own. The kernel makes the route for that in a
// worker (addrconf_dad_work, net/ipv6/addrconf.c), also where no duplicate is looked for.
func (h *Host) WaitLocal(t testing.TB, addr string) {
	t.Helper()
	Wait(t, addr+" to be the host's own", func() bool {
		return strings.Contains(h.Run(t, "ip", "-6", "route", "show", "table", "local"), "local "+addr+" dev ")
	})
}

// Ifindex is the number of the link called name.
func (h *Host) Ifindex(t testing.TB, name string) int {
	t.Helper()
	link, err := h.links.LinkByName(name)
	if err != nil {
		t.Fatalf("testhost: looking up %s: %v", name, err)
	}
	return link.Attrs().Index
}

// Unplug deletes the link called name, and with it the other end of a pair.
func (h *Host) Unplug(t testing.TB, name string) {
	t.Helper()
	link, err := h.links.LinkByName(name)
	if err == nil {
		err = h.links.LinkDel(link)
	}
	if err != nil {
		t.Fatalf("testhost: unplugging %s: %v", name, err)
	}
}
