package sample_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sort"
	"strings"
	"testing"

	"vifd/actions/firewall"
	"vifd/internal/frame"
	"vifd/internal/packet"
	"vifd/internal/sample"
	"vifd/internal/stmt"
)

func guest() sample.Guest {
	return sample.Guest{
		Interface: "vif7.0", MACs: []net.HardwareAddr{{0x00, 0x16, 0x3e, 0, 0, 7}},
		IPs: []netip.Prefix{netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("2001:db8::7/128")},
	}
}

// TestFrame shows what becomes of texts: what they do not say is honest.
func TestFrame(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text      string
		direction sample.Direction
		want      string
	}{
		{"", sample.FromGuest, "00:16:3e:00:00:07 > 00:00:5e:00:53:fe ip 192.0.2.7 > 203.0.113.1 udp 1024 > 9"},
		{"", sample.ToGuest, "00:00:5e:00:53:fe > 00:16:3e:00:00:07 ip 203.0.113.1 > 192.0.2.7 udp 1024 > 9"},
		{"ether saddr 00:16:3e:00:00:99 ip saddr 192.0.2.7", sample.FromGuest, "00:16:3e:00:00:99 > 00:00:5e:00:53:fe ip 192.0.2.7 > 203.0.113.1 udp 1024 > 9"},
		{"arp operation reply arp saddr ip 192.0.2.9", sample.FromGuest, "00:16:3e:00:00:07 > 00:00:5e:00:53:fe arp reply 192.0.2.9 is-at 00:16:3e:00:00:07 to 203.0.113.1"},
		{"meta nfproto ipv6 th dport 7", sample.FromGuest, "00:16:3e:00:00:07 > 00:00:5e:00:53:fe ip6 2001:db8::7 > 2001:db8:ffff::1 udp 1024 > 7"},
		{"meta nfproto ipv4", sample.FromGuest, "00:16:3e:00:00:07 > 00:00:5e:00:53:fe ip 192.0.2.7 > 203.0.113.1 udp 1024 > 9"},
		{"meta protocol arp", sample.ToGuest, "00:00:5e:00:53:fe > ff:ff:ff:ff:ff:ff arp request who-has 192.0.2.7 tell 203.0.113.1 at 00:00:5e:00:53:fe"},
		{
			"icmpv6 type nd-neighbor-advert nd target 2001:db8::9 nd tll 00:16:3e:00:00:99", sample.FromGuest,
			"00:16:3e:00:00:07 > 00:00:5e:00:53:fe ip6 2001:db8::7 > 2001:db8:ffff::1 icmpv6 nd-neighbor-advert target 2001:db8::9 tll 00:16:3e:00:00:99",
		},
		{
			"icmpv6 type nd-neighbor-solicit", sample.ToGuest,
			"00:00:5e:00:53:fe > 33:33:ff:00:00:07 ip6 2001:db8:ffff::1 > ff02::1:ff00:7 icmpv6 nd-neighbor-solicit target 2001:db8::7 sll 00:00:5e:00:53:fe",
		},
		{
			"icmpv6 type nd-neighbor-solicit ip6 saddr ::", sample.FromGuest,
			"00:16:3e:00:00:07 > 33:33:ff:00:00:07 ip6 :: > ff02::1:ff00:7 icmpv6 nd-neighbor-solicit target 2001:db8::7",
		},
		{"icmpv6 type nd-neighbor-solicit ip6 length 24 nd target 2001:db8::9", sample.FromGuest, "00:16:3e:00:00:07 > 33:33:ff:00:00:09 ip6 2001:db8::7 > ff02::1:ff00:9 icmpv6 nd-neighbor-solicit target 2001:db8::9"},
		{"icmpv6 type nd-router-advert", sample.ToGuest, "00:00:5e:00:53:fe > 33:33:00:00:00:01 ip6 fe80::200:5eff:fe00:53fe > ff02::1 icmpv6 nd-router-advert sll 00:00:5e:00:53:fe"},
		{"icmpv6 type mld2-listener-report", sample.FromGuest, "00:16:3e:00:00:07 > 33:33:00:00:00:16 ip6 fe80::216:3eff:fe00:7 > ff02::16 hbh icmpv6 mld2-listener-report"},
		{"udp sport 68", sample.FromGuest, "00:16:3e:00:00:07 > ff:ff:ff:ff:ff:ff ip 192.0.2.7 > 255.255.255.255 udp 68 > 67 dhcp truncated"},
		{"udp sport 67 udp dport 68", sample.FromGuest, "00:16:3e:00:00:07 > 00:00:5e:00:53:fe ip 192.0.2.7 > 203.0.113.1 udp 67 > 68 dhcp truncated"},
		{"udp dport 547", sample.FromGuest, "00:16:3e:00:00:07 > 33:33:00:01:00:02 ip6 fe80::216:3eff:fe00:7 > ff02::1:2 udp 546 > 547 dhcpv6 0"},
		{"vlan id 5 ip saddr 192.0.2.8", sample.FromGuest, "00:16:3e:00:00:07 > 00:00:5e:00:53:fe vlan 5 ip 192.0.2.8 > 203.0.113.1 udp 1024 > 9"},
		{"ether type 8021ad vlan pcp 3", sample.FromGuest, "00:16:3e:00:00:07 > 00:00:5e:00:53:fe vlan 1 pcp 3 ip 192.0.2.7 > 203.0.113.1 udp 1024 > 9"},
		{"ip6 saddr 2001:db8::8 frag more-fragments 1", sample.FromGuest, "00:16:3e:00:00:07 > 00:00:5e:00:53:fe ip6 2001:db8::8 > 2001:db8:ffff::1 frag udp 1024 > 9"},
		{"frag frag-off 100 meta l4proto tcp", sample.FromGuest, "00:16:3e:00:00:07 > 00:00:5e:00:53:fe ip6 2001:db8::7 > 2001:db8:ffff::1 frag 800"},
		{"exthdr hbh exists exthdr dst exists rt type 0 tcp dport 22", sample.FromGuest, "00:16:3e:00:00:07 > 00:00:5e:00:53:fe ip6 2001:db8::7 > 2001:db8:ffff::1 hbh rt dst tcp 1024 > 22 syn"},
		{"ip6 nexthdr 60 hbh nexthdr udp", sample.FromGuest, "00:16:3e:00:00:07 > 00:00:5e:00:53:fe ip6 2001:db8::7 > 2001:db8:ffff::1 dst hbh udp 1024 > 9"},
		{"tcp flags syn,ack tcp sport 80", sample.ToGuest, "00:00:5e:00:53:fe > 00:16:3e:00:00:07 ip 203.0.113.1 > 192.0.2.7 tcp 80 > 1024 syn ack"},
		{"ct state established tcp dport 22", sample.ToGuest, "00:00:5e:00:53:fe > 00:16:3e:00:00:07 ip 203.0.113.1 > 192.0.2.7 tcp 1024 > 22 ack"},
		{"icmp type redirect", sample.ToGuest, "00:00:5e:00:53:fe > 00:16:3e:00:00:07 ip 203.0.113.1 > 192.0.2.7 icmp redirect"},
		{"ip daddr 224.0.0.1", sample.FromGuest, "00:16:3e:00:00:07 > 01:00:5e:00:00:01 ip 192.0.2.7 > 224.0.0.1 udp 1024 > 9"},
		{"meta pkttype broadcast", sample.FromGuest, "00:16:3e:00:00:07 > ff:ff:ff:ff:ff:ff ip 192.0.2.7 > 255.255.255.255 udp 1024 > 9"},
		{"meta pkttype host", sample.FromGuest, "00:16:3e:00:00:07 > fe:ff:ff:ff:ff:ff ip 192.0.2.7 > 203.0.113.1 udp 1024 > 9"},
		{"ip protocol igmp", sample.FromGuest, "00:16:3e:00:00:07 > 01:00:5e:00:00:fb ip 192.0.2.7 > 224.0.0.251 options igmp membership-report-v2 224.0.0.251"},
		{"ether type 0x88cc", sample.FromGuest, "00:16:3e:00:00:07 > 00:00:5e:00:53:fe ether type 0x88cc length 46"},
		{"meta protocol 4", sample.FromGuest, "00:16:3e:00:00:07 > 00:00:5e:00:53:fe llc dsap 0x00 ssap 0x00"},
		{"meta l4proto gre", sample.FromGuest, "00:16:3e:00:00:07 > 00:00:5e:00:53:fe ip 192.0.2.7 > 203.0.113.1 protocol 47 length 8"},
	} {
		s, err := sample.Parse(tt.text)
		if err != nil {
			t.Errorf("%q: %v", tt.text, err)
			continue
		}
		got, err := s.Frame(guest(), tt.direction)
		if said := frame.Describe(got); err != nil || said != tt.want {
			t.Errorf("%q %s:\n got %s (%v)\nwant %s", tt.text, tt.direction, said, err, tt.want)
		}
	}
}

