package lint

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vifd/rules"
	rulesd "vifd/rules.d"
)

// load reads rules, beside the library where they name a template of it.
func load(t *testing.T, text string) *rules.Set {
	t.Helper()
	if !strings.Contains(text, "firewall: ") {
		return loadAlone(t, text)
	}
	set, rep := rules.Load(rules.Options{Paths: []string{rules.Stdin}, Stdin: strings.NewReader(text), Library: rulesd.FS})
	if set == nil {
		t.Fatalf("not loaded: %s\n%s", rep.First(), text)
	}
	return set
}

// loadAlone is load without the library, which takes longer than a few rules do.
func loadAlone(t *testing.T, text string) *rules.Set {
	t.Helper()
	set, rep := rules.Load(rules.Options{Paths: []string{rules.Stdin}, Stdin: strings.NewReader(text)})
	if set == nil {
		t.Fatalf("not loaded: %s\n%s", rep.First(), text)
	}
	return set
}

// found are the codes of what Check says, sorted.
func found(t *testing.T, text string) []string {
	t.Helper()
	var codes []string
	for _, p := range Check(load(t, text), Options{}) {
		if p.Severity != rules.Warning || p.Pos.Line == 0 || p.Msg == "" || p.Hint == "" {
			t.Errorf("%+v", p)
		}
		codes = append(codes, p.Code)
	}
	slices.Sort(codes)
	return codes
}

// matches makes a rule of each match.
func matches(list ...string) string {
	var b strings.Builder
	b.WriteString("rules:\n")
	for i, m := range list {
		b.WriteString("  - {name: r" + string(rune('0'+i)) + ", match: {" + m + "}, block: true}\n")
	}
	return b.String()
}

