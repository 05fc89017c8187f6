package frame

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func hw(t testing.TB, s string) net.HardwareAddr {
	t.Helper()
	a, err := net.ParseMAC(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// sample is one frame, what Describe says of it (after the MACs) and what tcpdump must say among other things.
type sample struct {
	name     string
	frame    []byte
	describe string
	tcpdump  []string
}

func samples(t testing.TB) []sample {
	t.Helper()
	var (
		guest, other = hw(t, "00:16:3e:00:00:07"), hw(t, "00:16:3e:00:00:99")
		eth          = Ethernet{Src: guest, Dst: other}
		v4           = IPv4{Src: netip.MustParseAddr("192.0.2.7"), Dst: netip.MustParseAddr("192.0.2.1")}
		v6           = IPv6{Src: netip.MustParseAddr("fe80::216:3eff:fe00:7"), Dst: netip.MustParseAddr("ff02::1")}
		echo         = ICMPv6{Type: ICMPv6EchoRequest, Body: Echo(1, 2, "vifd")}
		target       = netip.MustParseAddr("2001:db8::7")
		p6           = "ip6 fe80::216:3eff:fe00:7 > ff02::1 "
		p4           = "ip 192.0.2.7 > 192.0.2.1 "
	)
	tagged := func(tags ...VLAN) Ethernet { return Ethernet{Src: guest, Dst: other, Tags: tags} }
	odd := v4
	odd.Options = IPRouterAlert()
	first, later := v4, v4
	first.MoreFragments, first.ID = true, 9
	later.FragmentOffset, later.ID, later.Protocol = 2, 9, ProtoUDP
	dad := IPv6{Dst: SolicitedNode(target)}
	mld := v6
	mld.HopLimit, mld.Dst = 1, netip.MustParseAddr("ff02::16")

	return []sample{
		{"arp request", Build(eth, ARP{SHA: guest, SPA: v4.Src, TPA: v4.Dst}), "arp request who-has 192.0.2.1 tell 192.0.2.7 at 00:16:3e:00:00:07", []string{"who-has 192.0.2.1 tell 192.0.2.7"}},
		{"arp reply", Build(eth, ARP{Op: ARPReply, SHA: other, SPA: v4.Src, THA: guest, TPA: v4.Dst}), "arp reply 192.0.2.7 is-at 00:16:3e:00:00:99 to 192.0.2.1", []string{"Reply 192.0.2.7 is-at 00:16:3e:00:00:99"}},
		{"arp of lies", Build(eth, ARP{SHA: guest, SPA: v4.Src, TPA: v4.Dst, HType: 6}), "arp request who-has 192.0.2.1 tell 192.0.2.7 at 00:16:3e:00:00:07 htype 6 ptype 0x0800 hlen 6 plen 4", []string{"TokenRing (len 6), IPv4 (len 4), Request"}},
		{"udp", Build(eth, v4, UDP{1000, 2000}, Raw("vifd")), p4 + "udp 1000 > 2000", []string{"192.0.2.7.1000 > 192.0.2.1.2000", "[udp sum ok]"}},
		{"udp, odd length", Build(eth, v4, UDP{1000, 2000}, Raw("vif")), p4 + "udp 1000 > 2000", []string{"[udp sum ok]", "length 3"}},
		{"tcp", Build(eth, v4, TCP{Src: 1000, Dst: 80, Seq: 5, Flags: SYN}), p4 + "tcp 1000 > 80 syn", []string{"Flags [S]", "(correct)"}},
		{"tcp over ip6", Build(eth, v6, TCP{Src: 1000, Dst: 80, Flags: SYN | ACK}, Raw("x")), p6 + "tcp 1000 > 80 syn ack", []string{"Flags [S.]", "(correct)"}},
		{"ping", Build(eth, v4, ICMPv4{Type: ICMPEchoRequest, Body: Echo(3, 4, "vifd")}), p4 + "icmp echo-request", []string{"ICMP echo request, id 3, seq 4"}},
		{"igmp with option", Build(eth, odd, IGMP{Type: IGMPv2Report, Group: netip.MustParseAddr("239.1.2.3")}), p4 + "options igmp membership-report-v2 239.1.2.3", []string{"igmp v2 report 239.1.2.3", "RA"}},
		{"first fragment", Build(eth, first, UDP{1000, 2000}, Raw("12345678")), p4 + "fragment 0 udp 1000 > 2000", []string{"id 9", "flags [+]"}},
		{"later fragment", Build(eth, later, Raw("12345678")), p4 + "fragment 16", []string{"id 9, offset 16"}},
		{"ping6", Build(eth, v6, echo), p6 + "icmpv6 echo-request", []string{"[icmp6 sum ok]", "echo request, id 1, seq 2"}},
		{"udp6", Build(eth, v6, UDP{1, 2}, Raw("abc")), p6 + "udp 1 > 2", []string{"[udp sum ok]"}},
		{"chain of headers", Build(eth, v6, HopByHop{Options: RouterAlert()}, DestinationOptions{}, Routing{}, Fragment{ID: 7}, echo), p6 + "hbh dst rt frag icmpv6 echo-request", []string{"HBH (rtalert: 0x0000)", "DSTOPT", "RT6", "frag (0x00000007:0|12)"}},
		{"destination options", Build(eth, v6, DestinationOptions{Options: []byte{1, 3, 0, 0, 0}}, echo), p6 + "dst icmpv6 echo-request", []string{"DSTOPT", "[icmp6 sum ok]"}},
		{"later fragment 6", Build(eth, v6, Fragment{Offset: 2, More: true, ID: 7, NextHeader: ProtoICMPv6}, Raw("12345678")), p6 + "frag 16", []string{"frag (0x00000007:16|8)"}},
		{"duplicate address detection", Build(eth, dad, NeighborSolicit(target)), "ip6 :: > ff02::1:ff00:7 icmpv6 nd-neighbor-solicit target 2001:db8::7", []string{"[icmp6 sum ok]", "who has 2001:db8::7"}},
		{"neighbour solicitation", Build(eth, v6, NeighborSolicit(target, SourceLinkLayer(guest))), p6 + "icmpv6 nd-neighbor-solicit target 2001:db8::7 sll 00:16:3e:00:00:07", []string{"[icmp6 sum ok]", "source link-address option (1), length 8 (1): 00:16:3e:00:00:07"}},
		{"neighbour advertisement", Build(eth, v6, NeighborAdvert(NAOverride|NASolicited, target, TargetLinkLayer(other))), p6 + "icmpv6 nd-neighbor-advert target 2001:db8::7 tll 00:16:3e:00:00:99", []string{"[icmp6 sum ok]", "tgt is 2001:db8::7, Flags [solicited, override]"}},
		{"option of length 0", Build(eth, v6, NeighborAdvert(0, target), Raw{2, 0, 0, 0, 0, 0, 0, 0}), p6 + "icmpv6 nd-neighbor-advert target 2001:db8::7 option 2 of length 0", []string{"[icmp6 sum ok]", "[|icmp6]"}},
		{"router solicitation", Build(eth, v6, RouterSolicit(SourceLinkLayer(guest))), p6 + "icmpv6 nd-router-solicit sll 00:16:3e:00:00:07", []string{"[icmp6 sum ok]", "router solicitation"}},
		{"router advertisement", Build(eth, v6, RouterAdvert(1800, SourceLinkLayer(guest), Prefix(netip.MustParsePrefix("2001:db8:1::/64")))), p6 + "icmpv6 nd-router-advert sll 00:16:3e:00:00:07", []string{"[icmp6 sum ok]", "router lifetime 1800s", "2001:db8:1::/64, Flags [onlink, auto]"}},
		{"redirect", Build(eth, v6, Redirect(target, netip.MustParseAddr("2001:db8::9"), TargetLinkLayer(other))), p6 + "icmpv6 nd-redirect target 2001:db8::7 tll 00:16:3e:00:00:99", []string{"[icmp6 sum ok]", "2001:db8::9 to 2001:db8::7"}},
		{"mld", Build(eth, mld, HopByHop{Options: RouterAlert()}, MLDv2Report(netip.MustParseAddr("ff02::fb"))), "ip6 fe80::216:3eff:fe00:7 > ff02::16 hbh icmpv6 mld2-listener-report", []string{"[icmp6 sum ok]", "ff02::fb to_ex"}},
		{"dhcp discover", Build(eth, v4, UDP{68, 67}, Raw(DHCPDiscover(guest, 0x1234))), p4 + "udp 68 > 67 dhcp discover", []string{"[udp sum ok]", "DHCP-Message (53), length 1: Discover", "Client-Ethernet-Address 00:16:3e:00:00:07"}},
		{"dhcp offer", Build(eth, v4, UDP{67, 68}, Raw(DHCPOffer(guest, 1, v4.Src, v4.Dst))), p4 + "udp 67 > 68 dhcp offer", []string{"[udp sum ok]", "DHCP-Message (53), length 1: Offer", "Your-IP 192.0.2.7", "Server-ID (54), length 4: 192.0.2.1"}},
		{"dhcpv6 solicit", Build(eth, v6, UDP{546, 547}, Raw(DHCPv6Solicit(guest, 0xabcdef))), p6 + "udp 546 > 547 dhcpv6 solicit", []string{"[udp sum ok]", "dhcp6 solicit (xid=abcdef (client-ID hwaddr type 1 00163e000007) (IA_NA IAID:1040187399 T1:0 T2:0) (elapsed-time 0) (option-request DNS-server DNS-search-list))"}},
		{"dhcpv6 advertise", Build(eth, v6, UDP{547, 546}, Raw(DHCPv6Advertise(guest, other, 1, target))), p6 + "udp 547 > 546 dhcpv6 advertise", []string{"[udp sum ok]", "dhcp6 advertise", "(server-ID hwaddr type 1 00163e000099)", "(IA_ADDR 2001:db8::7 pltime:3600 vltime:7200)"}},
		{"tagged", Build(tagged(VLAN{TCI: 10}), v4, UDP{1, 2}), "vlan 10 " + p4 + "udp 1 > 2", []string{"vlan 10, p 0", "[udp sum ok]"}},
		{"priority tagged", Build(tagged(VLAN{TCI: 5 << 13}), ARP{SPA: v4.Src, TPA: v4.Dst}), "vlan 0 pcp 5 arp request who-has 192.0.2.1 tell 192.0.2.7 at 00:00:00:00:00:00", []string{"vlan 0, p 5"}},
		{"doubly tagged", Build(tagged(VLAN{TPID: TPIDService, TCI: 100}, VLAN{TCI: 10}), v6, echo), "vlan 100 vlan 10 " + p6 + "icmpv6 echo-request", []string{"802.1Q-QinQ", "vlan 100", "vlan 10", "[icmp6 sum ok]"}},
		{"snap", Build(eth, LLC{DSAP: 0xaa, SSAP: 0xaa}, SNAP{}, v4, UDP{1, 2}), "snap " + p4 + "udp 1 > 2", []string{"802.3", "SNAP", "[udp sum ok]"}},
		{"bpdu", Build(eth, LLC{DSAP: 0x42, SSAP: 0x42}, Raw(BPDU(guest))), "stp bpdu", []string{"STP 802.1d, Config", "bridge-id 0000.00:16:3e:00:00:07.8001", "hello-time 2.00s, forwarding-delay 15.00s"}},
		{"unknown llc", Build(eth, LLC{DSAP: 0xf0, SSAP: 0xf1}, Raw("x")), "llc dsap 0xf0 ssap 0xf1", []string{"NetBeui"}},
		{"unknown type", Build(Ethernet{Src: guest, Dst: other, Type: 0x88b5}, Raw("abc")), "ether type 0x88b5 length 3", []string{"0x88b5"}},
		{"unknown protocol", Build(eth, IPv4{Src: v4.Src, Dst: v4.Dst, Protocol: 253}, Raw("abc")), p4 + "protocol 253 length 3", []string{"253"}},
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	for _, s := range samples(t) {
		want := "00:16:3e:00:00:07 > 00:16:3e:00:00:99 " + s.describe
		if d := cmp.Diff(want, Describe(s.frame)); d != "" {
			t.Errorf("%s (-want +got):\n%s", s.name, d)
		}
	}
}

// pcap writes frames in tcpdump's own format (pcap-savefile(5)).
func pcap(frames ...[]byte) []byte {
	le := binary.LittleEndian
	out := le.AppendUint32(nil, 0xa1b2c3d4)
	out = le.AppendUint16(le.AppendUint16(out, 2), 4) // version
	out = append(out, make([]byte, 8)...)
	out = le.AppendUint32(le.AppendUint32(out, 65535), 1) // longest frame; Ethernet
	for _, f := range frames {
		out = append(out, make([]byte, 8)...) // time
		out = le.AppendUint32(le.AppendUint32(out, uint32(len(f))), uint32(len(f)))
		out = append(out, f...)
	}
	return out
}

// tcpdump reads every frame, as a decoder that knows nothing of this package, and checks the checksums.
func TestTcpdumpAgrees(t *testing.T) {
	t.Parallel()
	for _, s := range samples(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "frame.pcap")
			if err := os.WriteFile(file, pcap(s.frame), 0o600); err != nil {
				t.Fatal(err)
			}
			in, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			cmd := exec.CommandContext(t.Context(), "tcpdump", "-nn", "-e", "-vvv", "-t", "-r", "-") // it may not read our files
			cmd.Stdin = in
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("tcpdump: %v\n%s", err, out)
			}
			said := strings.Join(strings.Fields(string(out)), " ")
			for _, want := range s.tcpdump {
				before, after, found := strings.Cut(said, want)
				if !found {
					t.Errorf("tcpdump does not say %q:\n%s", want, out)
				}
				said = before + "…" + after // a complaint that is wanted is none below
			}
			for _, bad := range []string{"bad ", "wrong ", "incorrect", "invalid", "truncated", "[|"} {
				if strings.Contains(said, bad) {
					t.Errorf("tcpdump says %q:\n%s", bad, out)
				}
			}
		})
	}
}

