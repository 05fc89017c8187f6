package importer_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vifd/internal/importer"
)

// TestRefused: what is wrong is said with its place, and what was meant.
func TestRefused(t *testing.T) {
	for _, tt := range []struct{ format, text, say string }{
		{"xend", "(a (b)", "1:1: the list that begins here is not closed (end it with ))"},
		{"xend", "(a)\n)", "2:1: a closing bracket too many"},
		{"xend", "(a 'b", "1:4: the quote that begins here is not closed"},
		{"xend", "(network-script (network-bridge netdev=eth1))", "1:1: (network-script …) takes one script (quote it where it has arguments"},
		{"xend", "(vif-script)", "1:1: (vif-script …) takes one script"},
		{"xend", "(vm (name a))", "1:1: this is a domain"},
		{"xend", strings.Repeat("(", 100), "1:65: lists lie too deeply"},
		{"xl", "vif = [ '' ]", "file: the domain has no name"},
		{"xl", "name = web", `1:8: the value web is not quoted (write "web"`},
		{"xl", "import os\nname='a'", "1:8: import is not followed by = (this is Python"},
		{"xl", "name = 'a'\nvif = [ 'mac=%s' % x ]", "2:18: \"%\" is not expected here (this is Python"},
		{"xl", "name = '''a'''", "1:8: a text of several lines (this is Python"},
		{"xl", "name = 'a\n'", "1:8: the string that begins here does not end on its line"},
		{"xl", "name = 'a'\nvif = 'mac=00:16:3e:00:00:01'", "2:7: vif takes a list"},
		{"xl", "name = 'a'\nvif = [ '',\n 'brigde=br0' ]", `3:3: xl knows no key "brigde" of a vif (did you mean "bridge"?)`},
		{"xl", "name = 'a'\nvif = [ 'bridge=br0,  mac' ]", "2:23: mac has no value"},
		{"xl", "name = 'a'\nvif = [ 'mtu=1,mtu=2' ]", "2:16: mtu is given twice"},
		{"xl", "name = 'a'\nvif = [ 'devid=1', 'devid=1' ]", "2:20: the domain has two vifs of number 1"},
		{"xl", "name = 'a'\nvif = [ '',", "2:7: the list that begins here is not closed"},
		{"xl", "name = 'a' 'b'", "1:12: something follows the value"},
		{"xl", `name = "a\nb"`, `1:8: the domain's name "a\nb" cannot stand in rules: it holds a control character`},
		{"xl", `name = "${interface}"`, "1:8: the domain's name \"${interface}\" cannot stand in rules"},
		{"xl", "name = \"a\xff\"", "1:8: the domain's name \"a\\xff\" cannot stand in rules: it is not UTF-8"},
		{"xl", `name = "a\q"`, "1:10: an escape that xl does not know"},
		{"xl", "name = 'a'\nvif = [[[[[[[[[[[[[[[[[[[[[[", "lists lie too deeply"},
		{"xl-conf", "vif.default.bridge = xenbr0", "1:22: the value xenbr0 is not quoted"},
		{"libvirt", "<domain><name>a</name>", "not XML"},
		{"libvirt", "<!DOCTYPE x [<!ENTITY a 'b'>]>\n<domain/>", "1:1: a document type"},
		{"libvirt", "<domain><name>&a;</name></domain>", "not XML: invalid character entity"},
		{"libvirt", "<domain>\n  <name>a\nb</name></domain>", `2:3: the domain's name "a\nb" cannot stand in rules`},
		{"libvirt", "<pool/>", "1:1: <pool> is no domain, network or filter"},
		{"libvirt", strings.Repeat("<a>", 100), "1:193: too many elements, or too deeply"},
		{"qubes", "table ip filter {\n}\n", "there is no table of the name qubes"},
	} {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, []byte(tt.text), 0o644); err != nil {
			t.Fatal(err)
		}
		r, err := importer.Import(tt.format, []string{file}, nil)
		if err == nil {
			t.Errorf("%s %q is taken:\n%s", tt.format, tt.text, r.Document)
			continue
		}
		if !strings.Contains(err.Error(), tt.say) {
			t.Errorf("%s %q:\n got %v\nwant %s", tt.format, tt.text, err, tt.say)
		}
	}
}

