package takeover

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"vifd/internal/rtnl"
)

// Errors a caller can do something about.
var (
	// ErrRefused: nothing was changed, because it could not be given back or would not work.
	ErrRefused = errors.New("refused")
	// ErrUnreachable: a default gateway that answered before does not any more.
	ErrUnreachable = errors.New("gateway unreachable")
	// ErrNothing: there is no take-over that waits for a confirmation.
	ErrNothing = errors.New("nothing to confirm")
	// ErrNotStarted: there is no take-over of that network.
	ErrNotStarted = errors.New("not started")

	errGone = errors.New("nothing can be given back to it")
)

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrRefused, fmt.Errorf(format, args...))
}

// refuseUplink says why a link cannot be a bridge's port.
func (w *work) refuseUplink(ctx context.Context, uplink *rtnl.Link) error {
	name := uplink.Name
	sys := filepath.Join(w.m.cfg.Sysfs, "class/net", name)
	has := func(file string) bool {
		_, err := os.Stat(filepath.Join(sys, file))
		return err == nil
	}
	switch {
	case uplink.Flags&unix.IFF_LOOPBACK != 0:
		return refuse("%s is the loopback device", name)
	case uplink.Kind == rtnl.KindBridge:
		return refuse("%s is a bridge itself, and a bridge cannot be in another", name)
	case has("phy80211"), has("wireless"):
		return refuse("%s is wireless: an access point takes frames of one MAC only, so a bridge behind it serves no guest", name)
	case len(uplink.MAC) != 6 || uplink.Flags&(unix.IFF_NOARP|unix.IFF_POINTOPOINT) != 0 || !isEthernet(sys):
		return refuse("%s is no Ethernet device", name)
	case uplink.Master != 0:
		master := fmt.Sprintf("ifindex %d", uplink.Master)
		if l, err := w.k.links.LinkByIndex(uplink.Master); err == nil {
			master = l.Name
		}
		return refuse("%s is in %s already", name, master)
	case !uplink.Up():
		return refuse("%s is down, and IPv6 addresses do not outlive that: set it up first", name)
	}
	links, err := w.k.links.Links(ctx)
	if err != nil {
		return err
	}
	for _, l := range links {
		switch l.Kind {
		case "macvlan", "macvtap", "ipvlan", "ipvtap":
			if lower, err := os.ReadFile(filepath.Join(w.m.cfg.Sysfs, "class/net", l.Name, "iflink")); err == nil {
				if index, err := strconv.Atoi(strings.TrimSpace(string(lower))); err == nil && index == uplink.Index {
					return refuse("%s carries %s (%s), which takes the frames that the bridge is to have", name, l.Name, l.Kind)
				}
			}
		}
	}
	return nil
}

func isEthernet(sys string) bool {
	kind, err := os.ReadFile(filepath.Join(sys, "type"))
	return err != nil || strings.TrimSpace(string(kind)) == strconv.Itoa(unix.ARPHRD_ETHER)
}

// refuseState says what of an uplink could not be given back.
func refuseState(v view, uplink Link) error {
	for _, a := range addressesOf(v.addresses, uplink) {
		if a.family() != unix.AF_INET6 {
			continue
		}
		switch flags := a.flags(); {
		case flags&unix.IFA_F_DADFAILED != 0:
			return refuse("address %v of %s is a duplicate: somebody else has it", a, uplink.Name)
		case flags&unix.IFA_F_TENTATIVE != 0:
			return refuse("address %v of %s is still being looked for in duplicate (does the link have carrier?)", a, uplink.Name)
		case flags&unix.IFA_F_TEMPORARY != 0:
			return refuse("address %v of %s is a temporary one, which nobody but the kernel can make; turn these off (sysctl net.ipv6.conf.%s.use_tempaddr=0) and delete it",
				a, uplink.Name, uplink.Name)
		case flags&unix.IFA_F_STABLE_PRIVACY != 0:
			return refuse("address %v of %s is a stable-privacy one, which nobody but the kernel can make; configure it by hand, or set addr_gen_mode eui64", a, uplink.Name)
		}
	}
	for _, r := range v.routes {
		if r.uses(uplink.Index) && r.get(rtaNHID) != nil {
			return refuse("a route goes by nexthop object %d, which several may share; give it its next hop itself", r.uint32(rtaNHID, 0))
		}
	}
	return nil
}

// warnings are what a person should know before.
func (w *work) warnings(v view, uplink Link) []string {
	var list []string
	for _, a := range addressesOf(v.addresses, uplink) {
		if a.leased() {
			_, valid := a.lifetimes()
			list = append(list, fmt.Sprintf("address %v of %s ends in %d s unless it is renewed: it moves as it is, and whoever renews it on %s must do so on %s now",
				a, uplink.Name, valid, uplink.Name, w.rec.Bridge))
		}
	}
	for _, r := range v.routes {
		if r.proto() == unix.RTPROT_RA && r.uses(uplink.Index) {
			list = append(list, "a route by router advertisement moves as it is; it is renewed on the bridge once it has ended")
			break
		}
	}
	for _, client := range w.clients(uplink.Name) {
		list = append(list, fmt.Sprintf("%s runs for %s: it may give %s its address again; let it run for %s", client, uplink.Name, uplink.Name, w.rec.Bridge))
	}
	index := strconv.Itoa(uplink.Index)
	if text, err := os.ReadFile(filepath.Join(w.m.cfg.Run, "NetworkManager/devices", index)); err == nil && !strings.Contains(string(text), "managed=false") {
		list = append(list, fmt.Sprintf("NetworkManager manages %s and may take it back: nmcli device set %s managed no", uplink.Name, uplink.Name))
	}
	if text, err := os.ReadFile(filepath.Join(w.m.cfg.Run, "systemd/netif/links", index)); err == nil && !strings.Contains(string(text), "ADMIN_STATE=unmanaged") {
		list = append(list, fmt.Sprintf("systemd-networkd manages %s and may take it back: give it a .network file with Unmanaged=yes", uplink.Name))
	}
	return list
}

// clients are the DHCP clients that run for a link by name.
func (w *work) clients(link string) []string {
	dirs, err := filepath.Glob(filepath.Join(w.m.cfg.Proc, "[0-9]*"))
	if err != nil {
		return nil
	}
	var list []string
	for _, dir := range dirs {
		line, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil {
			continue // it has ended
		}
		args := strings.Split(strings.TrimRight(string(line), "\x00"), "\x00")
		switch name := filepath.Base(args[0]); name {
		case "dhclient", "dhcpcd", "udhcpc":
			for _, a := range args[1:] {
				if a == link {
					list = append(list, name+" ("+filepath.Base(dir)+")")
				}
			}
		}
	}
	return list
}

// sameLink reports whether a link is the one of a snapshot. Within one boot an ifindex is not given twice.
func sameLink(l *rtnl.Link, was Link) bool {
	return l.Index == was.Index && l.Name == was.Name
}