// The worked example of RFC 1071, 3.
func TestChecksum(t *testing.T) {
	t.Parallel()
	if got := checksum([]byte{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}); got != ^uint16(0xddf2) {
		t.Errorf("checksum is %04x, want %04x", got, ^uint16(0xddf2))
	}
	if got := checksum([]byte{0x12}); got != ^uint16(0x1200) {
		t.Errorf("checksum of one byte is %04x", got)
	}
}

func TestMulticastMAC(t *testing.T) {
	t.Parallel()
	for group, want := range map[string]string{
		"224.0.0.22": "01:00:5e:00:00:16", "239.129.2.3": "01:00:5e:01:02:03",
		"ff02::1": "33:33:00:00:00:01", "ff02::1:ff00:7": "33:33:ff:00:00:07",
	} {
		if got := MulticastMAC(netip.MustParseAddr(group)).String(); got != want {
			t.Errorf("%s is at %s, want %s", group, got, want)
		}
	}
}

// Layers are values: building twice, or changing what was built, changes nothing.
func TestBuildSharesNothing(t *testing.T) {
	t.Parallel()
	payload, data := []byte("abcdefgh"), make([]byte, 3, 64)
	layers := []Layer{Ethernet{}, IPv6{}, Routing{Data: data}, DestinationOptions{Options: data}, UDP{1, 2}, Raw(payload)}
	first := Build(layers...)
	copied := append([]byte{}, first...)
	for i := range first {
		first[i] = 0xee
	}
	if d := cmp.Diff(copied, Build(layers...)); d != "" || string(payload) != "abcdefgh" {
		t.Errorf("building again differs:\n%s", d)
	}
}

func FuzzDescribe(f *testing.F) {
	for _, s := range samples(f) {
		f.Add(s.frame)
		f.Add(s.frame[:len(s.frame)/2])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if said := Describe(data); said == "" || strings.Contains(said, "\n") {
			t.Errorf("%q is not one line", said)
		}
	})
}
