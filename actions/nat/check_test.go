package nat_test

import (
	"net/netip"
	"strings"
	"testing"

	"vifd/actions/nat"
)

func prefixes(list ...string) (out []netip.Prefix) {
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

func TestForwardsThatCannotBe(t *testing.T) {
	t.Parallel()
	addr := netip.MustParseAddr
	for want, list := range map[string][]nat.Forward{
		"tcp and udp can be":              {{Protocol: 1, First: 80}},
		"ports begin at 1":                {{Protocol: nat.TCP}},
		"before it begins":                {{Protocol: nat.TCP, First: 80, Last: 79}},
		"beyond 65535":                    {{Protocol: nat.TCP, First: 80, Last: 90, To: 65530}},
		"127.0.0.1 is no address":         {{Protocol: nat.TCP, First: 80, Host: addr("127.0.0.1")}},
		"fe80::1 is no address":           {{Protocol: nat.TCP, First: 80, Host: addr("fe80::1")}},
		"0.0.0.0 is no address":           {{Protocol: nat.TCP, First: 80, Host: addr("0.0.0.0")}},
		"source 192.0.2.1/24 is":          {{Protocol: nat.TCP, First: 80, From: prefixes("192.0.2.1/24")}},
		"is there twice":                  {{Protocol: nat.TCP, First: 80, From: prefixes("192.0.2.0/24", "192.0.2.0/25")}},
		"of the other family":             {{Protocol: nat.TCP, First: 80, Host: addr("192.0.2.1"), From: prefixes("fd77::/48")}},
		"tcp 80-90: it is forwarded":      {{Protocol: nat.TCP, First: 85}, {Protocol: nat.TCP, First: 80, Last: 90}},
		"tcp 80 of 192.0.2.1: it is":      {{Protocol: nat.TCP, First: 80}, {Protocol: nat.TCP, First: 80, Host: addr("192.0.2.1")}},
		"already by forward udp 5000 of ": {{Protocol: nat.UDP, First: 5000, Host: addr("192.0.2.1")}, {Protocol: nat.UDP, First: 4000, Last: 6000}},
	} {
		err := nat.CheckForwards(list)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("CheckForwards() = %v, want %q in it", err, want)
		}
		if _, compiled := nat.Compile([]nat.Network{private}, list); compiled == nil {
			t.Errorf("Compile() is content where CheckForwards() = %v", err)
		}
	}
	apart := []nat.Forward{
		{Protocol: nat.TCP, First: 80, From: prefixes("192.0.2.0/24", "fd77::/48")},
		{Protocol: nat.TCP, First: 80, From: prefixes("198.51.100.0/24")},
		{Protocol: nat.UDP, First: 80},
		{Protocol: nat.TCP, First: 81, Host: addr("192.0.2.1")},
		{Protocol: nat.TCP, First: 81, Host: addr("192.0.2.2")},
	}
	if err := nat.CheckForwards(apart); err != nil {
		t.Error(err)
	}
	// Rules for different guests may forward the same.
	if _, err := nat.Compile([]nat.Network{private}, apart, apart); err != nil {
		t.Error(err)
	}
}

func TestNetworksThatCannotBe(t *testing.T) {
	t.Parallel()
	for want, list := range map[string][]nat.Network{
		"uplink":                         {{Name: "a", Subnets: prefixes("10.0.0.0/8")}},
		"/56 or shorter":                 {{Name: "a", Uplink: "eth0", Subnets: prefixes("fd77::/64")}},
		"10.77.0.0/16 overlaps with one": {private, {Name: "b", Uplink: "eth1", Subnets: prefixes("10.77.0.0/16")}},
		"another of its own":             {{Name: "a", Uplink: "eth0", Subnets: prefixes("10.0.0.0/8", "10.77.0.0/16")}},
	} {
		if _, err := nat.Compile(list); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Compile() = %v, want %q in it", err, want)
		}
	}
}

func TestGuestsThatCannotBe(t *testing.T) {
	t.Parallel()
	web := []nat.Forward{{Protocol: nat.TCP, First: 80, Host: netip.MustParseAddr(host6)}}
	addr := netip.MustParseAddr
	for want, g := range map[string]nat.Guest{
		"cannot be empty":           {Interface: "vif1.0", Prefixes: prefixes("10.0.0.1/32")},
		"its own uplink":            {Interface: "eth0", Uplink: "eth0", Prefixes: prefixes("10.0.0.1/32")},
		"no address":                {Interface: "vif1.0", Uplink: "eth0"},
		"is no prefix of a guest's": {Interface: "vif1.0", Uplink: "eth0", Prefixes: prefixes("0.0.0.0/0")},
		"no address of that family": {Interface: "vif1.0", Uplink: "eth0", Prefixes: prefixes("10.0.0.1/32"), Forwards: web},
		"not an address of the":     {Interface: "vif1.0", Uplink: "eth0", Prefixes: prefixes("10.0.0.1/32"), Targets: []netip.Addr{addr("10.0.0.2")}},
		"of the same family":        {Interface: "vif1.0", Uplink: "eth0", Prefixes: prefixes("10.0.0.0/24"), Targets: []netip.Addr{addr("10.0.0.2"), addr("10.0.0.3")}},
	} {
		if err := g.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Check() = %v, want %q in it", err, want)
		}
	}
}
