package radv

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

const (
	// DefaultRouterLifetime is for how long a guest keeps its default route without hearing anything: long enough for the host's
	// daemon to be stopped for a while, and the most that RFC 4861 lets a router say.
	DefaultRouterLifetime = 9000 * time.Second
	// ValidLifetime and PreferredLifetime are a prefix's (RFC 4861, 6.2.1).
	ValidLifetime     = 30 * 24 * time.Hour
	PreferredLifetime = 7 * 24 * time.Hour

	minMTU = 1280 // RFC 8200, 5
)

// A Config says what one guest is told.
type Config struct {
	Interface string // the vif's name, for logs and errors
	Ifindex   int
	MACs      []net.HardwareAddr // the guest's
	// Prefix is the guest's /64: on its link, and to make addresses in.
	Prefix netip.Prefix
	// RouterLifetime is for how long the default route and the name servers are good; whole seconds, 0 is DefaultRouterLifetime. It must
	// not be shorter than MaxInterval, else the route would go between two advertisements.
	RouterLifetime time.Duration
	MTU            int          // of the guest's interface, in bytes; 0 is not to say it
	DNS            []netip.Addr // name servers; IPv6
	Domain         string       // the domain in which the guest looks up names
}

// Check tells all that is wrong with a Config.
func (c *Config) Check() error {
	var errs []error
	bad := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	bad(c.Ifindex <= 0, "ifindex %d is none", c.Ifindex)
	bad(len(c.MACs) == 0, "no MAC: there is nobody to tell")
	for _, mac := range c.MACs {
		bad(len(mac) != 6 || mac[0]&1 != 0, "%q is not the MAC of an Ethernet interface", mac)
	}
	p := c.Prefix
	bad(!p.IsValid() || !p.Addr().Is6() || p.Addr().Is4In6() || p.Bits() != 64, "prefix %v is not an IPv6 /64, in which alone guests make addresses", p)
	bad(p.IsValid() && (p.Addr().IsMulticast() || p.Addr().IsLinkLocalUnicast()), "prefix %v is not one to make addresses in", p)
	bad(p.IsValid() && p != p.Masked(), "prefix %v has bits behind its length", p)
	bad(c.RouterLifetime != 0 && (c.RouterLifetime < MaxInterval || c.RouterLifetime > 65535*time.Second),
		"router lifetime %v is not within %v-%v", c.RouterLifetime, MaxInterval, 65535*time.Second)
	bad(c.MTU != 0 && (c.MTU < minMTU || c.MTU > 65535), "mtu %d is not within %d-65535", c.MTU, minMTU)
	bad(len(c.DNS) > 8, "%d name servers are more than 8", len(c.DNS))
	for _, dns := range c.DNS {
		bad(!dns.Is6() || dns.Is4In6() || dns.IsUnspecified() || dns.IsMulticast() || dns.Zone() != "", "name server %v is not an IPv6 address", dns)
	}
	bad(c.Domain != "" && !isName(c.Domain), "domain %q is not one of at most 240 bytes", c.Domain)
	if len(errs) == 0 {
		_, err := c.advertisement().marshal(netip.IPv6LinkLocalAllNodes(), netip.IPv6LinkLocalAllNodes())
		bad(err != nil, "%w", err)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("router advertisements for %s (ifindex %d): %w", c.Interface, c.Ifindex, err)
	}
	return nil
}

// isName tells whether a guest may take s for a domain (RFC 952, RFC 1123, and the underscore that is in use). The library cannot write
// an option that is longer than 255 bytes, and takes labels of any length.
func isName(s string) bool {
	return len(s) <= 240 && !slices.ContainsFunc(strings.Split(s, "."), func(label string) bool {
		return label == "" || len(label) > 63 || strings.Trim(strings.ToLower(label), "abcdefghijklmnopqrstuvwxyz0123456789-_") != ""
	})
}

func (c *Config) clone() Config {
	d := *c
	d.MACs, d.DNS = nil, slices.Clone(c.DNS)
	for _, mac := range c.MACs {
		d.MACs = append(d.MACs, slices.Clone(mac))
	}
	return d
}

func (c *Config) equal(d *Config) bool {
	return c.Interface == d.Interface && c.Ifindex == d.Ifindex && c.Prefix == d.Prefix && c.lifetime() == d.lifetime() && c.MTU == d.MTU &&
		c.Domain == d.Domain && slices.Equal(c.DNS, d.DNS) && slices.EqualFunc(c.MACs, d.MACs, func(a, b net.HardwareAddr) bool { return slices.Equal(a, b) })
}

func (c *Config) owns(mac net.HardwareAddr) bool {
	return slices.ContainsFunc(c.MACs, func(m net.HardwareAddr) bool { return slices.Equal(m, mac) })
}

func (c *Config) lifetime() time.Duration { return cmp.Or(c.RouterLifetime, DefaultRouterLifetime) }
