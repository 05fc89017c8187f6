package stmt

// symbol is a word that nft takes for a number, as `nft describe` lists it. Of two words for one number the first is the one
// that is printed.
type symbol struct {
	name  string
	value uint64
}

var protocols = []symbol{
	{"icmp", 1},
	{"igmp", 2},
	{"tcp", 6},
	{"udp", 17},
	{"dccp", 33},
	{"gre", 47},
	{"esp", 50},
	{"ah", 51},
	{"icmpv6", 58},
	{"ipv6-icmp", 58},
	{"comp", 108},
	{"vrrp", 112},
	{"sctp", 132},
	{"udplite", 136},
}

var etherTypes = []symbol{
	{"ip", 0x0800}, {"arp", 0x0806}, {"ip6", 0x86dd}, {"8021q", 0x8100}, {"vlan", 0x8100}, {"8021ad", 0x88a8},
}

var nfProtos = []symbol{{"ipv4", 2}, {"ipv6", 10}}

var arpOps = []symbol{
	{"request", 1}, {"reply", 2}, {"rrequest", 3}, {"rreply", 4}, {"inrequest", 8}, {"inreply", 9}, {"nak", 10},
}

var icmpTypes = []symbol{
	{"echo-reply", 0},
	{"destination-unreachable", 3},
	{"source-quench", 4},
	{"redirect", 5},
	{"echo-request", 8},
	{"router-advertisement", 9},
	{"router-solicitation", 10},
	{"time-exceeded", 11},
	{"parameter-problem", 12},
	{"timestamp-request", 13},
	{"timestamp-reply", 14},
	{"info-request", 15},
	{"info-reply", 16},
	{"address-mask-request", 17},
	{"address-mask-reply", 18},
}

var icmpCodes = []symbol{
	{"net-unreachable", 0},
	{"host-unreachable", 1},
	{"prot-unreachable", 2},
	{"port-unreachable", 3},
	{"frag-needed", 4},
	{"net-prohibited", 9},
	{"host-prohibited", 10},
	{"admin-prohibited", 13},
}

var icmpv6Types = []symbol{
	{"destination-unreachable", 1},
	{"packet-too-big", 2},
	{"time-exceeded", 3},
	{"parameter-problem", 4},
	{"echo-request", 128},
	{"echo-reply", 129},
	{"mld-listener-query", 130},
	{"mld-listener-report", 131},
	{"mld-listener-done", 132},
	{"mld-listener-reduction", 132},
	{"nd-router-solicit", 133},
	{"nd-router-advert", 134},
	{"nd-neighbor-solicit", 135},
	{"nd-neighbor-advert", 136},
	{"nd-redirect", 137},
	{"router-renumbering", 138},
	{"ind-neighbor-solicit", 141},
	{"ind-neighbor-advert", 142},
	{"mld2-listener-report", 143},
}

var icmpv6Codes = []symbol{
	{"no-route", 0}, {"admin-prohibited", 1}, {"addr-unreachable", 3}, {"port-unreachable", 4}, {"policy-fail", 5}, {"reject-route", 6},
}

// icmpxCodes are those that the kernel translates for either family (enum nft_reject_inet_code).
var icmpxCodes = []symbol{
	{"no-route", 0}, {"port-unreachable", 1}, {"host-unreachable", 2}, {"admin-prohibited", 3},
}

// The values are <linux/if_packet.h>'s; `unicast` is nft's second name for host.
var pktTypes = []symbol{{"host", 0}, {"unicast", 0}, {"broadcast", 1}, {"multicast", 2}, {"other", 3}}

// RFC 9293, 3.1 and RFC 3168, 6.1.
var tcpFlags = []symbol{
	{"fin", 0x01}, {"syn", 0x02}, {"rst", 0x04}, {"psh", 0x08}, {"ack", 0x10}, {"urg", 0x20}, {"ecn", 0x40}, {"cwr", 0x80},
}