// TestErrors names the column of what cannot be.
func TestErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text string
		col  int
		say  string
	}{
		{"ip saddr 192.0.2.7 ip6 daddr 2001:db8::1", 20, "ip6"},
		{"tcp dport 22 tcp dport 23", 14, "tcp dport has two values, 22 and 23"},
		{"tcp dport 22 udp sport 23", 14, "udp"},
		{"th dport 22 udp dport 23", 13, "udp dport has bytes that another word"},
		{"arp operation request tcp dport 22", 23, "tcp"},
		{"icmp type redirect icmp id 5", 20, "icmp id"},
		{"icmpv6 type nd-router-advert nd sll 00:16:3e:00:00:01", 30, "messages of that type have no nd sll"},
		{"nd sll 00:16:3e:00:00:01 nd tll 00:16:3e:00:00:01", 26, "cannot be of one packet"},
		{"ether type ip vlan id 5", 1, "cannot be of one packet"},
		{"ip saddr 192.0.2.0/24", 10, "found several"},
		{"tcp dport { 22, 23 }", 11, "found a set"},
		{"tcp dport != 22", 14, "found all but one"},
		{"ether saddr $mac", 13, "found a parameter"},
		{"tcp flags & syn == syn", 20, "found a part"},
		{"tcp dport 22 accept", 14, `"accept" says nothing`},
		{"tcp dport 22 counter", 14, `"counter" says nothing`},
		{"tcp dport 22 limit rate 1/second", 14, `"limit" says nothing`},
		{"meta mark set 5", 11, `"set" says nothing`},
		{"ip saddr", 9, "ip saddr needs a value"},
		{"ip sadr 192.0.2.7", 4, `"ip" has no field "sadr"`},
		{"exthdr hbh missing hbh hdrlength 0", 1, "hbh hdrlength and exthdr hbh missing"},
		{"frag frag-off 5 udp dport 53", 17, "holds no such header"},
		{"ip6 nexthdr udp exthdr hbh exists", 1, "ip6 nexthdr cannot be so together"},
		{"meta length 20 udp dport 5", 1, "no such packet is 20 bytes long"},
		{"meta length 65536", 1, "no such packet is 65536 bytes long"},
		{"meta nfproto 3", 1, "no packet has the family 3"},
		{"meta nfproto ipv4 arp operation request", 19, "no packet here is of arp"},
		{"meta protocol 9", 1, "no packet has the protocol 9"},
		{"meta pkttype host ether daddr ff:ff:ff:ff:ff:ff meta pkttype broadcast", 49, "two values"},
		{"meta pkttype multicast ether daddr ff:ff:ff:ff:ff:ff", 1, "is not multicast"},
		{"@th,16,16 9 udp dport 53", 13, "another value"},
		{"meta priority 1:2", 1, "cannot be chosen"},
		{"meta l4proto 44 ip6 saddr ::1", 1, "is an extension header"},
	} {
		_, err := sample.Parse(tt.text)
		var wrong *stmt.Error
		if !errors.As(err, &wrong) || wrong.Col != tt.col || !strings.Contains(wrong.Error(), tt.say) {
			t.Errorf("%q: got %+v, want column %d and %q", tt.text, err, tt.col, tt.say)
		}
	}
	s, err := sample.Parse("iifname eth0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Context(guest(), sample.FromGuest); err == nil {
		t.Error("a packet from vif7.0 that came in by eth0 is possible")
	}
	if c, err := s.Context(guest(), sample.ToGuest); err != nil || c.Other != "eth0" {
		t.Errorf("to the guest: %+v, %v", c, err)
	}
}

