package takeover

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// gatewayPatience is how long a gateway may take to answer: the kernel asks three times, a second apart (mcast_solicit).
const gatewayPatience = 4 * time.Second

// defaultGateways are the routers of the default routes, of any table, behind a link.
func defaultGateways(routes []route, link int) []netip.Addr {
	var list []netip.Addr
	for _, r := range routes {
		if !r.isDefault() {
			continue
		}
		for _, ip := range r.gateways(link) {
			if !slices.Contains(list, ip) {
				list = append(list, ip)
			}
		}
	}
	return list
}

// answering has the kernel ask for each gateway, by ARP or neighbour discovery, and returns those that answer. One with an entry that a
// person made is not asked for, and not returned.
func (k *kernel) answering(ctx context.Context, link int, gateways []netip.Addr) ([]netip.Addr, error) {
	var answered []netip.Addr
	for deadline := time.Now().Add(gatewayPatience); len(answered) < len(gateways); {
		table, err := k.neighbours(ctx, 0)
		if err != nil {
			return nil, err
		}
		waiting := false
		for _, ip := range gateways {
			if slices.Contains(answered, ip) {
				continue
			}
			var state uint16
			for _, n := range table {
				if n.link() == link && n.ip() == ip && !n.proxy() {
					state = n.state()
				}
			}
			switch {
			case state&(nudPermanent|nudNoARP) != 0:
			case state == nudReachable:
				answered = append(answered, ip)
			case state == nudIncomplete || state == nudProbe:
				waiting = true
			default:
				waiting = true
				if err := k.ask(link, ip, state); err != nil {
					return nil, err
				}
			}
		}
		if !waiting || time.Now().After(deadline) {
			break
		}
		if err := pause(ctx, pollEvery); err != nil {
			return nil, err
		}
	}
	return answered, nil
}

// ask begins the search for a neighbour, or has an entry probed that is not fresh (NTF_USE and NUD_PROBE, neigh_add in net/core/neighbour.c).
func (k *kernel) ask(link int, ip netip.Addr, state uint16) error {
	h := make([]byte, neighbourHeader)
	h[0] = unix.AF_INET
	if ip.Is6() {
		h[0] = unix.AF_INET6
	}
	h[10] = unix.NTF_USE
	if state == nudStale || state == nudDelay {
		h[8], h[10] = nudProbe, 0
	}
	n := neighbour{object{header: h}.with(unix.NDA_DST, ip.AsSlice())}.on(link)
	return k.send(unix.RTM_NEWNEIGH, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, n.bytes(), fmt.Sprintf("ask for %v", ip))
}

// silent returns the gateways that answered before and do not any more.
func (k *kernel) silent(ctx context.Context, link int, before []string) error {
	var gateways []netip.Addr
	for _, s := range before {
		ip, err := netip.ParseAddr(s)
		if err != nil {
			return fmt.Errorf("gateway in the snapshot: %w", err)
		}
		gateways = append(gateways, ip)
	}
	answered, err := k.answering(ctx, link, gateways)
	if err != nil {
		return err
	}
	var lost []string
	for _, ip := range gateways {
		if !slices.Contains(answered, ip) {
			lost = append(lost, ip.String())
		}
	}
	if len(lost) > 0 {
		return fmt.Errorf("%w: %s answered before and does not any more", ErrUnreachable, strings.Join(lost, ", "))
	}
	return nil
}