// TestCheck says what is said, and above all what is not: a false alarm is worse than none.
func TestCheck(t *testing.T) {
	const (
		reach, same, never, ofName = rules.CodeNeverReached, rules.CodeSameMatch, rules.CodeNeverHolds, rules.CodeNotOfName
		covered, nothing           = rules.CodeCovered, rules.CodeExceptsNothing
		misspelled                 = rules.CodeMisspelled
	)
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"narrow first", matches(`interface: "vif7.*"`, `interface: "vif*"`), nil},
		{"wide first", matches(`interface: "vif*"`, `interface: "vif7.*"`), []string{reach}},
		{"everything first", matches(`interface: "*"`, `domain: web`), []string{reach}},
		{"every domain first", matches(`domain: "*"`, `interface: "vif*"`), nil},
		{"more keys first", matches(`interface: "vif*", domid: 7`, `interface: "vif*"`), nil},
		{"ranges together", matches(`domid: ["1-5", "6-10"]`, `domid: "2-9"`), []string{reach}},
		{"ranges with a gap", matches(`domid: ["1-5", "7-10"]`, `domid: "2-9"`), nil},
		{"a list", matches(`domain: [a, b]`, `domain: [a, c]`), nil},
		{"prefixes", matches(`ip: 192.0.2.0/24`, `ip: 192.0.2.7`), []string{reach}},
		{"prefixes of two families", matches(`ip: 0.0.0.0/0`, `ip: "2001:db8::/32"`), nil},
		{"an exception first", matches(`interface: "vif*", not: {domain: web}`, `interface: "vif*"`), nil},
		{"an exception for both", matches(`interface: "vif*", not: {domain: web}`, `interface: "vif1.*", not: {domain: "web*"}`), []string{reach}},
		{"an exception for others", matches(`interface: "vif*", not: {domain: web}`, `interface: "vif*", domain: db`), []string{reach}},
		{"an exception of a fact with several values", matches(`interface: "vif*", not: {ip: 10.0.0.1}`, `interface: "vif*", ip: 10.0.0.2`), nil},
		{"twice", matches(`domid: 1, vifid: 2`, `vifid: 2, domid: 1`), []string{same}},
		{"three times", matches(`domid: 1`, `domid: 1`, `domid: 1`), []string{same, same}},

		{"a domid before the names", matches(`domid: "1-99"`, `interface: "vif5.*"`), []string{reach}},
		{"a domid before a name", matches(`domid: "1-99"`, `interface: vif5.0`), []string{reach}},
		{"a domid before the tap of one", matches(`domid: "1-99"`, `interface: vif5.0-emu`), []string{reach}},
		{"domids before names of others", matches(`domid: "1-99"`, `interface: [vif5.0, vif100.0]`), nil},
		{"a domid before names that begin so", matches(`domid: "5-59"`, `interface: "vif5*"`), nil},
		{"a domid before taps", matches(`domid: "0-32000"`, `interface: tap5`), nil},
		{"every domid before every name", matches(`domid: "0-32751"`, `interface: "vif*"`), nil}, // vifname: vifweb
		{"a vifid before the names", matches(`vifid: 1`, `interface: "vif*.1"`), []string{reach}},
		{"a vifid before other names", matches(`vifid: 1`, `interface: "vif*.1*"`), nil},
		{"a vifid before names of anybody", matches(`vifid: 1`, `interface: "*.1"`), nil}, // eth0.1
		{"another domid excepted", matches(`interface: "vif*", not: {domid: 6}`, `interface: "vif5.*"`), []string{reach}},
		{"the domid excepted", matches(`interface: "vif*", not: {domid: 5}`, `interface: "vif5.*"`), nil},
		{"names before a domid", matches(`interface: "vif*"`, `domid: 5`), []string{reach}},
		{"names before a vifid", matches(`interface: "vif*"`, `vifid: "0-3"`), []string{reach}},
		{"names of the domid", matches(`interface: "vif5.*"`, `domid: 5`), []string{same}},
		{"names of two domids", matches(`interface: "vif[56].*"`, `domid: [5, 6]`), []string{reach}},
		{"names of another domid", matches(`interface: "vif5.*"`, `domid: [5, 7]`), nil},
		{"a name, and not its tap's", matches(`interface: vif5.0`, `domid: 5, vifid: 0`), nil},
		{"a name and its tap's", matches(`interface: [vif5.0, vif5.0-emu]`, `domid: 5, vifid: 0`), []string{same}},
		{"taps before a domid", matches(`interface: "tap*"`, `domid: 5`), nil},

		{"a prefix and names of addresses", matches(`ip: 10.0.0.0/8`, `ip: "10.1.*"`), []string{reach}},
		{"a prefix and names of more", matches(`ip: 10.0.0.0/8`, `ip: "10*"`), nil},
		{"a prefix and names of a wider one", matches(`ip: 10.1.0.0/16`, `ip: "10.2.*"`), nil},
		{"names of addresses and one", matches(`ip: "10.1.*"`, `ip: 10.1.2.3`), []string{reach}},

		{"two ranges together", matches(`vifid: "0-4"`, `vifid: "5-9"`, `vifid: "3-6"`), []string{reach}},
		{"two ranges with a gap", matches(`vifid: "0-4"`, `vifid: "6-9"`, `vifid: "3-6"`), nil},
		{"two ranges of different guests", matches(`vifid: "0-4", domain: web`, `vifid: "5-9"`, `vifid: "3-6"`), nil},
		{"two ranges of its guests", matches(`vifid: "0-4", domain: "web*"`, `vifid: "5-9"`, `vifid: "3-6", domain: web`), []string{reach}},
		{"three ranges in any order", matches(`vifid: "6-9"`, `vifid: "0-1"`, `vifid: "2-5"`, `vifid: "0-9"`), []string{reach}},
		{"three ranges, one but for somebody", matches(`vifid: "6-9"`, `vifid: "0-1"`, `vifid: "2-5", not: {domain: web}`, `vifid: "0-9"`), nil},
		{"two wide ranges together", matches(`vifid: "0-999"`, `vifid: "1000-1999"`, `vifid: "400-1600"`), []string{reach}},
		{"a list together", matches(`domain: a`, `domain: "b*"`, `domain: [a, bc]`), []string{reach}},
		{"a list, but for one", matches(`domain: a`, `domain: "b*"`, `domain: [a, bc, c]`), nil},
		{"all but a few, and these", matches(`interface: "vif*", not: {domid: "3-4"}`, `domid: 3`, `domid: 4`, `domid: "1-9"`), []string{reach}},
		{"all but a few, and one of these", matches(`interface: "vif*", not: {domid: "3-4"}`, `domid: 3`, `domid: "1-9"`), nil},
		{"of two keys, each a part", matches(`domid: "1-4", vifid: "0-4"`, `domid: "5-9", vifid: "5-9"`, `domid: "1-9", vifid: "0-9"`), nil},

		{"not what it asks for", matches(`interface: "vif*", not: {interface: "vif*"}`), []string{never}},
		{"not all that it asks for", matches(`interface: "vif*", not: {interface: "vif7.*"}`), nil},
		{"not anything", matches(`domid: 7, not: {interface: "*"}`), []string{never}},
		{"a domid of other names", matches(`interface: "vif7.*", domid: "8-9"`), []string{never}},
		{"a domid of the names", matches(`interface: "vif7.*", domid: "1-9"`), nil},
		{"a domid of one of the names", matches(`interface: ["vif7.*", "vif8.0"], domid: 8`), nil},
		{"a domid of names that begin so", matches(`interface: "vif7*", domid: 71`), nil},
		{"a vifid of another name", matches(`interface: vif7.0, vifid: 1`), []string{never}},
		{"a vifid of other names", matches(`interface: "vif*.1", vifid: 0`), []string{never}},
		{"a vifid of the names", matches(`interface: "vif*.1", vifid: "0-1"`), nil},
		{"a vifid of names that end so", matches(`interface: "vif*1", vifid: 0`), nil},
		{"not the names' domid", matches(`interface: "vif7.*", not: {domid: "1-9"}`), []string{never}},
		{"not another domid than the names'", matches(`interface: "vif7.*", not: {domid: 8}`), nil},
		{"not the domid's names", matches(`domid: 7, not: {interface: "vif*"}`), []string{never}},
		{"not the domid's taps", matches(`domid: 7, not: {interface: "*-emu"}`), nil},
		{"one that never holds covers nothing", matches(`interface: "*", not: {interface: "*"}`, `domid: 7`), []string{never}},

		{"a tap of kind vif", matches(`interface: "tap*", kind: vif`), []string{ofName}},
		{"a tap with a domid", matches(`interface: "vnet*", domid: 7`), []string{ofName}},
		{"a tap or a vif", matches(`interface: ["tap*", "vif*"], domid: 7`), nil},
		{"a tap of kind tap", matches(`interface: "tap*", kind: tap`), nil},
		{"a name of the user's", matches(`interface: "web*", kind: vif`), nil},

		{"an action misspelled", matches(`action: ad`), []string{misspelled}},
		{"an action in other letters", matches(`action: ADD`), []string{misspelled}},
		{"an action of none", matches(`action: plugged`), []string{misspelled}},
		{"a glob for an action of none", matches(`action: "x*"`), []string{misspelled}},
		{"an action excepted that there is none of", matches(`interface: "vif*", not: {action: removed}`), []string{misspelled}},
		{"actions", matches(`action: [add, change, move, online, offline, remove, bind, unbind]`), nil},
		{"a glob for actions", matches(`action: "*line"`), nil},
		{"a subsystem misspelled", matches(`subsystem: nett`), []string{misspelled}},
		{"subsystems", matches(`subsystem: [net, xen-backend]`), nil},
		{"another subsystem", matches(`subsystem: usb`), nil},
		{"a kind misspelled", matches(`kind: taap`), []string{misspelled}},
		{"one of two kinds misspelled", matches(`kind: [vif, vetth]`), []string{misspelled}},
		{"kinds", matches(`kind: [vif, tap, veth, macvtap]`), nil},
		{"other kinds that are near", matches(`kind: [tun, vti, macvlan, gretap]`), nil},
		{"a kind that is not known", matches(`kind: fancynic`), nil},
		{"a glob for kinds", matches(`kind: "ta?p"`), nil},
		{"a type misspelled", matches(`type: viff`), []string{misspelled}},
		{"types", matches(`type: [vif, vif_ioemu]`), nil},
		{"a driver of whatever name", matches(`driver: viff`), nil},

		{"listed twice", matches(`domain: [a, a]`), []string{covered}},
		{"listed and covered", matches(`domain: [a, "a*"]`), []string{covered}},
		{"ranges that overlap", matches(`domid: ["1-9", "5-20"]`), nil},
		{"not what is no matter", matches(`domain: "web-*", not: {domain: db-1}`), []string{nothing}},
		{"not what may be", matches(`mac: "00:16:3e:*", not: {mac: "52:54:00:*"}`), nil}, // a vif may have two

		{"templates alone", "templates: {a: {to-guest: [drop]}}", nil},
		{"a template through another", "templates: {a: {to-guest: [drop]}, b: {to-guest: [include a]}}\n" + bridged("[source-guard, b]"), nil},
		{"a template of a test", "templates: {a: {to-guest: [drop]}}\ntests: [{name: t, template: a, packets: [{to-guest: arp, expect: drop}]}]\n" + matches("domid: 1"), []string{rules.CodeUnusedTemplate}},
		{"a network by a fact", "networks: {br0: {bridge: {}}}\nrules: [{name: r, match: {domid: 1}, bridge: \"${bridge}\", firewall: source-guard}]", nil},
		{"a network of another kind", "networks: {lan: {route: {uplink: eth0}}}\nrules: [{name: r, match: {domid: 1}, bridge: \"${bridge}\", firewall: source-guard}]", []string{rules.CodeUnusedNetwork}},
		{"a network alone", "networks: {lan: {route: {uplink: eth0}}}", nil},

		{"a guest without rules", "guests: [{domain: web}]", nil},
		{"a guest for none", "guests: [{domain: web}]\n" + matches(`domain: db, interface: "vif*"`), []string{rules.CodeUnusedGuest}},
		{"a guest for the last", "guests: [{domain: web}]\n" + matches(`domain: db`, `interface: "vif*"`), nil},
		{"a guest by its MAC", "guests: [{mac: \"00:16:3e:00:00:07\"}]\n" + matches(`domain: db`), nil}, // whose domain xenstore may tell
		{"a guest whose MAC is another", "guests: [{domain: db, mac: \"00:16:3e:00:00:07\"}]\n" + matches(`domain: db, mac: "52:54:*"`), []string{rules.CodeUnusedGuest}},
		{"a domain of nobody's", "guests: [{domain: web-1}]\n" + matches(`domain: web-2`, `domain: db-1`, `domid: 7`), nil},
		{"a domain misspelled", "guests: [{domain: web-1}]\n" + matches(`domain: [wbe-1, web-1]`), []string{rules.CodeNoSuchGuest}},

		{"guarded", bridged("source-guard"), nil},
		{"open", bridged("[]"), []string{rules.CodeOpen}},
		{"open as it is meant", "guests: [{domain: web}]\n" + bridged("open"), nil},
		{"closed", "guests: [{domain: web}]\ntemplates: {shut: {from-guest: [drop]}}\n" + bridged("shut"), nil},
		{"guarded by one's own", "guests: [{domain: web}]\ntemplates: {own: {from-guest: [ether saddr != $mac drop]}}\n" + bridged("own"), nil},
		{"not guarded", "guests: [{domain: web}]\n" + bridged("[no-lldp]"), []string{rules.CodeUnguarded}},
		{"not guarded, and nobody in guests", bridged("[no-lldp]"), []string{rules.CodeUnguarded}},
		{"a service alone", bridged("web-server"), []string{rules.CodeUnguarded}},
		{"services and limits", bridged("[web-server, ping-in, syn-limit]"), []string{rules.CodeUnguarded}},
		{"an allowance and a service", bridged("[allow-dhcp, web-server]"), []string{rules.CodeUnguarded}},
		{"a service of one's own", alone("to-guest: [tcp dport 80 accept]"), []string{rules.CodeUnguarded}},
		{"a service behind a guard", bridged("[source-guard, web-server]"), nil},
		{"a service behind a part of the guard", bridged("[no-mac-spoofing, web-server]"), nil},
		{"a service, and open", bridged("[web-server, open]"), nil},
		{"a service in what closes", bridged("[ping-in, no-other-traffic]"), nil},
		{"a service by the routes", strings.Replace(bridged("[reverse-path, web-server]"), "bridge: br0", "route: {uplink: eth0}", 1), nil},
		{"a MAC of one's own", alone("from-guest: ['ether saddr != 00:16:3e:00:00:07 drop']"), nil},
		{"MACs of one's own", alone("params: {macs: {type: mac, list: true, default: '00:16:3e:00:00:07'}}, from-guest: [ether saddr != $macs drop]"), nil},
		{"addresses of one's own", alone("from-guest: ['ip saddr != { 192.0.2.7, 192.0.2.8 } reject']"), nil},
		{"pairs of one's own", alone("from-guest: ['ether saddr . ip saddr != { 00:16:3e:00:00:07 . 192.0.2.7 } drop']"), nil},
		{"a MAC by its place", alone("from-guest: ['@ll,48,48 != 0x00163e000007 drop']"), nil},
		{"some addresses less", alone("from-guest: [ip saddr 127.0.0.0/8 drop]"), []string{rules.CodeUnguarded}},
		{"its MAC and address, written out", alone("from-guest: ['ether saddr != 00:16:3e:00:00:07 drop', 'ip saddr != 192.0.2.7 drop']"), nil},
		{"its MAC, as a parameter", "templates: {own: {params: {hw: {type: mac}}, from-guest: [ether saddr != $hw drop]}}\n" + bridged("{template: own, with: {hw: \"00:16:3e:00:00:07\"}}"), nil},
		{"who it is not, logged alone", alone("from-guest: ['ether saddr != $mac limit rate 1/second log prefix \"spoof \"']"), []string{rules.CodeUnguarded}},
		{"who it is not, beyond a rate", alone("from-guest: ['ether saddr != $mac counter limit rate over 1/second drop']"), []string{rules.CodeUnguarded}},
		{"who it is not, a few of them", alone("from-guest: ['ether saddr != $mac limit rate 1/second drop']"), []string{rules.CodeUnguarded}},
		{"who it is not, counted", alone("from-guest: ['ether saddr != $mac update @spoof { $interface counter } drop']"), nil},
		{"to whom, and not from whom", alone("from-guest: [ip daddr != $ip drop]"), []string{rules.CodeUnguarded}},
		{"its own accepted, and no other", alone("from-guest: ['ether saddr 00:16:3e:00:00:07 accept', drop]"), nil},
		{"its own, asked for and let go", alone("from-guest: [ether saddr $mac return]"), []string{rules.CodeUnguarded}},
		{"its own, and no other", alone("from-guest: [ether saddr $mac return, drop]"), nil},
		{"a MAC of one's own, and no other", alone("from-guest: ['ether saddr 00:16:3e:00:00:07 return', drop]"), nil},
		{"ports, and no other", alone("from-guest: [tcp dport 80 return, drop]"), []string{rules.CodeUnguarded}},
		{"no servers, and a service", bridged("[no-dhcp-server, no-router-advert, no-ip6-multicast, web-server]"), []string{rules.CodeUnguarded}},
		{"a guard within", alone("from-guest: [include source-guard], to-guest: [tcp dport 80 accept]"), nil},
		{"twice the same", bridged("[source-guard, source-guard]"), []string{rules.CodeTemplateTwice}},
		{"twice with other arguments", "templates: {p: {params: {port: {type: port}}, to-guest: [tcp dport $port accept]}}\n" +
			bridged("[source-guard, {template: p, with: {port: 1}}, {template: p, with: {port: 2}}]"), nil},
		{"an allowance", bridged("[allow-dhcp, source-guard]"), nil},
		{"an accept before", bridged("[established, source-guard]"), []string{rules.CodeBeforeGuard}},
		{"an accept behind", bridged("[source-guard, established]"), nil},
		{"an accept within", "templates: {own: {from-guest: [tcp dport 80 accept, include source-guard]}}\n" + bridged("own"), []string{rules.CodeBeforeGuard}},
		{"an accept of one's own", "templates: {own: {from-guest: [ip saddr $ip accept]}}\n" + bridged("[own, source-guard]"), nil},
		{"an accept before a guard of one's own", "templates: {own: {from-guest: ['ether saddr != 00:16:3e:00:00:07 drop', 'ip saddr != 192.0.2.7 drop']}}\n" + bridged("[established, own]"), []string{rules.CodeBeforeGuard}},
		{"an accept behind a guard of one's own", "templates: {own: {from-guest: ['ether saddr != 00:16:3e:00:00:07 drop']}}\n" + bridged("[own, established, source-guard]"), nil},
		{"an accept before one's own, and no other", "templates: {own: {from-guest: [ether saddr $mac accept, drop]}}\n" + bridged("[established, own]"), []string{rules.CodeBeforeGuard}},
		{"an accept behind a log of who it is not", "templates: {own: {from-guest: ['ether saddr != $mac limit rate 1/second log prefix \"spoof \"']}}\n" + bridged("[own, established, source-guard]"), []string{rules.CodeBeforeGuard}},
		{"an accept before a log of who it is not", "templates: {own: {from-guest: ['ether saddr != $mac limit rate 1/second log prefix \"spoof \"']}}\n" + bridged("[established, own, no-other-traffic]"), nil},
		{"an accept behind an allowance", bridged("[allow-dhcp, established, source-guard]"), []string{rules.CodeBeforeGuard}},
		{"an accept of what is left of one's own", "templates: {own: {from-guest: [ether saddr != $mac return, tcp dport 80 accept]}}\n" + bridged("[own, source-guard]"), nil},
		{"an accept of what its own are not", "templates: {own: {from-guest: [ether saddr $mac return, tcp dport 80 accept]}}\n" + bridged("[own, source-guard]"), []string{rules.CodeBeforeGuard}},
		{"an accept of senders of one's own", "templates: {own: {from-guest: [ip saddr 192.0.2.7 accept]}}\n" + bridged("[own, source-guard]"), nil},
		{"an accept of what comes", "templates: {own: {to-guest: [tcp dport 80 accept]}}\n" + bridged("[own, source-guard]"), nil},

		{"ports of tcp", used("meta l4proto tcp th dport 80 accept"), nil},
		{"ports of a concatenation", used("meta l4proto . th dport { tcp . 80 } accept"), nil},
		{"ports of anything", used("th sport 80 accept"), []string{rules.CodeAnyProtocol}},
		{"a limited log", used("limit rate 5/second log prefix \"x\""), nil},
		{"a log for each guest", used("update @x { $interface limit rate 5/second } log prefix \"x\""), nil},
		{"a log", used("log prefix \"x\" limit rate 5/second accept"), []string{rules.CodeLogUnlimited}},
		{"a reject", used("tcp dport 80 reject"), []string{rules.CodeOnlyDrops}},
		{"a reject of what a guest sends", strings.Replace(used("tcp dport 80 reject"), "to-guest", "from-guest", 1), nil},
		{"a reject to the routed", strings.Replace(used("tcp dport 80 reject"), "bridge: br0", "route: {uplink: eth0}", 1), nil},
		{"a reject, and connections alone", refusing("tcp dport 25 reject", "stateful-basic"), []string{rules.CodeLostRefusal}},
		{"a reject, and nothing invalid", refusing("tcp dport 25 reject", "established"), []string{rules.CodeLostRefusal}},
		{"a reject, and nothing but one's own", refusing("tcp dport 25 reject", "own", "ct state != { established, related } drop"), []string{rules.CodeLostRefusal}},
		{"a reject, and a close of one's own", refusing("tcp dport 25 reject", "own", "ct state established accept", "counter drop"), []string{rules.CodeLostRefusal}},
		{"a reject, and a way for resets", refusing("tcp dport 25 reject with tcp reset", "own", "tcp flags & rst == rst accept", "ct state invalid drop"), nil},
		{"a reject, and a way for errors", refusing("ip ttl 1 reject", "own", "icmp type { 3, 11 } accept", "ct state invalid drop"), nil},
		{"a reject, and a way for other errors", refusing("ip ttl 1 reject", "own", "icmp type 11 accept", "ct state invalid drop"), []string{rules.CodeLostRefusal}},
		{"a reject, and all of ICMP", refusing("tcp dport 25 reject with icmp type admin-prohibited", "own", "ip protocol icmp accept", "ct state established,related accept", "drop"), nil},
		{"a reject, and all of both ICMPs", refusing("tcp dport 25 reject", "own", "meta l4proto { icmp, icmpv6 } accept", "ct state established,related accept", "drop"), nil},
		{"a reject, and errors of IPv6", refusing("ip6 hoplimit 1 reject", "own", "icmpv6 type 1-4 accept", "ct state invalid drop"), nil},
		{"a reject of IPv6, and errors of IPv4", refusing("ether type ip6 tcp dport 25 reject", "own", "icmp type 3 accept", "ct state invalid drop"), []string{rules.CodeLostRefusal}},
		{"a reject, and what nobody knows", refusing("tcp dport 25 reject", "own", "ip saddr 192.0.2.0/24 accept", "ct state invalid drop"), nil},
		{"a reject, and other protocols", refusing("tcp dport 25 reject", "own", "udp sport 53 accept", "meta l4proto != { icmp, icmpv6 } accept", "ct state invalid drop"), []string{rules.CodeLostRefusal}},
		{"a reject, and what returns", refusing("tcp dport 25 reject", "own", "icmp type 3 return", "ct state invalid drop"), nil},
		{"a reset, and what that port sends", refusing("tcp dport 25 reject with tcp reset", "own", "tcp sport 25 accept", "ct state established,related accept", "drop"), nil},
		{"a reset, and what another port sends", refusing("tcp dport 25 reject with tcp reset", "own", "tcp sport 80 accept", "ct state established,related accept", "drop"), []string{rules.CodeLostRefusal}},
		{"a reset of many ports, and what one sends", refusing("tcp dport 20-30 reject with tcp reset", "own", "tcp sport { 25, 80 } accept", "ct state invalid drop"), nil},
		{"a reset, and a service", refusing("tcp dport 25 reject with tcp reset", "own", "tcp dport 443 accept", "ct state invalid drop"), []string{rules.CodeLostRefusal}},
		{"a reset, and ICMP", refusing("tcp dport 25 reject with tcp reset", "own", "icmp type destination-unreachable accept", "ct state established,related accept", "drop"), []string{rules.CodeLostRefusal}},
		{"a reset, and the beginning of connections", refusing("tcp dport 25 reject with tcp reset", "own", "tcp flags & (syn|ack) == syn accept", "ct state invalid drop"), []string{rules.CodeLostRefusal}},
		{"a reset, and anything else", refusing("tcp dport 25 reject with tcp reset", "own", "tcp flags & (syn|ack) != syn accept", "ct state invalid drop"), nil},
		{"a reject, and resets", refusing("tcp dport 25 reject", "own", "tcp flags & rst == rst accept", "ct state invalid drop"), []string{rules.CodeLostRefusal}},
		{"two rejects, and a way for one", refusing("ip ttl 1 reject', 'tcp dport 25 reject with tcp reset", "own", "icmp type 3 accept", "ct state invalid drop"), []string{rules.CodeLostRefusal}},
		{"a reject, and everything", refusing("tcp dport 25 reject", "own", "accept"), nil},
		{"a reject, and nobody", refusing("tcp dport 25 reject", "own", "drop"), nil},
		{"a reject, and no connections", refusing("tcp dport 25 reject", "own", "tcp sport 25 accept", "drop"), nil},
		{"a reject, and other invalid things", refusing("tcp dport 25 reject", "own", "udp dport 9 ct state invalid drop"), nil},
		{"a reject, and anything but invalid", refusing("tcp dport 25 reject", "own", "ct state != invalid drop"), nil},
		{"a drop, and connections alone", refusing("tcp dport 25 drop", "stateful-basic"), nil},
		{"a reject, connections, and a route", strings.Replace(refusing("tcp dport 25 reject", "stateful-basic"), "bridge: br0", "route: {uplink: eth0}", 1), nil},
		{"said twice", used("tcp dport 80 accept', 'tcp  dport 80 accept"), []string{rules.CodeSaidTwice}},
		{"counted twice", used("tcp dport 80 counter accept', 'tcp dport 80 counter accept"), []string{rules.CodeSaidTwice}},
		{"counted, and decided", used("tcp dport 80 counter', 'tcp dport 80 accept"), nil},
		{"decided, and counted", used("tcp dport 80 accept', 'tcp dport 80 counter"), []string{rules.CodeSaidTwice}},
		{"decided otherwise", used("tcp dport 80 accept', 'tcp dport 80 drop"), []string{rules.CodeSaidTwice}},
		{"decided otherwise, from the guest", strings.Replace(used("tcp dport 80 accept', 'tcp dport 80 drop"), "to-guest", "from-guest", 1), []string{rules.CodeSaidTwice}},
		{"decided otherwise, in another direction", "templates: {t: {from-guest: [tcp dport 80 accept], to-guest: [tcp dport 80 drop]}}\n" + bridged("[source-guard, t]"), nil},
		{"decided otherwise, further down", used("tcp dport 80 accept', 'tcp dport 81 counter', 'limit rate 5/second accept', 'tcp dport 80 drop"), []string{rules.CodeSaidTwice}},
		{"a set of one", used("tcp dport { 81 } accept', 'tcp dport 81 accept"), []string{rules.CodeSaidTwice}},
		{"a set in another order", used("tcp dport { 81, 80 } accept', 'tcp dport { 80, 81 } drop"), []string{rules.CodeSaidTwice}},
		{"comparisons in another order", used("ip saddr 192.0.2.7 tcp dport 81 accept', 'tcp dport 81 ip saddr 192.0.2.7 drop"), []string{rules.CodeSaidTwice}},
		{"all but that", used("tcp dport 81 accept', 'tcp dport != 81 drop"), nil},
		{"a part of that", used("tcp dport 81 ip saddr 192.0.2.7 accept', 'tcp dport 81 drop"), nil},
		{"flags, and other flags", used("ct state established,related accept', 'ct state { established, related } drop"), nil},
		{"a few, and the rest", used("tcp dport 80 limit rate 5/second accept', 'tcp dport 80 drop"), nil},
		{"a few of each guest, and the rest", used("tcp dport 80 update @x { $interface limit rate 5/second } accept', 'tcp dport 80 drop"), nil},
		{"what has a key, and the rest", used("tcp dport 80 update @x { ip saddr counter } accept', 'tcp dport 80 drop"), nil},
		{"what each guest has counted, and the rest", used("tcp dport 80 update @x { $interface counter } accept', 'tcp dport 80 drop"), []string{rules.CodeSaidTwice}},
		{"a few connections, and the rest", used("tcp dport 80 ct count 5 accept', 'tcp dport 80 drop"), nil},
		{"all, and a few", used("tcp dport 80 accept', 'tcp dport 80 limit rate 5/second drop"), []string{rules.CodeSaidTwice}},
		{"a mark, and another that was set", used("mark 1 accept', 'tcp dport 80 mark set 1', 'mark 1 drop"), nil},
		{"a mark, and again", used("mark 1 accept', 'tcp dport 80 counter', 'mark 1 drop"), []string{rules.CodeSaidTwice}},
		{"answered by ICMP, and the rest", strings.Replace(used("tcp dport 80 reject with icmp admin-prohibited', 'tcp dport 80 drop"), "to-guest", "from-guest", 1), nil},
		{"reset, and dropped", strings.Replace(used("tcp dport 80 reject with tcp reset', 'tcp dport 80 drop"), "to-guest", "from-guest", 1), []string{rules.CodeSaidTwice}},
		{"answered, and answered otherwise", strings.Replace(used("tcp dport 80 reject', 'tcp dport 80 reject with icmp admin-prohibited"), "to-guest", "from-guest", 1), []string{rules.CodeSaidTwice}},
		{"answered by ICMP, twice", strings.Replace(used("tcp dport 80 reject with icmp host-unreachable', 'tcp dport 80 reject with icmp admin-prohibited"), "to-guest", "from-guest", 1), []string{rules.CodeSaidTwice}},
		{"answered, and dropped", strings.Replace(used("tcp dport 80 reject', 'tcp dport 80 drop"), "to-guest", "from-guest", 1), []string{rules.CodeSaidTwice}},
		{"on a condition, and without", "templates: {t: {params: {a: {type: bool}}, to-guest: [if $a tcp dport 80 accept, tcp dport 80 drop]}}\n" + bridged("[source-guard, {template: t, with: {a: true}}]"), nil},
		{"on a condition, and its opposite", "templates: {t: {params: {a: {type: bool}}, to-guest: [if $a tcp dport 80 accept, if not $a tcp dport 80 drop]}}\n" + bridged("[source-guard, {template: t, with: {a: true}}]"), nil},
		{"on a condition, twice", "templates: {t: {params: {a: {type: bool}}, to-guest: [if $a tcp dport 80 accept, if $a tcp dport 80 drop]}}\n" + bridged("[source-guard, {template: t, with: {a: true}}]"), []string{rules.CodeSaidTwice}},
		{"without condition, and on one", "templates: {t: {params: {a: {type: bool}}, to-guest: [tcp dport 80 accept, if $a tcp dport 80 drop]}}\n" + bridged("[source-guard, {template: t, with: {a: true}}]"), []string{rules.CodeSaidTwice}},
		{"of two parameters", "templates: {t: {params: {a: {type: port}, b: {type: port}}, to-guest: [tcp dport $a accept, tcp dport $b drop]}}\n" + bridged("[source-guard, {template: t, with: {a: 1, b: 2}}]"), nil},
		{"of one parameter", "templates: {t: {params: {a: {type: port}}, to-guest: [tcp dport $a accept, tcp dport $a drop]}}\n" + bridged("[source-guard, {template: t, with: {a: 1}}]"), []string{rules.CodeSaidTwice}},
		{"what nobody uses", "templates: {t: {to-guest: [th sport 80 accept]}}", nil},

		{"some VLANs", port(`{untagged: 1, tagged: "3-4094"}`), nil},
		{"every VLAN", port(`{untagged: 1, tagged: "2-4094"}`), []string{rules.CodeWholeTrunk}},
		{"a rate", rate("10Mb/s@50ms"), nil},
		{"a rate in tc's words", rate("8kbit"), nil},
		{"a rate of less than a frame", rate("10Mb/s@1ms"), []string{rules.CodeBelowFrame}},

		{"a test of what is not reached", matches("domid: 1", "domid: 1") + "tests: [{name: t, event: {interface: vif1.0}, expect: {rule: r1}}]", []string{same, rules.CodeTestNeverTrue}},
		{"a test of another network", bridged("source-guard") + "\ntests: [{name: t, event: {interface: vif1.0}, expect: {rule: r, network: br0}}]", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := slices.Sorted(slices.Values(tt.want))
			if diff := cmp.Diff(want, found(t, tt.text)); diff != "" {
				t.Errorf("(-want +got):\n%s\nof\n%s", diff, tt.text)
			}
		})
	}
}