// TestLengthsAndChecksums are what the receiver expects.
func TestLengthsAndChecksums(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "tcp dport 22", "icmp type echo-request", "icmpv6 type echo-reply", "ip6 saddr 2001:db8::7", "udp length 100", "ip length 1000 udp dport 5", "ip6 length 1000",
		"meta length 300 tcp dport 5", "@th,800,16 0xbeef", "ip hdrlength 7 tcp dport 8", "icmp type destination-unreachable", "ip protocol igmp", "ip ttl 3 ip dscp cs1",
	} {
		s, err := sample.Parse(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		data, err := s.Frame(guest(), sample.FromGuest)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		for _, f := range []packet.Family{packet.Bridge, packet.Inet} { // inet compares the header's checksum
			p := packet.Dissect(data, f)
			l4, ok := p.L4Proto()
			if p.Unseen() != "" || !ok {
				t.Errorf("%q: %s, the transport is not found: %v %v", text, p.Unseen(), l4, ok)
			}
		}
		if total := int(data[16])<<8 | int(data[17]); data[12] == 0x08 && total != len(data)-14 {
			t.Errorf("%q: IPv4 says it has %d bytes, and has %d", text, total, len(data)-14)
		}
		if sum := verify(data); sum != 0xffff {
			t.Errorf("%q: the transport's checksum adds up to %#x\n%x", text, sum, data)
		}
	}
}

