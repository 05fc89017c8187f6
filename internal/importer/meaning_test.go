package importer_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vifd/internal/importer"
	"vifd/matcher"
	"vifd/rules"
)

// facts are what is known of a vif.
type facts map[string]string

func (f facts) Values(key string) []string {
	if value, ok := f[key]; ok {
		return []string{value}
	}
	return nil
}

// meaning is what becomes of a vif, in one line.
func meaning(t *testing.T, m *matcher.Matcher, f facts) string {
	t.Helper()
	d, err := m.Decide(m.Facts(f))
	if err != nil {
		t.Fatalf("%v: %v", f, err)
	}
	parts := []string{d.Kind.String()}
	if d.Kind == rules.Route {
		parts = append(parts, d.Route.Uplink)
	} else if d.Network != "" {
		parts = append(parts, d.Network)
	}
	r := d.Rule
	if r == nil {
		return "unmatched"
	}
	if v := r.Action.Bridge.VLAN; v != nil {
		parts = append(parts, fmt.Sprintf("vlan %d%v", v.Untagged, v.Tagged))
	}
	for _, t := range r.Firewall {
		if t.Name != "open" { // said of those that had no guard before
			parts = append(parts, t.Name)
		}
	}
	if r.Rate.FromGuest.BitsPerSecond > 0 {
		parts = append(parts, fmt.Sprintf("from %d", r.Rate.FromGuest.BitsPerSecond))
	}
	if r.Rate.ToGuest.BitsPerSecond > 0 {
		parts = append(parts, fmt.Sprintf("to %d", r.Rate.ToGuest.BitsPerSecond))
	}
	if r.Link.MTU > 0 {
		parts = append(parts, fmt.Sprintf("mtu %d", r.Link.MTU))
	}
	for _, mac := range d.Guest.MACs {
		parts = append(parts, mac.String())
	}
	for _, ip := range d.Guest.IPs {
		parts = append(parts, rules.GuestIPText(ip))
	}
	return strings.Join(parts, " ")
}

// xen are the facts of a vif of a Xen domain's.
func xen(domain string, vif int) facts {
	return facts{"interface": fmt.Sprintf("vif7.%d", vif), "domid": "7", "vifid": fmt.Sprint(vif), "domain": domain}
}