func bridged(firewall string) string {
	return "rules: [{name: r, match: {interface: \"vif*\"}, bridge: br0, firewall: " + firewall + "}]"
}

// alone is a rule whose only template is one of these keys.
func alone(keys string) string { return "templates: {own: {" + keys + "}}\n" + bridged("own") }

// used is a template with a statement to the guest that a bridged guest has.
func used(statement string) string {
	return "templates: {t: {to-guest: ['" + statement + "']}}\n" + bridged("[source-guard, t]")
}

// refusing is a rule whose templates are one that begins with a statement from the guest, and another, which may be one's own.
func refusing(from, other string, to ...string) string {
	own := ""
	if len(to) > 0 {
		own = ", own: {to-guest: ['" + strings.Join(to, "', '") + "']}"
	}
	return "templates: {t: {from-guest: ['" + from + "']}" + own + "}\n" + bridged("[source-guard, t, "+other+"]")
}

func port(vlan string) string {
	return strings.Replace(bridged("source-guard"), "bridge: br0", "bridge: {name: br0, vlan: "+vlan+"}", 1)
}

func rate(text string) string {
	return strings.Replace(bridged("source-guard"), "bridge: br0", "bridge: br0, rate: {from-guest: "+text+"}", 1)
}

// TestTogetherNamesRules: as many as one reads, and one that does it alone as one.
func TestTogetherNamesRules(t *testing.T) {
	for want, text := range map[string]string{
		`rule "r1" is never reached: rule "r0" matches all that it matches`:                                      matches(`interface: "vif[56].*"`, "domid: [5, 6]"),
		`rule "r2" is never reached: rules "r0" and "r1" together match all that it matches`:                     matches("domid: 6", "domid: 5", "domid: [5, 6]"),
		`rule "r4" is never reached: rules "r0", "r1", "r2" and "r3" together match all that it matches`:         matches("domain: a", "domain: b", "domain: c", "domain: d", "domain: [a, b, c, d]"),
		`rule "r6" is never reached: rules "r0", "r1", "r2", "r3" and 2 more together match all that it matches`: matches("domid: 1", "domid: 2", "domid: 3", "domid: 4", "domid: 5", "domid: 6", `domid: "1-6"`),
	} {
		if p := Check(loadAlone(t, text), Options{}); len(p) != 1 || p[0].Msg != want || p[0].Related == nil || p[0].Related.Pos.Line != 2 {
			t.Errorf("%+v, want %s", p, want)
		}
	}
}

// TestTableIsWhole: the table of checks names codes of the phase, each once, and every one of them is shown by TestCheck or the manual.
func TestTableIsWhole(t *testing.T) {
	var named []string
	for _, c := range checks() {
		named = append(named, c.codes...)
	}
	slices.Sort(named)
	var known []string
	for _, c := range rules.Codes() {
		if strings.HasPrefix(c.ID, "VIF5") && c.ID != rules.CodeDerivedTwice { // which needs to know how addresses are derived
			known = append(known, c.ID)
		}
	}
	if diff := cmp.Diff(known, named); diff != "" {
		t.Errorf("codes (-known +named):\n%s", diff)
	}
}

// TestShippedFiles: of what comes with vifd nothing is said, and it counts all the same.
func TestShippedFiles(t *testing.T) {
	set := load(t, matches(`interface: "vif*"`, `interface: "vif7.*"`))
	all := Check(set, Options{})
	none := Check(set, Options{Shipped: func(file string) bool { return file == "<stdin>" }})
	if len(all) != 1 || len(none) != 0 {
		t.Errorf("%d problems, %d of files that are not shipped", len(all), len(none))
	}
}
