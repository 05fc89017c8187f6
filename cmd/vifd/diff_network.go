package main

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"vifd/handler"
	"vifd/internal/rtnl"
)

// networkFields are what a plan's commands do not say of the network: by which uplink others are reached, and what vifd itself tells
// the guest.
func networkFields(rs *handler.Ruleset, plan *handler.Plan) []fieldDiff {
	var list []fieldDiff
	add := func(field, text string) {
		if text != "" {
			list = append(list, fieldDiff{Field: field, New: text})
		}
	}
	switch {
	case plan.Port != nil:
		add("uplink", rs.Set().Networks[plan.Network()].Bridge.Uplink)
	case plan.NAT != nil:
		add("uplink", plan.NAT.Uplink)
	case plan.Route != nil:
		add("uplink", plan.Route.Uplink.Name)
	}
	var dns []netip.Addr
	domain, mtu := "", 0
	if dhcp := plan.Told.DHCP; dhcp != nil {
		add("dhcp", fmt.Sprintf("%v by %v", dhcp.Address, dhcp.Router))
		add("lease", leaseText(dhcp.Lease))
		dns, domain, mtu = slices.Concat(dns, dhcp.DNS), dhcp.Domain, dhcp.MTU
	}
	if router := plan.Told.Router; router != nil {
		add("advertised", router.Prefix.String())
		dns, domain, mtu = slices.Concat(dns, router.DNS), router.Domain, router.MTU
	}
	words := make([]string, len(dns))
	for i, addr := range dns {
		words[i] = addr.String()
	}
	add("dns", strings.Join(words, ", "))
	add("domain", domain)
	if mtu != 0 {
		add("told mtu", fmt.Sprint(mtu))
	}
	return list
}

// leaseText is a time of whole seconds without the units of which there are none: 1h, and not 1h0m0s.
func leaseText(lease time.Duration) string {
	text := lease.String()
	if lease%time.Minute == 0 {
		text = strings.TrimSuffix(text, "0s")
	}
	if lease%time.Hour == 0 {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// keptLocator asks the kernel once about each uplink: every guest has a route that it would have to go through to tell those of the
// uplink. It is for one goroutine.
type keptLocator struct {
	handler.Locator
	routes    map[rtnl.RouteFilter][]rtnl.Route
	addresses map[int][]rtnl.Address
}

func newKeptLocator(conn handler.Locator) keptLocator {
	return keptLocator{conn, make(map[rtnl.RouteFilter][]rtnl.Route), make(map[int][]rtnl.Address)}
}

func (k keptLocator) ListAddresses(ctx context.Context, index int) ([]rtnl.Address, error) {
	if list, known := k.addresses[index]; known {
		return list, nil
	}
	list, err := k.Locator.ListAddresses(ctx, index)
	if err == nil {
		k.addresses[index] = list
	}
	return list, err
}

func (k keptLocator) Routes(ctx context.Context, f rtnl.RouteFilter) ([]rtnl.Route, error) {
	if list, known := k.routes[f]; known {
		return list, nil
	}
	list, err := k.Locator.Routes(ctx, f)
	if err == nil {
		k.routes[f] = list
	}
	return list, err
}
