package handler

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"vifd/actions/route"
	"vifd/internal/rtnl"
)

// Locator is what is asked of the kernel about an uplink.
type Locator interface {
	LinkByName(name string) (rtnl.Link, error)
	ListAddresses(ctx context.Context, index int) ([]rtnl.Address, error)
	Routes(ctx context.Context, f rtnl.RouteFilter) ([]rtnl.Route, error)
}

// uplink is what guests that are routed need to know of it.
type uplink struct {
	ifindex    int
	ipv4, ipv6 netip.Prefix // the host's primary addresses there; not valid: none
	gateways   []netip.Addr // IPv6 routers beyond
	read       time.Time
}

// uplinkAge is for how long an uplink is believed to be as it was read. The kernel walks through all routes, of which each guest has
// some, to tell those of the uplink: a thousand guests that come together must not each ask for that.
const uplinkAge = time.Second

// uplinks remembers uplinks by name.
type uplinks struct {
	mu   sync.Mutex
	seen map[string]uplink
}

func (u *uplinks) find(ctx context.Context, conn Locator, name string) (uplink, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if known, ok := u.seen[name]; ok && time.Since(known.read) < uplinkAge {
		return known, nil
	}
	now, err := readUplink(ctx, conn, name)
	if err != nil {
		return now, err
	}
	if u.seen == nil {
		u.seen = make(map[string]uplink)
	}
	u.seen[name] = now
	return now, nil
}

// has reports whether vifs have been routed by way of name.
func (u *uplinks) has(name string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	_, ok := u.seen[name]
	return ok
}

func readUplink(ctx context.Context, conn Locator, name string) (uplink, error) {
	now := uplink{read: time.Now()}
	link, err := conn.LinkByName(name)
	if errors.Is(err, rtnl.ErrNotFound) {
		return now, fmt.Errorf("%w as %s", route.ErrNoUplink, name)
	}
	if err != nil {
		return now, err
	}
	now.ifindex = link.Index
	addresses, err := conn.ListAddresses(ctx, link.Index)
	if err != nil {
		return now, fmt.Errorf("addresses of uplink %s: %w", name, err)
	}
	now.ipv4, now.ipv6 = route.Primary(addresses)
	routes, err := conn.Routes(ctx, rtnl.RouteFilter{Family: unix.AF_INET6, OIF: link.Index})
	if err != nil {
		return now, fmt.Errorf("routes by uplink %s: %w", name, err)
	}
	now.gateways = route.Gateways(routes, link.Index)
	return now, nil
}

// Locate fills in what a plan to route leaves open: the uplink's ifindex, the address by which the host is known there, which is the
// one that it has on the vif as well, and the routers beyond. route.ErrNoUplink where there is no such uplink.
func (p *Plan) Locate(ctx context.Context, conn Locator) error {
	return p.locate(ctx, conn, &uplinks{})
}

func (p *Plan) locate(ctx context.Context, conn Locator, known *uplinks) error {
	want := p.Route
	if want == nil || want.Uplink.Name == "" {
		return nil
	}
	up, err := known.find(ctx, conn, want.Uplink.Name)
	if err != nil {
		return err
	}
	want.Uplink.Ifindex = up.ifindex
	if len(want.Host) == 0 {
		if want.Forwarding.IPv4 && up.ipv4.IsValid() {
			want.Host = append(want.Host, up.ipv4)
		}
		if want.Forwarding.IPv6 && up.ipv6.IsValid() {
			want.Host = append(want.Host, up.ipv6)
		}
	}
	if want.Forwarding.IPv6 && want.Proxy {
		want.Gateways = up.gateways
	}
	return nil
}