// RFC 2474, 2597, 3246, 5865 and 8622.
var dscps = []symbol{
	{"cs0", 0},
	{"cs1", 8},
	{"cs2", 16},
	{"cs3", 24},
	{"cs4", 32},
	{"cs5", 40},
	{"cs6", 48},
	{"cs7", 56},
	{"df", 0},
	{"be", 0},
	{"lephb", 1},
	{"af11", 10},
	{"af12", 12},
	{"af13", 14},
	{"af21", 18},
	{"af22", 20},
	{"af23", 22},
	{"af31", 26},
	{"af32", 28},
	{"af33", 30},
	{"af41", 34},
	{"af42", 36},
	{"af43", 38},
	{"va", 44},
	{"ef", 46},
}

var ecns = []symbol{{"not-ect", 0}, {"ect1", 1}, {"ect0", 2}, {"ce", 3}}

// NF_CT_STATE_BIT of <linux/netfilter/nf_conntrack_common.h>.
var ctStates = []symbol{{"invalid", 1}, {"established", 2}, {"related", 4}, {"new", 8}, {"untracked", 64}}

// enum ip_conntrack_status of the same file.
var ctStatuses = []symbol{
	{"expected", 0x1}, {"seen-reply", 0x2}, {"assured", 0x4}, {"confirmed", 0x8}, {"snat", 0x10}, {"dnat", 0x20}, {"dying", 0x200},
}

var ctDirections = []symbol{{"original", 0}, {"reply", 1}}

// RTN_* of <linux/rtnetlink.h>.
var fibTypes = []symbol{
	{"unspec", 0},
	{"unicast", 1},
	{"local", 2},
	{"broadcast", 3},
	{"anycast", 4},
	{"multicast", 5},
	{"blackhole", 6},
	{"unreachable", 7},
	{"prohibit", 8},
}

var booleans = []symbol{{"exists", 1}, {"missing", 0}}

// RFC 6275, 6.1.
var mhTypes = []symbol{
	{"binding-refresh-request", 0},
	{"home-test-init", 1},
	{"careof-test-init", 2},
	{"home-test", 3},
	{"careof-test", 4},
	{"binding-update", 5},
	{"binding-acknowledgement", 6},
	{"binding-error", 7},
}

// services are names of IANA's registry that /etc/services has everywhere; nft reads that file, and a set of rules must mean
// the same on every host.
var services = []symbol{
	{"ftp-data", 20},
	{"ftp", 21},
	{"ssh", 22},
	{"telnet", 23},
	{"smtp", 25},
	{"time", 37},
	{"whois", 43},
	{"tacacs", 49},
	{"domain", 53},
	{"bootps", 67},
	{"bootpc", 68},
	{"tftp", 69},
	{"gopher", 70},
	{"finger", 79},
	{"http", 80},
	{"kerberos", 88},
	{"pop3", 110},
	{"sunrpc", 111},
	{"auth", 113},
	{"nntp", 119},
	{"ntp", 123},
	{"epmap", 135},
	{"netbios-ns", 137},
	{"netbios-dgm", 138},
	{"netbios-ssn", 139},
	{"imap2", 143},
	{"snmp", 161},
	{"snmp-trap", 162},
	{"bgp", 179},
	{"irc", 194},
	{"ldap", 389},
	{"https", 443},
	{"microsoft-ds", 445},
	{"kpasswd", 464},
	{"isakmp", 500},
	{"syslog", 514},
	{"printer", 515},
	{"dhcpv6-client", 546},
	{"dhcpv6-server", 547},
	{"rtsp", 554},
	{"submissions", 465},
	{"submission", 587},
	{"ipp", 631},
	{"ldaps", 636},
	{"domain-s", 853},
	{"rsync", 873},
	{"ftps-data", 989},
	{"ftps", 990},
	{"telnets", 992},
	{"imaps", 993},
	{"pop3s", 995},
	{"socks", 1080},
	{"openvpn", 1194},
	{"ms-sql-s", 1433},
	{"radius", 1812},
	{"radius-acct", 1813},
	{"nfs", 2049},
	{"iscsi-target", 3260},
	{"mysql", 3306},
	{"svn", 3690},
	{"epmd", 4369},
	{"ipsec-nat-t", 4500},
	{"sip", 5060},
	{"sip-tls", 5061},
	{"xmpp-client", 5222},
	{"xmpp-server", 5269},
	{"mdns", 5353},
	{"postgresql", 5432},
	{"amqp", 5672},
	{"x11", 6000},
	{"redis", 6379},
	{"git", 9418},
}