// TestMeaning holds facts against the rules: what each vif of the hosts in testdata gets.
func TestMeaning(t *testing.T) {
	const parts = "no-mac-spoofing no-vlan-tags no-other-l2 no-bpdu no-dhcp-server no-dhcp6-server no-router-advert"
	hosts := map[string]*matcher.Matcher{}
	for _, tt := range []struct {
		host string
		vif  facts
		want string
	}{
		{"xen4", xen("web-1", 0), "bridge xenbr0 source-guard 00:16:3e:00:00:07 192.0.2.7 2001:db8::7"},
		{"xen4", xen("web-2", 0), "bridge xenbr0 source-guard 00:16:3e:00:00:08 192.0.2.8"},
		{"xen4", xen("web-2", 1), "bridge xenbr1 source-guard 00:16:3e:01:00:08 198.51.100.8"},
		{"xen4", xen("web-2", 2), "bridge xenbr1 " + parts + " 00:16:3e:02:00:08"},
		{"xen4", xen("db-1", 0), "bridge xenbr1 source-guard 00:16:3e:01:00:09 198.51.100.9"},
		{"xen4", xen("db-2", 1), "bridge xenbr1 source-guard 00:16:3e:01:00:0a 198.51.100.10"},
		{"xen4", xen("db-2", 0), "bridge xenbr0 source-guard"}, // attached later: the host's default
		{"xen4", facts{"interface": "vif7.0-emu", "domain": "db-1", "vifid": "0"}, "bridge xenbr1 source-guard 00:16:3e:01:00:09 198.51.100.9"},
		{"xen4", xen("stranger", 0), "bridge xenbr0 source-guard"},
		{"rhel5", xen("rhel5u1", 0), "bridge xenbr0 00:16:3e:17:1b:41"},
		{"rhel5", xen("old-name", 0), "bridge xenbr0 source-guard 00:16:3e:17:1b:42 192.0.2.42"},
		{"route", xen("routed", 0), "route eth2 source-guard 192.0.2.31 2001:db8::31"},
		{"route", xen("stranger", 0), "route eth2"},
		{"nat", xen("natted", 0), "nat translated"},
		{"nat", xen("natted", 1), "bridge xenbr9"},
		{"xl", xen("all-keys", 0), "bridge xenbr0"},
		{"xl", xen("all-keys", 1), "bridge xenbr0 00:16:3e:10:00:01"},
		{"xl", xen("all-keys", 2), "route eth0 source-guard mtu 1400 00:16:3e:10:00:02 192.0.2.21 2001:db8::21"},
		{"xl", xen("all-keys", 3), "route eth1 source-guard 00:16:3e:10:00:03 192.0.2.22"},
		{"xl", xen("all-keys", 4), "bridge xenbr0 source-guard from 10000000 00:16:3e:10:00:04 192.0.2.23"},
		{"xl", facts{"interface": "gw0"}, "bridge xenbr0 source-guard from 10000000 00:16:3e:10:00:04 192.0.2.23"},
		{"xl", xen("all-keys", 5), "bridge xenbr0 vlan 10[{100 110}] 00:16:3e:10:00:05"},
		{"xl", xen("all-keys", 6), "bridge ovs0 vlan 10[{20 20} {30 30}] 00:16:3e:10:00:06"},
		{"xl", xen("all-keys", 7), "bridge xenbr0 vlan 7[] mtu 9000 00:16:3e:10:00:07"},
		{"xl", xen("all-keys", 9), "nat translated 00:16:3e:10:00:09"},
		{"xl", xen("all-keys", 10), "ignore"},
		{"xl", xen("all-keys", 12), "bridge xenbr0 vlan 10[{100 100} {110 110} {120 120} {130 130} {140 140}] 00:16:3e:10:00:0c"},
		{"xl", xen("tenant-a", 0), "bridge xenbr0 vlan 30[] from 8000000 00:16:3e:20:00:01"},
		{"xl", xen("tenant-b", 0), "bridge xenbr0 vlan 30[] from 8000000 00:16:3e:20:00:02"},
		{"xl", facts{"interface": "vif9.0", "domain": "stranger", "bridge": "br5"}, "bridge br5"},
		{"libvirt", facts{"interface": "web0", "kind": "tap"}, "bridge br0 clean-traffic from 1024000 to 8000000 mtu 1450 52:54:00:00:00:01 192.0.2.51 192.0.2.52"},
		{"libvirt", facts{"interface": "vnet7", "kind": "tap", "attr.address": "fe:54:00:00:00:02"}, "bridge virbr0 vlan 33[] no-mac-spoofing ethertypes no-bpdu no-dhcp-server 52:54:00:00:00:02"},
		{"libvirt", facts{"interface": "vnet8", "kind": "tap", "attr.address": "fe:54:00:00:00:03"}, "bridge br0 vlan 42[{47 47}] 52:54:00:00:00:03"},
		{"libvirt", facts{"interface": "web3"}, "block"},
		{"libvirt", facts{"interface": "web6"}, "bridge br0 " + parts + " 52:54:00:00:00:08"},
		{"libvirt", facts{"interface": "web7"}, "bridge br0 no-mac-spoofing no-ip-spoofing no-arp-spoofing allow-dhcp allow-arp allow-ipv4 no-other-traffic 52:54:00:00:00:09 192.0.2.57"},
		{"libvirt", facts{"interface": "web8"}, "ignore"},
		{"libvirt", facts{"interface": "web9"}, "block"},
		{"libvirt", facts{"interface": "vnet9", "kind": "tap", "attr.address": "fe:54:00:00:00:99"}, "unmatched"},
		{"libvirt-xen", xen("pv-guest", 0), "bridge br7 source-guard 00:16:3e:30:00:01 192.0.2.61"},
		{"qubes", facts{"interface": "vif12.0"}, "route eth0 source-guard 10.137.0.15 fd09:24ef:4179::a89:f"},
		{"qubes", facts{"interface": "vif99.0"}, "route eth0 source-guard"}, // of a table that is not Qubes'
		{"hostile", xen(`a"b'c: {d} [e*?] #f \ ü`, 0), "bridge xenbr1"},
		{"hostile", xen(`a"b'c: {d} eXX #f \ ü`, 0), "bridge xenbr0"},
		{"hostile", xen("yes", 0), "bridge no 00:16:3e:40:00:02"},
		{"hostile", xen("0100", 0), "bridge 1e3 00:16:3e:40:00:03"},
		{"hostile", xen("0100", 1), "bridge routed 00:16:3e:40:00:01"},
		{"hostile", xen("0100", 2), "route eth0 source-guard 192.0.2.1"},
	} {
		m := hosts[tt.host]
		if m == nil {
			m = matcher.New(load(t, imported(t, filepath.Join("testdata", tt.host)).Document))
			hosts[tt.host] = m
		}
		if got := meaning(t, m, tt.vif); got != tt.want {
			t.Errorf("%s: %v:\n got %s\nwant %s", tt.host, tt.vif, got, tt.want)
		}
	}
}

