package xend

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"vifd/internal/importer/model"
	"vifd/internal/lazy"
	"vifd/internal/nearest"
)

// Keys are what is read, in the words of the manual: a key of the file, or one and an argument of the script's.
func Keys() []string {
	keys := []string{"network-script", "vif-script"}
	for _, arg := range networkArgs {
		keys = append(keys, "network-script "+arg)
	}
	for _, arg := range vifArgs {
		keys = append(keys, "vif-script "+arg)
	}
	return keys
}

// The arguments that Xen's own scripts take.
var (
	networkArgs = []string{"netdev", "bridge", "antispoof", "vifnum", "dhcp"}
	vifArgs     = []string{"bridge", "netdev", "gatewaydev", "dhcp"}
)

// heeded are the arguments that each script looks at. antispoof is documented of all that set networks up.
var heeded = map[string][]string{
	"network-bridge":  {"netdev", "bridge", "antispoof", "vifnum"},
	"network-route":   {"netdev", "antispoof"},
	"network-nat":     {"netdev", "antispoof", "dhcp"},
	"vif-bridge":      {"bridge"},
	"vif-openvswitch": {"bridge"},
	"vif-route":       {"netdev", "gatewaydev"},
	"vif-nat":         {"netdev", "gatewaydev", "dhcp"},
}

// Read adds what the file says to in.
func Read(text model.Text, in *model.Input) error {
	nodes, err := parse(text)
	if err != nil {
		return err
	}
	in.Host.Xen = true
	r := reader{in: in, seen: map[string]model.Pos{}, calls: map[string]call{}}
	for i := range nodes {
		if err := r.entry(&nodes[i]); err != nil {
			return err
		}
	}
	// What the two say is the same whichever stands first.
	vif, hasVif := r.calls["vif-script"]
	if hasVif {
		r.vif(vif.pos, vif.script, vif.args)
	}
	if network, ok := r.calls["network-script"]; ok {
		r.network(network.pos, network.script, network.args)
	}
	if hasVif {
		r.dhcp(vif.pos, vif.args)
	}
	return nil
}

// call is a script with its arguments.
type call struct {
	pos    model.Pos
	script string
	args   map[string]string
}

type reader struct {
	in    *model.Input
	seen  map[string]model.Pos
	calls map[string]call // by key
}

func (r *reader) entry(n *node) error {
	key := n.head()
	switch {
	case !n.list:
		return &model.Error{Pos: n.pos, Msg: fmt.Sprintf("%q stands outside of any list", n.atom), Hint: "an entry is (KEY VALUE)"}
	case key == "domain" || key == "vm":
		return &model.Error{Pos: n.pos, Msg: "this is a domain, not xend's configuration", Hint: "import the domain's own file of /etc/xen"}
	case key != "network-script" && key != "vif-script":
		if hint := nearest.Hint(key, []string{"network-script", "vif-script"}); hint != "" {
			r.in.Lose(n.pos, fmt.Sprintf("(%s …)", key), "xend has no such key", hint)
		}
		return nil
	}
	if len(n.nodes) < 2 || n.nodes[1].list {
		return &model.Error{Pos: n.pos, Msg: fmt.Sprintf("(%s …) takes one script", key), Hint: "quote it where it has arguments: (" + key + " 'SCRIPT NAME=VALUE')"}
	}
	if first, twice := r.seen[key]; twice {
		r.in.Lose(n.pos, fmt.Sprintf("(%s …)", key), "xend takes the first one, at "+first.String(), "remove one of the two")
		return nil
	}
	r.seen[key] = n.pos
	r.unheard(n, key)
	words := strings.Fields(n.nodes[1].atom)
	if len(words) == 0 {
		return nil // no script at all
	}
	pos := n.nodes[1].pos
	r.calls[key] = call{pos, words[0], r.arguments(pos, key, words)}
	return nil
}

