package importer_test

import (
	"fmt"
	"strings"
	"testing"

	"vifd/internal/importer"
)

// notes are an import's, each in a line without the folder.
func notes(r *importer.Result, dir string) string {
	var b strings.Builder
	for _, n := range r.Notes {
		fmt.Fprintln(&b, strings.TrimPrefix(n.String(), dir+"/"))
	}
	return b.String()
}

// filtered is a guest of KVM's with a filter.
func filtered(filter, params string) string {
	return kvm("web", "52:54:00:00:00:02", "bridge='br0", "<target dev='web0'/>\n<filterref filter='"+filter+"'>"+params+"</filterref>")
}

func param(name, value string) string {
	return "<parameter name='" + name + "' value='" + value + "'/>"
}

// TestKept: what the files say is in the rules, or in a note, whatever stands first, and nothing is made up.
func TestKept(t *testing.T) {
	const closed = "firewall: [no-mac-spoofing, no-vlan-tags, no-other-l2, no-bpdu, no-dhcp-server, no-dhcp6-server, no-router-advert]\n"
	const allowing = "<filter name='mine'>\n%s</filter>"
	network := func(inner string) string {
		return "<network><name>n</name><bridge name='virbr7'/>" + inner + "</network>"
	}
	for _, tt := range []struct {
		name  string
		files map[string]string
		rules []string
		notes []string // a first one of "" forbids all others
	}{
		{
			"the bridge of the host, whose script is another one",
			map[string]string{"xl.conf": "vif.default.script='vif-route'\nvif.default.gatewaydev='eth3'\nvif.default.bridge='br7'\n", "a.cfg": "name='a'\nvif=['script=vif-bridge']\n"},
			[]string{"domain: a, vifid: 0}\n    bridge: br7\n", "route: routed\n"},
			[]string{""},
		},
		{
			"the bridge that is declared",
			map[string]string{"xend-config.sxp": "(network-script 'network-bridge netdev=eth1 bridge=xbr')\n(vif-script vif-route)", "a.cfg": "name='a'\nvif=['script=vif-bridge']\n"},
			[]string{"domain: a, vifid: 0}\n    bridge: xbr\n"},
			nil,
		},
		{
			"the host's bridge as the vif's script reads it",
			map[string]string{"xl.conf": "vif.default.bridge='ovs0.10'\n", "a.cfg": "name='a'\nvif=['script=vif-openvswitch']\n"},
			[]string{"domain: a, vifid: 0}\n    bridge: {name: ovs0, vlan: {untagged: 10}}\n", `bridge: "${bridge:-ovs0.10}"`},
			nil,
		},
		{
			"a VLAN beside those in the bridge",
			map[string]string{"a.cfg": "name='a'\nvif=['script=vif-openvswitch,bridge=ovs0.10,vlan=20']\n"},
			[]string{"bridge: {name: ovs0, vlan: {untagged: 10}}\n"},
			[]string{`a.cfg:2:6: not carried over: vlan of the vif: bridge "ovs0.10" names its VLANs`},
		},
		{
			"vif-nat before network-nat",
			map[string]string{"xend-config.sxp": "(vif-script 'vif-nat dhcp=yes')\n(network-script 'network-nat netdev=eth1')"},
			[]string{"translated: {nat: {uplink: eth1, subnet: 10.0.0.0/8, dhcp: true}}\n"},
			[]string{"2:17: changed: network-nat: "},
		},
		{
			"vif-nat without network-nat",
			map[string]string{"xend-config.sxp": "(vif-script 'vif-nat dhcp=yes')"},
			[]string{"translated: {nat: {uplink: eth0, subnet: 10.0.0.0/8, dhcp: true}}\n"},
			[]string{"1:13: changed: nat: no uplink is given, and eth0 is taken for it"},
		},
		{
			"vif-nat with a card of its own",
			map[string]string{"xend-config.sxp": "(vif-script 'vif-nat dhcp=yes netdev=eth4')"},
			[]string{"translated: {nat: {uplink: eth4, subnet: 10.0.0.0/8, dhcp: true}}\n"},
			[]string{""},
		},
		{
			"vif-route and network-route with different cards",
			map[string]string{"xend-config.sxp": "(vif-script 'vif-route netdev=eth3')\n(network-script 'network-route netdev=eth2')"},
			[]string{"route: {uplink: eth2}", "route: {uplink: eth3}"},
			[]string{""},
		},
		{
			"the same, the other way round",
			map[string]string{"xend-config.sxp": "(network-script 'network-route netdev=eth2')\n(vif-script 'vif-route netdev=eth3')"},
			[]string{"route: {uplink: eth2}", "route: {uplink: eth3}"},
			[]string{""},
		},
		{
			"arguments of another script's",
			map[string]string{"xend-config.sxp": "(vif-script 'vif-bridge dhcp=yes')\n(network-script 'network-bridge netdev=eth1 dhcp=yes vifnum=3')"},
			[]string{"networks:\n", "  xenbr3: {bridge: {uplink: eth1, create: true}}\nrules:\n"},
			[]string{`1:13: not carried over: argument "dhcp=yes" of vif-script: vif-bridge does not heed it`, `2:17: not carried over: argument "dhcp=yes" of network-script: network-bridge does not heed it`},
		},
		{
			"antispoof with a card that is none",
			map[string]string{"xend-config.sxp": "(network-script 'network-bridge netdev=a/b antispoof=yes')"},
			[]string{"firewall: source-guard\n"},
			[]string{`netdev="a/b"`},
		},
		{
			"two uplinks of NATed vifs",
			map[string]string{"a.cfg": "name='a'\nvif=['script=vif-nat,gatewaydev=eth6,ip=10.0.0.98','script=vif-nat,gatewaydev=eth5,ip=10.0.0.99']\n"},
			[]string{"nat: {uplink: eth6,"},
			[]string{`a.cfg:2:52: not carried over: uplink eth5 of vif 1 of "a": NATed guests are in the one network translated, whose uplink is eth6`},
		},
		{
			"one NATed vif with an uplink, and one without before it",
			map[string]string{"a.cfg": "name='a'\nvif=['script=vif-nat','script=vif-nat,gatewaydev=eth5']\n"},
			[]string{"nat: {uplink: eth5,"},
			[]string{"a.cfg:2:6: changed: nat: no uplink is given, and the vif is in network translated, whose uplink is eth5"},
		},
		{
			"one routed vif with an uplink, and one without behind it",
			map[string]string{"a.cfg": "name='a'\nvif=['script=vif-route,gatewaydev=eth1','script=vif-route']\n"},
			[]string{"vifid: 0}\n    route: routed\n", "vifid: 1}\n    route: {uplink: eth0}\n"},
			[]string{"a.cfg:2:41: changed: route: no uplink is given, and eth0 is taken for it"},
		},
		{
			"what a script does not look at",
			map[string]string{"a.cfg": "name='a'\nvif=['gatewaydev=eth4','script=vif-route,gatewaydev=eth4,bridge=br4']\n"},
			nil,
			[]string{`a.cfg:2:6: not carried over: uplink eth4 of vif 0 of "a"`, `a.cfg:2:58: not carried over: bridge "br4"`},
		},
		{
			"old names in xl.conf",
			map[string]string{"xl.conf": "vifscript='vif-route'\nvif.default.script='vif-bridge'\n"},
			[]string{"bridge: \"${bridge:-xenbr0}\"\n"},
			[]string{"xl.conf:1:11: not carried over: vifscript: it contradicts "},
		},
		{
			"a guard with an address that is none",
			map[string]string{"a.cfg": "name='a'\nvif=['ip=192.0.2.300']\n"},
			[]string{closed},
			[]string{"ip=192.0.2.300", "it is guarded but for them"},
		},
		{
			"a guard with another guest's address",
			map[string]string{"a.cfg": "name='a'\nvif=['ip=192.0.2.1','ip=192.0.2.1']\n"},
			[]string{"vifid: 1}\n    bridge: xenbr0\n    " + closed},
			[]string{"it is given already"},
		},
		{
			"Qubes' tables beside a file of Xen's that says nothing",
			map[string]string{"xl.conf": "# nothing\n", "q.nft": "table ip qubes {\nset allowed {\nelements = { \"vif1.0\" . 10.137.0.1, \"vif2.0\" . 10.137.0.3-10.137.0.9 }\n"},
			[]string{"- name: qubes\n    match: {interface: \"vif*\"}\n    route: {network: routed, neighbor: true}\n"},
			[]string{`q.nft:3:37: not carried over: address "10.137.0.3-10.137.0.9"`},
		},
		{
			"Qubes' tables beside one that says what all vifs are",
			map[string]string{"xl.conf": "vif.default.script='vif-bridge'\n", "q.nft": "table ip qubes {\nset allowed {\nelements = { \"vif1.0\" . 10.137.0.1 }\n"},
			[]string{"- name: xen\n"},
			[]string{"q.nft:1:1: not carried over: vifs that are not in the tables"},
		},
		{
			"another MAC for the filter",
			map[string]string{"web.xml": filtered("clean-traffic", param("IP", "192.0.2.1")+param("MAC", "52:54:00:00:00:99"))},
			nil,
			[]string{`web.xml:3:1: not carried over: parameter MAC "52:54:00:00:00:99": the filter let the guest have it`},
		},
		{
			"the MAC of the filter, which stands first",
			map[string]string{"web.xml": "<domain type='kvm'><name>web</name><devices><interface type='bridge'><filterref filter='no-mac-spoofing'>" + param("MAC", "52-54-00-00-00-02") +
				"</filterref><mac address='52:54:00:00:00:02'/><source bridge='br0'/><target dev='web0'/></interface></devices></domain>"},
			[]string{`mac: "52:54:00:00:00:02"`},
			[]string{""},
		},
		{
			"parameters that nobody uses",
			map[string]string{"web.xml": filtered("no-mac-spoofing", param("DHCPSERVER", "192.0.2.3")+param("FOO", "1")+param("CTRL_IP_LEARNING", "dhcp"))},
			nil,
			[]string{"parameter CTRL_IP_LEARNING \"dhcp\" of nwfilter \"no-mac-spoofing\": vifd learns no addresses", "parameter DHCPSERVER \"192.0.2.3\"", "web.xml:3:1: not carried over: parameter FOO \"1\""},
		},
		{
			"parameters that are used",
			map[string]string{"web.xml": filtered("allow-dhcp-server", param("DHCPSERVER", "192.0.2.3"))},
			[]string{"with: {servers: 192.0.2.3}"},
			[]string{""},
		},
		{
			"a filter's own parameters, which the domain's overrule",
			map[string]string{
				"web.xml":  filtered("mine", param("DHCPSERVER", "192.0.2.3")),
				"mine.xml": fmt.Sprintf(allowing, "<filterref filter='allow-dhcp-server'>"+param("DHCPSERVER", "192.0.2.9")+param("IP", "192.0.2.8")+"</filterref>"),
			},
			[]string{"with: {servers: 192.0.2.3}"},
			[]string{`mine.xml:2:1: not carried over: parameter IP "192.0.2.8" of nwfilter "allow-dhcp-server"`},
		},
		{
			"what two filters allow",
			map[string]string{"web.xml": filtered("mine", ""), "mine.xml": fmt.Sprintf(allowing, "<filterref filter='allow-incoming-ipv4'/><filterref filter='allow-ipv4'/>")},
			[]string{"firewall: allow-ipv4\n"},
			[]string{""},
		},
		{
			"servers of two filters",
			map[string]string{
				"web.xml": filtered("mine", ""),
				"mine.xml": fmt.Sprintf(allowing, "<filterref filter='allow-dhcp-server'>"+param("DHCPSERVER", "192.0.2.3")+"</filterref>"+
					"<filterref filter='allow-dhcp-server'>"+param("DHCPSERVER", "192.0.2.4")+"</filterref>"),
			},
			[]string{"with: {servers: [192.0.2.3, 192.0.2.4]}"},
			[]string{""},
		},
		{
			"two filters of one name",
			map[string]string{"a.xml": "<filter name='mine'><filterref filter='no-mac-spoofing'/></filter>", "b.xml": "<filter name='mine'><filterref filter='allow-arp'/></filter>", "web.xml": filtered("mine", "")},
			[]string{"firewall: no-mac-spoofing\n"},
			[]string{`b.xml:1:1: not carried over: nwfilter "mine": it has been read already, at `},
		},
		{
			"an address that the network reserves, and the filter does not allow",
			map[string]string{
				"web.xml": strings.Replace(filtered("clean-traffic", param("IP", "192.0.2.1")), "bridge='br0'", "bridge='virbr7'", 1),
				"n.xml":   network("<ip><dhcp><host mac='52:54:00:00:00:02' ip='192.0.2.7'/></dhcp></ip>"),
			},
			[]string{"ip: [192.0.2.1]}"},
			[]string{`n.xml:1:57: not carried over: address 192.0.2.7 of vif 0 of "web": its nwfilter holds it to 192.0.2.1`},
		},
		{
			"a network whose guests are isolated",
			map[string]string{"web.xml": kvm("web", "52:54:00:00:00:02", "network='n", ""), "out.xml": kvm("out", "52:54:00:00:00:03", "network='n", "<port isolated='no'/>"), "n.xml": network("<port isolated='yes'/>")},
			[]string{"fe:54:00:00:00:02\"}\n    bridge: {name: virbr7, isolated: true}\n", "fe:54:00:00:00:03\"}\n    bridge: virbr7\n"},
			[]string{""},
		},
		{
			"the bridge of a domain that runs",
			map[string]string{"web.xml": kvm("web", "52:54:00:00:00:02", "network='n' bridge='virbr7", "")},
			[]string{"    bridge: virbr7\n"},
			[]string{""},
		},
		{
			"no bridge",
			map[string]string{"web.xml": kvm("web", "52:54:00:00:00:02", "bridge='", "")},
			[]string{"    block: true\n"},
			[]string{`not carried over: vif 0 of "web": nothing says which bridge it is to be in`},
		},
		{
			"a file that is called as what takes warnings off", map[string]string{"vifd:ignore VIF515 x": "name='a'\nvif=['bridge=b']\n"}, []string{"bridge: b\n"}, []string{""},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			writeFiles(t, dir, tt.files)
			t.Chdir(dir)
			r := imported(t, ".")
			load(t, r.Document)
			rules, _, _ := strings.Cut(r.Document, "\n# ")
			for _, want := range tt.rules {
				if !strings.Contains(rules, want) {
					t.Errorf("the rules do not say\n%s but\n%s", want, rules)
				}
			}
			said := notes(r, dir)
			for _, want := range tt.notes {
				if want == "" && said != "" || !strings.Contains(said, want) {
					t.Errorf("notes\n%swant %q", said, want)
				}
			}
		})
	}
}

