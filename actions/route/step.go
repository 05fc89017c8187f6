package route

import (
	"fmt"
	"net"
	"net/netip"

	"vifd/internal/rtnl"
)

// op is what a Step does.
type op int

const (
	opShared        op = iota // a setting that vifs share
	opDown                    // the vif, and so on
	opLeave                   // the bridge it is in
	opMAC                     //
	opMTU                     //
	opSetting                 // of the vif
	opDeleteAddress           // from the vif
	opAddress                 // of the host on the vif
	opUp                      //
	opForget                  // a neighbour entry
	opNeighbour               //
	opUnproxy                 // at the vif
	opProxy                   //
	opDeleteRoute             //
	opRoute                   //
	opUnanswer                // an address at the uplink
	opAnswer                  //
)

// Step is one change, small enough to be said in one command.
type Step struct {
	op        op
	dev       string           // name of the link that is changed
	index     int              // its ifindex
	mac       net.HardwareAddr // opMAC
	mtu       int              // opMTU
	setting   Setting          // opShared, opSetting
	address   rtnl.Address     // opDeleteAddress, opAddress
	neighbour rtnl.Neighbour   // opNeighbour
	route     rtnl.Route       // opDeleteRoute, opRoute
	addr      netip.Addr       // of the others
}

// String is the command a person would type for it.
func (s Step) String() string {
	switch s.op {
	case opShared, opSetting:
		return fmt.Sprintf("sysctl -w %v=%s", s.setting.Name, s.setting.New)
	case opDown:
		return fmt.Sprintf("ip link set dev %s down", s.dev)
	case opLeave:
		return fmt.Sprintf("ip link set dev %s nomaster", s.dev)
	case opMAC:
		return fmt.Sprintf("ip link set dev %s address %s", s.dev, s.mac)
	case opMTU:
		return fmt.Sprintf("ip link set dev %s mtu %d", s.dev, s.mtu)
	case opDeleteAddress:
		return fmt.Sprintf("ip addr del %v dev %s", s.address.Prefix, s.dev)
	case opAddress:
		return fmt.Sprintf("ip addr replace %v dev %s%s", s.address.Prefix, s.dev, addressFlags(s.address))
	case opUp:
		return fmt.Sprintf("ip link set dev %s up", s.dev)
	case opForget:
		return fmt.Sprintf("ip neigh del %v dev %s", s.addr, s.dev)
	case opNeighbour:
		return fmt.Sprintf("ip neigh replace %v lladdr %s dev %s nud permanent protocol %d", s.neighbour.Addr, s.neighbour.MAC, s.dev, s.neighbour.Protocol)
	case opUnproxy, opUnanswer:
		return fmt.Sprintf("ip neigh del proxy %v dev %s", s.addr, s.dev)
	case opProxy, opAnswer:
		return fmt.Sprintf("ip neigh replace proxy %v dev %s protocol %d", s.addr, s.dev, rtnl.Protocol)
	case opDeleteRoute:
		return "ip route del " + routeText(s.route, s.dev)
	case opRoute:
		return "ip route replace " + routeText(s.route, s.dev)
	}
	return fmt.Sprintf("step %d of %s", s.op, s.dev)
}

func addressFlags(a rtnl.Address) string {
	text := ""
	if a.Flags&flagNoDAD != 0 {
		text += " nodad"
	}
	if a.Flags&flagNoPrefixRoute != 0 {
		text += " noprefixroute"
	}
	return text
}

// routeText is a route as ip(8) takes it; a single address goes without its length.
func routeText(r rtnl.Route, dev string) string {
	text := r.Dst.String()
	if r.Dst.IsSingleIP() {
		text = r.Dst.Addr().String()
	}
	text += " dev " + dev
	if r.Table != rtnl.TableMain {
		text += fmt.Sprintf(" table %d", r.Table)
	}
	text += fmt.Sprintf(" proto %d", r.Protocol)
	if r.Source.IsValid() {
		text += fmt.Sprintf(" src %v", r.Source)
	}
	return text + fmt.Sprintf(" metric %d", r.Metric)
}

// linkName is the name of a link of which the name may be known.
func linkName(known Link, index int) string {
	if known.Ifindex == index && known.Name != "" {
		return known.Name
	}
	return fmt.Sprintf("if%d", index)
}
