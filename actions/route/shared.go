package route

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"vifd/internal/rtnl"
	"vifd/internal/sysctl"
)

// IPv6 accepts router advertisements by default where it does not forward (1), and, where it is told to, in spite of that (2).
const (
	acceptRA       = "1"
	acceptRAAnyway = "2"
)

const (
	protocolRA    = 9    // RTPROT_RA: a route that a router has advertised
	flagPermanent = 0x80 // IFA_F_PERMANENT: an address that nobody has advertised
)

// lack is a setting that is still missing.
type lack struct {
	Changed
	link Link // whose it is; the zero Link: nobody's
}

// missing lists what a vif needs of the host and does not find, in the order to be set.
func missing(ctx context.Context, conn Reader, sysctls Sysctls, user State) ([]lack, error) {
	var list []lack
	if user.Forwarding.IPv4 {
		some, err := missingIPv4(sysctls)
		if err != nil {
			return nil, err
		}
		list = append(list, some...)
	}
	if user.Forwarding.IPv6 {
		some, err := missingIPv6(ctx, conn, sysctls, user.Uplink)
		if err != nil {
			return nil, err
		}
		list = append(list, some...)
	}
	if slices.Contains(needsOf(user), needNDP(user.Uplink.Name)) {
		name := sysctl.IPv6(user.Uplink.Name, "proxy_ndp")
		value, err := sysctls.Get(name)
		if err != nil {
			return nil, noUplink(err, user.Uplink)
		}
		if value == "0" {
			list = append(list, lack{Changed{Setting: Setting{Name: name, Old: value, New: "1"}, Need: needNDP(user.Uplink.Name)}, user.Uplink})
		}
	}
	return list, nil
}

func noUplink(err error, uplink Link) error {
	if errors.Is(err, sysctl.ErrNotFound) {
		return fmt.Errorf("%w as %s, or it has no IPv6: %w", ErrNoUplink, uplink.Name, err)
	}
	return err
}

func missingIPv4(sysctls Sysctls) ([]lack, error) {
	name := sysctl.Name{"ipv4", "ip_forward"}
	value, err := sysctls.Get(name)
	if err != nil || value != "0" {
		return nil, err
	}
	also, err := forwardingAlready(sysctls, "ipv4")
	if err != nil {
		return nil, err
	}
	// A router does not accept redirects, a host does: the kernel changes this with every change of forwarding
	// (inet_forward_change, net/ipv4/devinet.c), whatever it was.
	redirects := sysctl.IPv4("all", "accept_redirects")
	accepts, err := sysctls.Get(redirects)
	if err != nil {
		return nil, err
	}
	also = append(also, Setting{Name: redirects, Old: accepts, New: "0"})
	return []lack{{Changed: Changed{Setting: Setting{Name: name, Old: value, New: "1"}, Need: needIPv4, Also: also}}}, nil
}

// missingIPv6 has the host forward, and yet keep what routers have advertised to it: the kernel forgets default routes that were
// advertised the moment forwarding is turned on, and hears of no more, save on links with accept_ra 2 (rt6_purge_dflt_routers,
// net/ipv6/route.c). A host would cut itself off.
func missingIPv6(ctx context.Context, conn Reader, sysctls Sysctls, uplink Link) ([]lack, error) {
	name := sysctl.IPv6("all", "forwarding")
	value, err := sysctls.Get(name)
	if err != nil || value != "0" {
		return nil, err
	}
	also, err := forwardingAlready(sysctls, "ipv6")
	if err != nil {
		return nil, err
	}
	links, err := advertised(ctx, conn, uplink)
	if err != nil {
		return nil, err
	}
	var list []lack
	for _, l := range links {
		ra := sysctl.IPv6(l.Name, "accept_ra")
		value, err := sysctls.Get(ra)
		if err != nil && !errors.Is(err, sysctl.ErrNotFound) {
			return nil, err
		}
		if value == acceptRA {
			list = append(list, lack{Changed{Setting: Setting{Name: ra, Old: value, New: acceptRAAnyway}, Need: needIPv6}, l})
		}
	}
	return append(list, lack{Changed: Changed{Setting: Setting{Name: name, Old: value, New: "1"}, Need: needIPv6, Also: also}}), nil
}

// advertised are the links by which the host has routes or addresses of a router's word, and the uplink.
func advertised(ctx context.Context, conn Reader, uplink Link) ([]Link, error) {
	routes, err := conn.Routes(ctx, rtnl.RouteFilter{Family: familyIPv6, Protocol: protocolRA})
	if err != nil {
		return nil, err
	}
	addresses, err := conn.ListAddresses(ctx, 0)
	if err != nil {
		return nil, err
	}
	var indexes []int
	for _, r := range routes {
		indexes = append(indexes, r.OIF)
	}
	for _, a := range addresses {
		if a.Prefix.Addr().Is6() && a.Flags&flagPermanent == 0 {
			indexes = append(indexes, a.Index)
		}
	}
	slices.Sort(indexes)
	var links []Link
	if uplink.Ifindex != 0 {
		links = append(links, uplink)
	}
	for _, index := range slices.Compact(indexes) {
		if index == 0 || index == uplink.Ifindex {
			continue
		}
		l, err := conn.LinkByIndex(index)
		switch {
		case errors.Is(err, rtnl.ErrNotFound):
		case err != nil:
			return nil, err
		default:
			links = append(links, Link{Ifindex: index, Name: l.Name})
		}
	}
	return links, nil
}

// familyIPv6 is AF_INET6.
const familyIPv6 = 10

// forwardingAlready lists the links that forward although the host as a whole does not: turning that off sets them all to 0.
func forwardingAlready(sysctls Sysctls, protocol string) ([]Setting, error) {
	links, err := sysctls.List(protocol, "conf")
	if err != nil {
		return nil, err
	}
	var list []Setting
	for _, l := range links {
		if l == "all" {
			continue
		}
		name := sysctl.Name{protocol, "conf", l, "forwarding"}
		value, err := sysctls.Get(name)
		switch {
		case errors.Is(err, sysctl.ErrNotFound): // it has just gone
		case err != nil:
			return nil, err
		case value != "0":
			list = append(list, Setting{Name: name, Old: value, New: value})
		}
	}
	return list, nil
}
