package dhcp4

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
	// DefaultLease is for how long a guest gets its address if nothing else is said. It asks again after half of it.
	DefaultLease = time.Hour
	// MinLease is the shortest lease.
	MinLease = 10 * time.Second
)

// A Config says what one guest is told.
type Config struct {
	Interface string // the vif's name, for logs and errors
	Ifindex   int
	// MACs are the guest's; requests of others are not answered.
	MACs []net.HardwareAddr
	// Address is the guest's, with the length of the prefix that it is to take for its link: see the package's comment.
	Address netip.Prefix
	// Router is the guest's gateway: the host's address on the vif, and the server's identifier.
	Router netip.Addr
	DNS    []netip.Addr  // name servers; IPv4
	Domain string        // the domain in which the guest looks up names
	Host   string        // the guest's own name
	MTU    int           // of the guest's interface, in bytes; 0 is not to say it
	Lease  time.Duration // in whole seconds; 0 is DefaultLease
	// Routes are classless static routes (RFC 3442). The default route, and the route to a Router outside Address's prefix, are added.
	Routes []Route
}

// A Route is one classless static route.
type Route struct {
	To  netip.Prefix
	Via netip.Addr // 0.0.0.0 or the zero Addr is directly on the link
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
	bad(len(c.MACs) == 0, "no MAC: there is nobody to answer")
	for _, mac := range c.MACs {
		bad(len(mac) != 6 || mac[0]&1 != 0, "%q is not the MAC of an Ethernet interface", mac)
	}
	bad(!isHost(c.Address.Addr()) || !c.Address.IsValid(), "%v is not an IPv4 address with a prefix length", c.Address)
	bad(!isHost(c.Router), "router %v is not an IPv4 address", c.Router)
	bad(c.Router == c.Address.Addr(), "router %v is the guest's own address", c.Router)
	for _, dns := range c.DNS {
		bad(!isHost(dns), "name server %v is not an IPv4 address", dns)
	}
	bad(c.Domain != "" && !isName(c.Domain), "domain %q is not a host name", c.Domain)
	bad(c.Host != "" && !isName(c.Host), "host name %q is none", c.Host)
	bad(c.MTU != 0 && (c.MTU < 68 || c.MTU > 65535), "mtu %d is not within 68-65535", c.MTU)
	bad(c.Lease != 0 && (c.Lease < MinLease || c.Lease.Seconds() >= 1<<32-1), "lease %v is not within %v-%v", c.Lease, MinLease, (1<<32-2)*time.Second)
	for _, r := range c.Routes {
		bad(!r.To.IsValid() || !r.To.Addr().Is4(), "route to %v is not to an IPv4 prefix", r.To)
		bad(r.Via.IsValid() && !r.Via.Is4(), "route to %v is via %v, which is not an IPv4 address", r.To, r.Via)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("dhcp for %s (ifindex %d): %w", c.Interface, c.Ifindex, err)
	}
	return nil
}

func isHost(a netip.Addr) bool {
	return a.Is4() && !a.IsUnspecified() && !a.IsMulticast() && a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// isName tells whether a client's script may take s for a host name or a domain (RFC 952, RFC 1123, and the underscore that is in use).
// Clients hand what they are told to shells.
func isName(s string) bool {
	return len(s) <= 253 && !strings.HasPrefix(s, "-") && !slices.ContainsFunc(strings.Split(s, "."), func(label string) bool {
		return label == "" || len(label) > 63 || strings.Trim(strings.ToLower(label), "abcdefghijklmnopqrstuvwxyz0123456789-_") != ""
	})
}

func (c *Config) clone() Config {
	d := *c
	d.MACs, d.DNS, d.Routes = nil, slices.Clone(c.DNS), slices.Clone(c.Routes)
	for _, mac := range c.MACs {
		d.MACs = append(d.MACs, slices.Clone(mac))
	}
	return d
}

func (c *Config) owns(mac net.HardwareAddr) bool {
	return slices.ContainsFunc(c.MACs, func(m net.HardwareAddr) bool { return slices.Equal(m, mac) })
}

func (c *Config) lease() time.Duration { return cmp.Or(c.Lease, DefaultLease) }

// routes are all routes that a client needs which takes them from this list alone: the router's first, where it is not on the
// guest's prefix, since the others go by it.
func (c *Config) routes() []Route {
	var routes []Route
	if !c.Address.Contains(c.Router) {
		routes = append(routes, Route{To: netip.PrefixFrom(c.Router, 32)})
	}
	routes = append(routes, c.Routes...)
	if !slices.ContainsFunc(routes, func(r Route) bool { return r.To.Bits() == 0 }) {
		routes = append(routes, Route{To: netip.PrefixFrom(netip.IPv4Unspecified(), 0), Via: c.Router})
	}
	return routes
}
