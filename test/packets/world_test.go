package packets

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/vishvananda/netlink"

	"vifd/actions/firewall"
	"vifd/handler"
	"vifd/internal/nft"
	"vifd/internal/rtnl"
	"vifd/internal/testhost"
	"vifd/rules"
	rulesd "vifd/rules.d"
)

const bridgeName = "xenbr0"

// world is a host with a bridge and the firewall in force. Nothing in it sends a frame unless the test does: nobody has an
// address, and IPv6, which makes itself one, is off.
type world struct {
	host   *testhost.Host
	rules  *handler.Ruleset
	table  *firewall.Table
	links  *rtnl.Conn
	bridge *testhost.Port // what the bridge hands up to the host
	guests []*guest
	serial int // of the last frame that a test sent for its own ends
}

// guest is a virtual machine as the network sees it.
type guest struct {
	vif     string
	mac     net.HardwareAddr
	ip4     netip.Addr
	ip6     netip.Addr
	ll      netip.Addr
	ifindex int
	machine *testhost.Host
	eth0    *testhost.Port
}

// nameGuest says who guest n is.
func nameGuest(n byte) *guest {
	mac := firewall.MAC{0x00, 0x16, 0x3e, 0x00, 0x00, n}
	return &guest{
		vif: fmt.Sprintf("vif%d.0", n), mac: mac[:], ll: mac.LinkLocal(),
		ip4: netip.AddrFrom4([4]byte{192, 0, 2, n}),
		ip6: netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 15: n}),
	}
}

// homeless is the guest of whom the rules know the MAC alone.
const homeless = 4

// library returns the names of the templates that vifd ships.
func library(t *testing.T) []string {
	t.Helper()
	files, err := fs.Glob(rulesd.FS, "templates/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no template in the library: %v", err)
	}
	for i, f := range files {
		files[i] = strings.TrimSuffix(strings.TrimPrefix(f, "templates/"), ".yaml")
	}
	slices.Sort(files)
	return files
}

// given are the arguments of the templates that cannot do without: the victim, guest 1, is everybody's gateway and server.
var given = map[string]map[string][]string{
	"clean-traffic-gateway": {"gateway-mac": {nameGuest(1).mac.String()}},
	"isolated":              {"gateway-mac": {nameGuest(1).mac.String()}},
	"quarantine":            {"servers": {nameGuest(1).ip4.String(), nameGuest(1).ip6.String(), nameGuest(1).ll.String()}},
	"allow-address-pair":    {"addresses": {shared4.String(), shared6.String()}, "macs": {virtual.String()}},
	"allow-vrrp":            {"vrid": {"51", "61"}, "addresses": {shared4.String(), shared6.String()}, "virtual-mac": {virtual.String()}},
	"allow-carp":            {"vhid": {"51", "61"}, "addresses": {shared4.String(), shared6.String()}, "virtual-mac": {virtual.String()}},
	"dns-client":            {"servers": {nameGuest(1).ip4.String()}},
	"conn-limit":            {"most": {fmt.Sprint(most)}},
}

const most = 3 // connections

// elsewhere are the templates that ask what this kernel's bridge family may not know: they are for TestStatefulTemplates.
var elsewhere = []string{"established", "stateful-basic", "dns-client", "conn-limit", "reverse-path"}

// bridged are the templates that every kernel has in the bridge family.
func bridged(t *testing.T) []string {
	t.Helper()
	return slices.DeleteFunc(library(t), func(name string) bool { return slices.Contains(elsewhere, name) })
}

func ref(name string) firewall.Ref { return firewall.Ref{Template: name, With: given[name]} }

func refs(names ...string) []firewall.Ref {
	out := make([]firewall.Ref, len(names))
	for i, name := range names {
		out[i] = ref(name)
	}
	return out
}