// verify adds up what a transport's checksum covers.
func verify(data []byte) uint16 {
	var header int
	var proto byte
	var pseudo []byte
	if data[12] == 0x08 {
		header, proto, pseudo = 4*int(data[14]&0xf), data[23], append(pseudo, data[26:34]...)
	} else {
		header, proto, pseudo = 40, data[20], append(pseudo, data[22:54]...)
	}
	segment := data[14+header:]
	pseudo = append(pseudo, 0, proto, byte(len(segment)>>8), byte(len(segment)))
	if proto == 1 || proto == 2 {
		pseudo = nil
	}
	sum := uint32(0)
	for _, part := range [][]byte{pseudo, segment} {
		for i, c := range part {
			sum += uint32(c) << (8 * (1 - i%2))
		}
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return uint16(sum)
}

// lies are words with which a packet need not be one that the kernel can read to its end.
func lies(text string) bool {
	for _, word := range []string{"version", "hdrlength", "ip length", "ip6 length", "@", "ip6 nexthdr", "frag nexthdr", "hbh ", "dst ", "rt ", "mh "} {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}

// holds compares a sample with its own text: the statement made of it must hold for the packet made of it.
// False means that there was nothing to compare.
func holds(t *testing.T, text string, g sample.Guest, d sample.Direction) bool {
	t.Helper()
	s, err := sample.Parse(text)
	if err != nil {
		return false
	}
	data, err := s.Frame(g, d)
	if err != nil {
		if wrong := new(stmt.Error); !errors.As(err, &wrong) || wrong.Col < 1 || wrong.Col > len(text)+1 {
			t.Errorf("%q: %#v", text, err)
		}
		return false
	}
	c, err := s.Context(g, d)
	if err != nil || lies(text) {
		return false
	}
	parsed, err := stmt.Parse(text + " drop")
	if err != nil {
		return false // a comment
	}
	for _, it := range parsed.Items {
		if m, ok := it.(stmt.Match); ok && m.Op == stmt.Some && strings.Trim(string(m.Value.Tuples[0][0].Lo), "\x00") == "" {
			return false // any of no bits is never so, while a packet may have none
		}
	}
	list := []firewall.Statement{{Stmt: parsed, Where: "it"}}
	p, err := firewall.Compile(firewall.Config{
		Templates: map[string]firewall.Template{"it": {Name: "it", FromGuest: list, ToGuest: list}},
		Lists:     []firewall.List{{Refs: []firewall.Ref{{Template: "it"}}}},
	})
	if err != nil {
		return false
	}
	profile, err := p.Profile(firewall.List{Refs: []firewall.Ref{{Template: "it"}}})
	if err != nil {
		t.Fatal(err)
	}
	in := firewall.Traffic{ToGuest: bool(d), Frame: data, Other: c.Other, Bridge: c.Bridge, Hosts: c.Hosts, Mark: c.Mark, Routes: c.Routes}
	if c.Ct != nil {
		in.Ct = (*firewall.Connection)(c.Ct)
	}
	if strings.Contains(text, "8021ad") && strings.Contains(text, "vlan") {
		return false // of which the frame has both, and nft's fields of vlan mean 802.1Q alone
	}
	j := p.Judge(&firewall.Guest{Interface: g.Interface, Profile: profile}, in)
	if len(j.Steps) == 0 {
		return false // no hook of that direction sees what is asked for, or the frame
	}
	if j.Verdict != stmt.Drop {
		t.Errorf("%q %s is not true of its own frame: %s\n%x\n%+v", text, d, frame.Describe(data), data, j.Steps)
	}
	return true
}

// values are one for each field, or several.
var values = map[string][]string{
	"ether_addr": {"00:16:3e:00:00:99", "ff:ff:ff:ff:ff:ff", "33:33:00:00:00:01"}, "ipv4_addr": {"192.0.2.9", "255.255.255.255", "0.0.0.0"}, "ipv6_addr": {"2001:db8::9", "::", "ff02::1"},
	"ifname": {"eth0", "vif7.0"}, "classid": {"none"}, "boolean": {"exists", "missing"}, "pkt_type": {"host", "broadcast", "multicast", "other"},
	"ether_type": {"ip", "ip6", "arp", "8021q", "8021ad", "0x88cc", "38"}, "tcp_flag": {"syn", "ack,psh"}, "ct_state": {"established", "new"}, "ct_status": {"assured"},
	"icmpv6_type": {"nd-neighbor-solicit", "nd-neighbor-advert", "nd-redirect", "nd-router-solicit", "nd-router-advert", "echo-reply", "mld-listener-query", "mld2-listener-report", "packet-too-big", "200"},
	"icmp_type":   {"echo-reply", "redirect", "destination-unreachable", "timestamp-request", "77"}, "inet_proto": {"tcp", "udp", "icmp", "icmpv6", "igmp", "esp", "0", "44", "59", "135"},
	"devgroup": {"0"},
}

func valuesOf(f *stmt.Field) []string {
	if v := values[f.Type.Name]; v != nil {
		return v
	}
	most := uint64(1)<<min(f.Bits, 16) - 1
	return []string{"0", "1", fmt.Sprint(most), fmt.Sprint(min(most, 53))}
}

// TestTrueOfItself takes every field alone, and with every other one.
func TestTrueOfItself(t *testing.T) {
	t.Parallel()
	var words []string
	for _, name := range fieldNames() {
		for _, v := range valuesOf(stmt.FieldByName(name)) {
			words = append(words, name+" "+v)
		}
	}
	if len(words) < 250 {
		t.Fatalf("%d words only", len(words))
	}
	g := guest()
	alone, pairs := 0, 0
	for i, w := range words {
		if from, to := holds(t, w, g, sample.FromGuest), holds(t, w, g, sample.ToGuest); from || to {
			alone++
		}
		for k := i % 11; k < len(words); k += 11 {
			if holds(t, w+" "+words[k], g, sample.Direction(k%2 == 0)) {
				pairs++
			}
		}
	}
	if alone < len(words)*3/4 || pairs < 2000 {
		t.Errorf("of %d words %d could be compared, and %d pairs", len(words), alone, pairs)
	}
	for _, text := range []string{
		"ip saddr 192.0.2.9 ip daddr 192.0.2.1 udp sport 5 udp dport 6 @th,64,32 0x01020304", "ip saddr . tcp dport 192.0.2.9 . 80", "fib saddr . iif oif missing ip saddr 192.0.2.99",
		"ct state established ct mark 5 ct direction reply", "meta mark 5 iifname eth0 ibrname br0", "@nh,96,32 0x01020304", "@ll,48,48 0x00163e000063",
	} {
		holds(t, text, g, sample.ToGuest)
	}
}

// fieldNames are those of the fields in the contract's list.
func fieldNames() []string {
	headers := map[string]string{
		"ether": "daddr saddr type", "vlan": "pcp dei id type", "arp": "htype ptype hlen plen operation", "arp saddr": "ether ip", "arp daddr": "ether ip",
		"ip": "dscp ecn id frag-off ttl protocol checksum saddr daddr", "ip6": "dscp ecn flowlabel nexthdr hoplimit saddr daddr",
		"th": "sport dport", "udp": "sport dport length checksum", "tcp": "sport dport sequence ackseq doff reserved flags window checksum urgptr",
		"icmp": "type code checksum id sequence gateway mtu", "icmpv6": "type code checksum id sequence mtu max-delay", "nd": "target sll tll",
		"exthdr": "hbh rt frag dst mh", "frag": "nexthdr frag-off more-fragments id reserved", "mh": "type", "rt": "type seg-left",
		"meta": "protocol l4proto pkttype mark length iifname oifname iifgroup ibrname obrname", "ct": "state status mark zone direction",
	}
	var names []string
	for header, list := range headers {
		for _, f := range strings.Fields(list) {
			names = append(names, header+" "+f)
		}
	}
	sort.Strings(names)
	return names
}

func FuzzSample(f *testing.F) {
	for _, text := range []string{
		"ether saddr 00:16:3e:00:00:99 ip saddr 192.0.2.7", "vlan id 5 arp operation reply", "icmpv6 type nd-neighbor-advert nd tll 00:16:3e:00:00:99", "ip6 nexthdr 60 hbh nexthdr udp",
		"frag frag-off 5 frag nexthdr 44", "ip length 65535 @nh,2040,128 1", "meta length 65535", "tcp flags syn,ack ct state established", "fib saddr . iif oif missing", "ip hdrlength 15 udp length 0",
		"meta protocol 8021q vlan type 0x8100", "mh type 3 exthdr dst exists", "ip protocol 0 ip frag-off 0x2000",
	} {
		f.Add(text, true)
		f.Add(text, false)
	}
	f.Fuzz(func(t *testing.T, text string, d bool) {
		_, err := sample.Parse(text)
		var wrong *stmt.Error
		if err != nil && (!errors.As(err, &wrong) || wrong.Col < 1 || wrong.Col > len(text)+1) {
			t.Errorf("%q: %#v", text, err)
		}
		for _, g := range []sample.Guest{guest(), {}, {Routed: true, IPs: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}}} {
			holds(t, text, g, sample.Direction(d))
		}
	})
}
