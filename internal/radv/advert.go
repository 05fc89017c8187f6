package radv

import (
	"net/netip"
	"time"

	"github.com/mdlayher/ndp"
)

// An advert is the message that a router advertisement is.
type advert ndp.RouterAdvertisement

// advertisement is what a guest is told.
func (c *Config) advertisement() *advert {
	return c.compose(c.lifetime(), ValidLifetime, PreferredLifetime)
}

// withdrawal takes back what advertisement has told. The prefix stays valid for what is under way, two hours at the most (RFC 4862,
// 5.5.3), and is not used for anything new.
func (c *Config) withdrawal() *advert { return c.compose(0, 0, 0) }

// compose leaves the router's link-layer address out, as it may (RFC 4861, 6.2.3). The guest asks for it, and so gets the right one
// also after the host's end of the vif has got another.
func (c *Config) compose(route, valid, preferred time.Duration) *advert {
	options := []ndp.Option{
		&ndp.PrefixInformation{
			PrefixLength: uint8(c.Prefix.Bits()), Prefix: c.Prefix.Addr(), OnLink: true, AutonomousAddressConfiguration: true,
			ValidLifetime: valid, PreferredLifetime: preferred,
		},
	}
	if c.MTU != 0 {
		options = append(options, ndp.NewMTU(uint32(c.MTU)))
	}
	if len(c.DNS) > 0 {
		options = append(options, &ndp.RecursiveDNSServer{Lifetime: route, Servers: c.DNS})
	}
	if c.Domain != "" {
		options = append(options, &ndp.DNSSearchList{Lifetime: route, DomainNames: []string{c.Domain}})
	}
	return &advert{CurrentHopLimit: 64, RouterLifetime: route, Options: options}
}

// marshal writes the ICMPv6 message, with its checksum.
func (a *advert) marshal(src, dst netip.Addr) ([]byte, error) {
	return ndp.MarshalMessageChecksum((*ndp.RouterAdvertisement)(a), src, dst)
}