// load reads the default rules, who the guests are, and for each template a rule that has it alone.
func load(t *testing.T) *handler.Ruleset {
	t.Helper()
	defaults, err := fs.ReadFile(rulesd.FS, rulesd.DefaultRules)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "networks:\n  %s: {bridge: {create: true}}\nguests:\n", bridgeName)
	for n := range byte(9) {
		g := nameGuest(n + 1)
		if n+1 == homeless {
			fmt.Fprintf(&b, "  - {interface: %s, mac: %q}\n", g.vif, g.mac)
			continue
		}
		fmt.Fprintf(&b, "  - {interface: %s, mac: %q, ip: [%s, %q]}\n", g.vif, g.mac, g.ip4, g.ip6)
	}
	b.WriteString("rules:\n")
	rule := func(name string, refs ...firewall.Ref) {
		fmt.Fprintf(&b, "  - name: %s\n    match: {interface: %q}\n    bridge: %s\n    firewall:\n", name, name, bridgeName)
		for _, r := range refs {
			if len(r.With) == 0 {
				fmt.Fprintf(&b, "      - %s\n", r.Template)
				continue
			}
			fmt.Fprintf(&b, "      - {template: %s, with: {", r.Template)
			for param, values := range r.With {
				fmt.Fprintf(&b, "%s: [\"%s\"], ", param, strings.Join(values, `", "`))
			}
			b.WriteString("}}\n")
		}
	}
	for i, name := range bridged(t) {
		rule(fmt.Sprintf("alone%d", i), ref(name))
		if strings.HasPrefix(name, "allow-") {
			rule(fmt.Sprintf("before%d", i), ref(name), ref("source-guard"))
			rule(fmt.Sprintf("closed%d", i), ref(name), ref("source-guard"), ref("no-vrrp"))
		}
	}
	set, report := rules.Load(rules.Options{
		Paths: []string{"rules.d"}, Library: rulesd.FS,
		FS: fstest.MapFS{"rules.d/10-test.yaml": {Data: []byte(b.String())}, "rules.d/" + rulesd.DefaultRules: {Data: defaults}},
	})
	if set == nil {
		var text strings.Builder
		if err := report.WriteText(&text, false); err != nil {
			t.Error(err)
		}
		t.Fatalf("the rules are refused:\n%s", text.String())
	}
	ruleset, err := handler.NewRuleset(set)
	if err != nil {
		t.Fatal(err)
	}
	return ruleset
}

// newWorld makes the host and plugs in and guards n guests.
func newWorld(t *testing.T, n byte) *world {
	t.Helper()
	w := &world{host: testhost.New(t), rules: load(t)}
	silence(t, w.host)
	var conn *nft.Conn
	w.host.Do(t, func() (err error) {
		if conn, err = nft.Dial(); err != nil {
			return err
		}
		w.links, err = rtnl.Dial()
		return err
	})
	w.makeBridge(t)
	t.Cleanup(func() {
		_ = conn.Close()
		_ = w.links.Close()
	})
	var err error
	if w.table, err = firewall.OpenTable(conn); err != nil {
		t.Fatal(err)
	}
	if _, err := w.table.Install(w.rules.Program(), nil, nil); err != nil {
		t.Fatal(err)
	}
	w.bridge = w.host.Packet(t, bridgeName)
	for i := range n {
		g := w.plug(t, i+1)
		w.guard(t, g)
		w.guests = append(w.guests, g)
	}
	return w
}

// bridgeMAC is where the bridge's own reports come from: it joins the multicast groups of those who snoop.
const bridgeMAC = "fe:ff:ff:ff:ff:ff"