// burst is a domain whose only interface has these limits.
func burst(limits string) string {
	return "<domain type='kvm'><name>a</name><devices><interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='br0'/>" +
		"<bandwidth>" + limits + "</bandwidth></interface></devices></domain>"
}

// TestOneDirectionsBurst: where one direction alone has a limit, its burst is nobody else's.
func TestOneDirectionsBurst(t *testing.T) {
	for _, limits := range []string{"<inbound average='1000' burst='5120'/>", "<outbound average='128' burst='5120'/>", "<inbound average='1000' burst='5120'/><outbound average='128' burst='5120'/>"} {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, []byte(burst(limits)), 0o644); err != nil {
			t.Fatal(err)
		}
		if r := imported(t, file); len(r.Notes) != 0 || !strings.Contains(r.Document, `burst: "5120kb"`) {
			t.Errorf("%s: %v\n%s", limits, r.Notes, r.Document)
		}
	}
}

// TestNoted: what is understood, and cannot be, is listed with its place; the rest comes over.
func TestNoted(t *testing.T) {
	for _, tt := range []struct{ format, text, say string }{
		{"xend", "(network-scirpt network-bridge)", "1:1: not carried over: (network-scirpt …): xend has no such key; did you mean \"network-script\"?"},
		{"xend", "(network-script 'network-bridge netdev=eth0 brigde=b')", `1:17: not carried over: argument "brigde=b" of network-script: Xen's scripts have no such argument; did you mean "bridge"?`},
		{"xend", "(network-script my-bridges)", `1:17: not carried over: script "my-bridges": vifd does not know what it does`},
		{"xend", "(vif-script vif-bridge)\n(vif-script vif-nat)", "2:1: not carried over: (vif-script …): xend takes the first one"},
		{
			"xend", "(vif-script /usr/local/x y=1 'z')",
			`1:26: not carried over: arguments "y=1 z" of vif-script: they are not in quotes with the script, so that xend never handed them on; if they are meant, write (vif-script '/usr/local/x y=1 z')`,
		},
		{"xend", "(vif-script /usr/local/x y=1)", `1:13: not carried over: script "/usr/local/x": vifd does not know what it does`},
		{"xend", `(vif-script vif-bridge "it's")`, `1:24: not carried over: arguments "it's" of vif-script: they are not in quotes with the script, so that xend never handed them on; remove them`},
		{"xend", "(vif-script vif-bridge (a b))", "1:24: not carried over: a list in (vif-script …): xend takes the script alone; remove it"},
		{
			"libvirt", "<filter name='mine'><filterref filter='no-mac-spoofing'/></filter>",
			`1:1: not carried over: nwfilter "mine": no interface that is carried over refers to it, so that nothing came of it; import the domains`,
		},
		{"libvirt", "<network><name>n</name><bridge name='br7'/></network>", `1:1: changed: network "n": no interface that is carried over is in it, so that nothing came of it: libvirt goes on`},
		{
			"libvirt", "<network><name>n</name>\n<ip address='192.0.2.1'><dhcp><host mac='52:54:00:00:00:01' ip='192.0.2.7'/></dhcp></ip></network>",
			`2:31: not carried over: address 192.0.2.7 of MAC 52:54:00:00:00:01 in network "n": no interface with this MAC that was read is in the network; import its domain as well`,
		},
		{
			"libvirt", "<network><name>n</name>\n<ip family='ipv6'><dhcp><range start='2001:db8::2' end='2001:db8::9'/><host id='00:03:01' ip='2001:db8::7'/></dhcp></ip></network>",
			`2:71: not carried over: <host> of address "2001:db8::7": it names no MAC`,
		},
		{"libvirt", "<network><name>n</name>\n<ip><dhcp><host mac='1' ip='192.0.2.7'/></dhcp></ip></network>", `2:11: not carried over: <host> of address "192.0.2.7": "1" is not a MAC address`},
		{"libvirt", "<network><name>n</name>\n<ip><dhcp><host mac='52:54:00:00:00:01' ip='7'/></dhcp></ip></network>", `2:11: not carried over: <host> of address "7": `},
		{
			"libvirt", burst("<inbound average='1000' burst='5120'/><outbound average='128'/>"),
			"changed: <outbound>: vifd has one burst for both directions, and this one, which had none, gets that of the other: 5120kb; write another one",
		},
		{"libvirt", burst("<inbound average='1000'/><outbound average='128' burst='256'/>"), "changed: <inbound>: vifd has one burst for both directions"},
		{"xl", "name = 'a'\nvfi = [ '' ]\nviff = [ '' ]", "3:1: not carried over: viff: xl has no such key; did you mean \"vif\"?"},
		{"xl", "name = 'a'\nvfi = [ '' ]", "2:1: not carried over: vfi: xl has no such key; did you mean \"vif\"?"},
		{"xl", "name = 'a'\nvif = [ 'rate=fast' ]", "2:10: not carried over: rate=fast: it is not as in 10Mb/s"},
		{"xl", "name = 'a'\nvif = [ 'rate=1b/s' ]", "vifd takes from 8Kb/s"},
		{"xl", "name = 'a'\nvif = [ 'vlan=10/20' ]", `marks no VLAN with p as the port's own; the vif is shut`},
		{"xl", "name = 'a'\nvif = [ 'vlan=10p/5-15' ]", "VLAN 10 is named twice; the vif is shut"},
		{"xl", "name = 'a'\nvif = [ 'vlan=5000' ]", "the vif is shut"},
		{"xl", "name = 'a'\nvif = [ 'bridge=a/b' ]", `2:10: not carried over: bridge "a/b": no bridge can be called so; the vif is shut`},
		{"xl", "name = 'a'\nvif = [ 'mac=01:00:5e:00:00:01' ]", "is no address of a single interface"},
		{"xl", "name = 'a'\nvif = [ 'ip=192.0.2.1 127.0.0.1' ]", "127.0.0.1 is a loopback address"},
		{"xl", "name = 'a'\nvif = [ 'ip=192.0.2.1', 'ip=192.0.2.1' ]", "address 192.0.2.1/32 of vif 1 of \"a\": it is given already"},
		{"xl", "name = 'a'\nvif = [ 'ip=10.0.6.1/16' ]", "changed: ip=10.0.6.1/16: the address alone is the guest's"},
		{"xl", "name = 'a'\nvif = [ 'vifname=much-too-long-a-name' ]", "no interface can be called so"},
		{"xl-conf", "vif.default.bridg = 'a'", "did you mean \"vif.default.bridge\"?"},
		{"xl-conf", "vif.default.backend = 'netvm'", `backend "netvm": the vifs are in that domain, not here`},
		{"xl-conf", "run_hotplug_scripts = 0", "xl runs no scripts then"},
	} {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, []byte(tt.text), 0o644); err != nil {
			t.Fatal(err)
		}
		r, err := importer.Import(tt.format, []string{file}, nil)
		if err != nil {
			t.Errorf("%s %q: %v", tt.format, tt.text, err)
			continue
		}
		load(t, r.Document)
		var all []string
		for _, n := range r.Notes {
			all = append(all, n.String())
		}
		if !strings.Contains(strings.Join(all, "\n"), tt.say) {
			t.Errorf("%s %q:\n got %q\nwant %s", tt.format, tt.text, all, tt.say)
		}
	}
}