// unheard notes what follows the script without quotes. xend takes the first word of a list's for its value (sxp.child_value), and
// calls the script without the others.
func (r *reader) unheard(n *node, key string) {
	words := []string{n.nodes[1].atom}
	for i := range n.nodes[2:] {
		if arg := &n.nodes[2+i]; arg.list {
			r.in.Lose(arg.pos, fmt.Sprintf("a list in (%s …)", key), "xend takes the script alone", "remove it")
		} else {
			words = append(words, arg.atom)
		}
	}
	if len(words) > 1 {
		mend := "remove them"
		if whole := strings.Join(words, " "); !strings.ContainsAny(whole, `'\`) {
			mend = fmt.Sprintf("if they are meant, write (%s '%s')", key, whole)
		}
		r.in.Lose(n.nodes[2].pos, fmt.Sprintf("arguments %q of %s", strings.Join(words[1:], " "), key),
			"they are not in quotes with the script, so that xend never handed them on", mend)
	}
}

// arguments reads what follows the script, which is the first of the words.
func (r *reader) arguments(pos model.Pos, key string, words []string) map[string]string {
	known := networkArgs
	if key == "vif-script" {
		known = vifArgs
	}
	script := path.Base(words[0])
	own, isXens := heeded[script]
	args := map[string]string{}
	for _, word := range words[1:] {
		name, value, ok := strings.Cut(word, "=")
		switch {
		case !ok || !slices.Contains(known, name):
			r.in.Lose(pos, fmt.Sprintf("argument %q of %s", word, key), "Xen's scripts have no such argument", nearest.Hint(name, known))
		case isXens && !slices.Contains(own, name):
			r.in.Lose(pos, fmt.Sprintf("argument %q of %s", word, key), script+" does not heed it", "")
		default:
			args[name] = value
		}
	}
	return args
}

// ethernet is the number in the name of a card, which Xen up to 3.1 gave its bridge as well.
var ethernet = lazy.Regexp(`^eth([0-9]{1,3})$`)

// network declares what the host's script sets up.
func (r *reader) network(pos model.Pos, script string, args map[string]string) {
	name := path.Base(script)
	if isYes(args["antispoof"]) && args["bridge"] != "null" {
		if name != "network-bridge" {
			r.in.Change(pos, "antispoof", name+" never heeded it; now it is heeded", "")
		}
		r.in.Set(&r.in.Host.Antispoof, pos, "antispoof", "yes")
	}
	n := model.Network{Pos: pos}
	switch name {
	case "network-bridge":
		if args["bridge"] == "null" || !r.uplink(&n, args) {
			return // null is Xen's word for: do nothing
		}
		r.bridge(&n, args)
	case "network-route":
		if !r.uplink(&n, args) {
			return
		}
		n.Kind = model.Route
		if r.in.Host.Uplink.Value == "" {
			r.in.Host.Uplink = model.Setting{Pos: pos, Value: n.Uplink}
		}
	case "network-nat":
		if !r.uplink(&n, args) {
			return
		}
		n.Kind, n.DHCP = model.NAT, isYes(args["dhcp"])
		r.in.Change(pos, "network-nat", "guests get the addresses that they had, with 10.255.255.254 as the gateway of all", "tell those that are not told by DHCP")
	case "network-dummy":
		return
	default:
		r.in.Lose(pos, fmt.Sprintf("script %q", script), "vifd does not know what it does", "declare what it sets up in networks, or leave it in place")
		return
	}
	r.in.Networks = append(r.in.Networks, n)
}

// uplink gives the network its card; false where no card can be called so.
func (r *reader) uplink(n *model.Network, args map[string]string) bool {
	if n.Uplink = args["netdev"]; n.Uplink == "" {
		n.Uplink = "eth0"
		if num := args["vifnum"]; ethernet().MatchString("eth" + num) {
			n.Uplink = "eth" + num
		}
		r.in.Change(n.Pos, "netdev", "it is not given, and Xen takes the card of the default route", "see whether that is "+n.Uplink+", and put another one in its place in networks")
	}
	return r.in.CheckUplink(n.Pos, "netdev", n.Uplink)
}

// bridge names the bridge. Up to Xen 3.1 it was xenbrN, later it had the name of its card, which was itself renamed: vifd renames
// nothing, so that the bridge has to be called otherwise.
func (r *reader) bridge(n *model.Network, args map[string]string) {
	n.Kind, n.Name = model.Bridge, args["bridge"]
	if n.Name != "" && !r.in.CheckUplink(n.Pos, "bridge", n.Name) {
		n.Name = ""
	}
	if n.Name == "" || n.Name == n.Uplink {
		n.Name = "xenbr0"
		if ethernet().MatchString("eth" + args["vifnum"]) { // which that Xen put behind both, unless they were given
			n.Name = "xenbr" + args["vifnum"]
		} else if m := ethernet().FindStringSubmatch(n.Uplink); m != nil {
			n.Name = "xenbr" + m[1]
		}
	}
}

func isYes(s string) bool { return s == "yes" || s == "true" || s == "on" || s == "1" }

// vif notes what the script of all vifs is.
func (r *reader) vif(pos model.Pos, script string, args map[string]string) {
	r.in.Set(&r.in.Host.Script, pos, "vif-script", script)
	if bridge := args["bridge"]; bridge != "" {
		r.in.Set(&r.in.Host.Bridge, pos, "bridge", bridge)
	}
	for _, key := range []string{"netdev", "gatewaydev"} {
		if args[key] != "" && r.in.CheckUplink(pos, key, args[key]) {
			r.in.Set(&r.in.Host.Uplink, pos, key, args[key])
		}
	}
}

// dhcp is vif-nat's argument, which is about the network that network-nat sets up, wherever that stands. Where nobody sets one up it is
// the vifs' own, with whatever uplink they have.
func (r *reader) dhcp(pos model.Pos, args map[string]string) {
	if !isYes(args["dhcp"]) {
		return
	}
	for i := range r.in.Networks {
		if n := &r.in.Networks[i]; n.Kind == model.NAT {
			n.DHCP = true
			return
		}
	}
	r.in.Networks = append(r.in.Networks, model.Network{Pos: pos, Kind: model.NAT, Uplink: r.in.Host.Uplink.Value, DHCP: true})
}