// TestMeaningOfOneFile: what hangs together in ways that whole hosts rarely show.
func TestMeaningOfOneFile(t *testing.T) {
	const gateway = `<domain type='kvm'><name>a</name><devices><interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='br0.10'/>` +
		`<target dev='a0'/><filterref filter='clean-traffic-gateway'><parameter name='IP' value='192.0.2.1'/>` +
		`<parameter name='GATEWAY_MAC' value='52:54:00:00:00:ff'/></filterref></interface></devices></domain>`
	for _, tt := range []struct {
		format, text string
		vif          facts
		want         string
	}{
		{"xl", "name='a'\nvif=['vlan=10p/20-29,ip=192.0.2.1']", xen("a", 0), "bridge xenbr0 vlan 10[{20 29}] no-mac-spoofing no-bpdu 192.0.2.1"},
		{"xl", "name='a'\nvif=['bridge=br0.10']", xen("a", 0), "bridge br0.10"},
		{"xl", "name='a'\nvif=['bridge=ovs0.10,script=vif-openvswitch']", xen("a", 0), "bridge ovs0 vlan 10[]"},
		{"xl", "name='a'\nvif=['bridge=ovs0:20:30']", xen("a", 0), "bridge ovs0 vlan 0[{20 20} {30 30}]"},
		{"xl", "name='a'\nvif=['bridge=ovs0:20:x']", xen("a", 0), "block"},
		{"xl", "name='a'\nvif=['vlan=0']", xen("a", 0), "block"},
		{"xl", "name='a'\nvif=['vlan=10,script=/root/own']", xen("a", 0), "ignore"},
		{"xl", "name='a'\nvif=['vlan=bad,script=/root/own']", xen("a", 0), "block"},
		{"xl-conf", "vif.default.script='vif-openvswitch'\nvif.default.bridge='ovs0.10:20'", facts{"interface": "vif1.0", "bridge": "ovs0.10:20"}, "bridge ovs0 vlan 10[{20 20}]"},
		{"xl-conf", "vif.default.script='vif-route'\nvif.default.gatewaydev='eth7'", xen("a", 0), "route eth7"},
		{"xl-conf", "vif.default.script='/root/own'", xen("a", 0), "ignore"},
		{"xl-conf", "vif.default.bridge='no/bridge'", xen("a", 0), "block"},
		{"xend", "(network-script 'network-bridge netdev=eth3 bridge=eth3')", xen("a", 0), "bridge xenbr3"},
		{"xend", "(network-script 'network-bridge vifnum=2')", xen("a", 0), "bridge xenbr2"},
		{"xend", "(network-script 'network-bridge bridge=null')(vif-script 'vif-bridge bridge=br5')", xen("a", 0), "bridge br5"},
		{"xend", "(vif-script 'vif-bridge bridge=br5')(network-script 'network-bridge netdev=eth0 bridge=br6')", xen("a", 0), "bridge br5"},
		{"xend", "(network-script 'network-bridge netdev=eth0')(vif-script 'vif-bridge bridge=eth0')", xen("a", 0), "bridge xenbr0"},
		{"xend", "(network-script network-bridge netdev=eth3)(vif-script vif-route netdev=eth5)", xen("a", 0), "route eth0"},
		{"xend", "(vif-script /usr/local/x y=1)", xen("a", 0), "ignore"},
		{"xend", "(network-script network-dummy)", xen("a", 0), "bridge xenbr0"},
		{"xend", "(network-script 'network-nat antispoof=yes')(vif-script vif-nat)", xen("a", 0), "nat translated source-guard"},
		{"libvirt", gateway, facts{"interface": "a0"}, "bridge br0.10 clean-traffic-gateway 52:54:00:00:00:01 192.0.2.1"},
	} {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, []byte(tt.text), 0o644); err != nil {
			t.Fatal(err)
		}
		r, err := importer.Import(tt.format, []string{file}, nil)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		if got := meaning(t, matcher.New(load(t, r.Document)), tt.vif); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.text, got, tt.want)
		}
	}
}