// TestAllowed: a warning of what a file says is taken off with the file's name, and noted; one of what comes from no file is not.
func TestAllowed(t *testing.T) {
	t.Chdir(t.TempDir())
	writeFiles(t, ".", map[string]string{"a.cfg": "name='a'\nvif=['bridge=b']\n"})
	r := imported(t, "a.cfg")
	before := strings.Split(r.Document, "\n")
	line := func(text string) int {
		for i, l := range before {
			if strings.Contains(l, text) {
				return i + 1
			}
		}
		t.Fatalf("no line has %q:\n%s", text, r.Document)
		return 0
	}
	none := importer.Warning{Line: line("xenbr0}"), Code: "VIF516", Text: "of the default"}
	refused := r.Allow([]importer.Warning{{Line: line("bridge: b"), Code: "VIF517", Text: "a warning"}, {Line: line("bridge: b"), Code: "VIF518", Text: "another"}, none})
	if len(refused) != 1 || refused[0] != none {
		t.Errorf("refused: %v", refused)
	}
	if want := "\n    # vifd:ignore VIF517, VIF518 it is so in a.cfg:2\n    bridge: b\n"; !strings.Contains(r.Document, want) {
		t.Errorf("the document does not say\n%s but\n%s", want, r.Document)
	}
	if got, want := notes(r, ""), "a.cfg:2:6: changed: VIF517: a warning; it was so before; see whether it is meant\na.cfg:2:6: changed: VIF518: another; it was so before; see whether it is meant\n"; got != want {
		t.Errorf("notes\n%s\nwant\n%s", got, want)
	}
	if !strings.Contains(r.Document, "#   a.cfg:2:6: VIF517: a warning; ") {
		t.Errorf("the document does not tell of it:\n%s", r.Document)
	}
}