// makeBridge makes the bridge as vifd does, and keeps br_netfilter, where a kernel has it, from checking and trimming what passes: no
// guard may rely on it.
func (w *world) makeBridge(t *testing.T) {
	t.Helper()
	if err := w.links.CreateBridge(bridgeName, 0); err != nil {
		t.Fatal(err)
	}
	w.host.Run(t, "ip", "link", "set", bridgeName, "address", bridgeMAC, "up")
	w.host.Do(t, func() error {
		for _, name := range []string{"iptables", "ip6tables", "arptables"} {
			err := os.WriteFile("/proc/sys/net/bridge/bridge-nf-call-"+name, []byte("0"), 0o644)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		return nil
	})
}

// silence keeps a host from sending anything of its own.
func silence(t *testing.T, h *testhost.Host) {
	t.Helper()
	h.Do(t, func() error {
		for _, scope := range []string{"all", "default"} {
			if err := os.WriteFile("/proc/sys/net/ipv6/conf/"+scope+"/disable_ipv6", []byte("1"), 0o644); err != nil {
				return err
			}
		}
		return nil
	})
}

// plug makes guest n and a port of the bridge for it, up, as anybody might who does not wait for vifd.
func (w *world) plug(t *testing.T, n byte) *guest {
	t.Helper()
	g := nameGuest(n)
	machine := testhost.New(t)
	silence(t, machine)
	attrs := netlink.NewLinkAttrs()
	attrs.Name = g.vif
	pair := &netlink.Veth{
		LinkAttrs: attrs, PeerName: testhost.GuestIf, PeerHardwareAddr: g.mac, PeerNamespace: netlink.NsFd(int(machine.Netns())),
	}
	if err := w.host.Links().LinkAdd(pair); err != nil {
		t.Fatalf("plugging in %s: %v", g.vif, err)
	}
	machine.Run(t, "ip", "link", "set", testhost.GuestIf, "up")
	w.host.Run(t, "ip", "link", "set", g.vif, "master", bridgeName, "up")
	// The kernel starts the queue of a link that has got its carrier a moment later, and until then loses what is sent.
	testhost.Wait(t, "the queue of "+g.vif+"'s guest", func() bool {
		state := machine.Run(t, "ip", "link", "show", "dev", testhost.GuestIf)
		return strings.Contains(state, "state UP") && strings.Contains(state, "qdisc noqueue")
	})
	link, err := w.links.LinkByName(g.vif)
	if err != nil {
		t.Fatal(err)
	}
	g.ifindex, g.machine = link.Index, machine
	g.eth0 = machine.Packet(t, testhost.GuestIf)
	w.awaitForwarding(t, g)
	return g
}

// awaitForwarding waits until the bridge forwards what comes from g's port.
func (w *world) awaitForwarding(t *testing.T, g *guest) {
	t.Helper()
	testhost.Wait(t, g.vif+" to forward", func() bool {
		return strings.Contains(w.host.Run(t, "bridge", "link", "show", "dev", g.vif), "state forwarding")
	})
}

// root is what the bridge takes for the root of the spanning tree: its priority, a full stop and its MAC.
func (w *world) root(t *testing.T) string {
	t.Helper()
	id := ""
	w.host.Do(t, func() error {
		data, err := os.ReadFile("/sys/class/net/" + bridgeName + "/bridge/root_id")
		priority, mac, _ := strings.Cut(strings.TrimSpace(string(data)), ".")
		if len(mac) != 12 {
			return errors.Join(err, fmt.Errorf("%s has the root %q", bridgeName, data))
		}
		id = priority + "." + mac[:2] + ":" + mac[2:4] + ":" + mac[4:6] + ":" + mac[6:8] + ":" + mac[8:10] + ":" + mac[10:]
		return err
	})
	return id
}

// plan is what the rules want for g.
func (w *world) plan(t *testing.T, g *guest) *firewall.Guest {
	t.Helper()
	var plan handler.Plan
	w.host.Do(t, func() error {
		link, err := w.links.LinkByIndex(g.ifindex)
		if err != nil {
			return err
		}
		facts, ours, err := w.rules.Facts(t.Context(), "/sys", nil, &link, nil)
		if err != nil || !ours {
			return fmt.Errorf("%s is not taken for a guest's", g.vif)
		}
		plan = w.rules.Plan(&link, facts)
		return nil
	})
	if plan.State != handler.StateConfigured || plan.Guest == nil {
		t.Fatalf("the rules want %s to be %s: %s", g.vif, plan.State, plan.Reason)
	}
	return plan.Guest
}

// guard puts in force what the rules want for g.
func (w *world) guard(t *testing.T, g *guest) {
	t.Helper()
	w.set(t, g, w.plan(t, g))
}

// guardBy puts in force what templates alone make of g, as load has named them: one, or an allowance before source-guard; none is
// no guard at all.
func (w *world) guardBy(t *testing.T, g *guest, templates ...string) {
	t.Helper()
	profile, err := w.rules.Program().Profile(firewall.List{Refs: refs(templates...)})
	if err != nil {
		t.Fatal(err)
	}
	judged := w.plan(t, g)
	judged.Profile = profile
	w.set(t, g, judged)
}

func (w *world) set(t *testing.T, g *guest, judged *firewall.Guest) {
	t.Helper()
	if _, err := w.table.Set(judged, g.ifindex); err != nil {
		t.Fatal(err)
	}
}
