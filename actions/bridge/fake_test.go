package bridge

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"vifd/internal/rtnl"
)

// fake is a kernel with links in memory. It refuses what the kernel refuses; the scenarios run on both keep it honest.
type fake struct {
	links   map[int]*rtnl.Link
	pinned  map[int][]net.HardwareAddr
	address map[int][]netip.Prefix
	userMTU map[int]bool // bridges whose MTU was set, so that it does not follow the ports
	last    int

	noVLANs   bool // the kernel cannot filter them
	filtering map[int]bool
	vlans     map[int]*members

	writes int
	before func(write int, index int, ch *rtnl.Change) error // may refuse or alter the nth write
}

func newFake(testing.TB) *fake {
	f := &fake{
		links: map[int]*rtnl.Link{}, pinned: map[int][]net.HardwareAddr{}, address: map[int][]netip.Prefix{}, userMTU: map[int]bool{},
		filtering: map[int]bool{}, vlans: map[int]*members{},
	}
	f.add(rtnl.Link{Name: "lo", MTU: 65536, Flags: unix.IFF_UP})
	return f
}

func (f *fake) add(l rtnl.Link) int {
	f.last++
	l.Index = f.last
	f.links[l.Index] = &l
	return l.Index
}

func (f *fake) Plug(_ testing.TB, name string) int {
	return f.add(rtnl.Link{Name: name, Kind: "veth", MTU: 1500, MAC: net.HardwareAddr{2, 0, 0, 0, 0, byte(f.last)}})
}

func (f *fake) Rename(_ testing.TB, index int, name string) { f.links[index].Name = name }

func (f *fake) Address(_ testing.TB, index int, prefix string) {
	f.address[index] = append(f.address[index], netip.MustParsePrefix(prefix))
}

func refuse(errno unix.Errno) error { return &rtnl.Error{Op: "fake", Errno: errno} }

func (f *fake) LinkByIndex(index int) (rtnl.Link, error) {
	l, ok := f.links[index]
	if !ok {
		return rtnl.Link{}, refuse(unix.ENODEV)
	}
	return f.copy(l), nil
}

func (f *fake) copy(l *rtnl.Link) rtnl.Link {
	c := *l
	if l.Port != nil {
		p := *l.Port
		c.Port = &p
	}
	return c
}

func (f *fake) LinkByName(name string) (rtnl.Link, error) {
	for _, l := range f.links {
		if l.Name == name {
			return f.copy(l), nil
		}
	}
	return rtnl.Link{}, refuse(unix.ENODEV)
}

func (f *fake) list(wanted func(*rtnl.Link) bool) ([]rtnl.Link, error) {
	var links []rtnl.Link
	for i := range f.last + 1 {
		if l := f.links[i]; l != nil && wanted(l) {
			links = append(links, f.copy(l))
		}
	}
	return links, nil
}

func (f *fake) Bridges(context.Context) ([]rtnl.Link, error) {
	return f.list(func(l *rtnl.Link) bool { return l.Kind == rtnl.KindBridge })
}

func (f *fake) Ports(_ context.Context, bridge int) ([]rtnl.Link, error) {
	return f.list(func(l *rtnl.Link) bool { return l.Master == bridge })
}

func (f *fake) Addresses(_ context.Context, index int) ([]netip.Prefix, error) {
	return f.address[index], nil
}

func (f *fake) PinnedFDB(_ context.Context, port int) ([]net.HardwareAddr, error) {
	return slices.Clone(f.pinned[port]), nil
}

// write counts a write and finds its link.
func (f *fake) write(index int, ch *rtnl.Change) (*rtnl.Link, error) {
	f.writes++
	if f.before != nil {
		if err := f.before(f.writes, index, ch); err != nil {
			return nil, err
		}
	}
	if index == 0 {
		return nil, nil
	}
	l, ok := f.links[index]
	if !ok {
		return nil, refuse(unix.ENODEV)
	}
	return l, nil
}

func (f *fake) Set(index int, ch rtnl.Change) error {
	l, err := f.write(index, &ch)
	if err != nil {
		return err
	}
	if ch.MAC != nil {
		l.MAC = ch.MAC
	}
	if ch.MTU != 0 && ch.MTU != l.MTU {
		if ch.MTU < 68 || ch.MTU > 65535 {
			return refuse(unix.EINVAL)
		}
		l.MTU = ch.MTU
		f.userMTU[index] = l.Kind == rtnl.KindBridge
		f.follow(l.Master)
	}
	if ch.Group != nil {
		l.Group = *ch.Group
	}
	if ch.Alias != "" {
		l.Alias = ch.Alias
	}
	if ch.Master != nil {
		if err := f.enslave(l, *ch.Master); err != nil {
			return err
		}
	}
	if ch.Up != nil && *ch.Up {
		l.Flags |= unix.IFF_UP
	}
	if ch.Up != nil && !*ch.Up {
		l.Flags &^= unix.IFF_UP
	}
	return nil
}

func (f *fake) enslave(l *rtnl.Link, master int) error {
	if old := l.Master; old != 0 {
		l.Master, l.Port = 0, nil
		delete(f.pinned, l.Index)
		delete(f.vlans, l.Index)
		f.follow(old)
	}
	if master == 0 {
		return nil
	}
	b, ok := f.links[master]
	switch {
	case !ok:
		return refuse(unix.EINVAL)
	case b.Kind != rtnl.KindBridge:
		return refuse(unix.EOPNOTSUPP)
	case l.Kind == rtnl.KindBridge:
		return refuse(unix.ELOOP)
	}
	port := rtnl.NewPort()
	l.Master, l.Port = master, &port
	f.vlans[l.Index] = membersOf([]rtnl.VLANs{{First: 1, Last: 1, PVID: true, Untagged: true}})
	f.follow(master)
	return nil
}

// follow is br_mtu_auto_adjust: a bridge has the MTU of its smallest port.
func (f *fake) follow(bridge int) {
	b := f.links[bridge]
	if b == nil || f.userMTU[bridge] {
		return
	}
	mtu := 0
	for _, l := range f.links {
		if l.Master == bridge && (mtu == 0 || l.MTU < mtu) {
			mtu = l.MTU
		}
	}
	if mtu == 0 {
		mtu = 1500
	}
	b.MTU = mtu
}

func (f *fake) SetPort(index int, flags rtnl.PortFlags) error {
	l, err := f.write(index, nil)
	if err != nil {
		return err
	}
	if l.Port == nil {
		return refuse(unix.EOPNOTSUPP)
	}
	for _, flag := range []struct {
		want *bool
		have *bool
	}{
		{flags.Isolated, &l.Port.Isolated},
		{flags.Hairpin, &l.Port.Hairpin},
		{flags.Learning, &l.Port.Learning},
		{flags.Flood, &l.Port.Flood},
		{flags.McastFlood, &l.Port.McastFlood},
		{flags.BcastFlood, &l.Port.BcastFlood},
		{flags.NeighSuppress, &l.Port.NeighSuppress},
		{flags.Guard, &l.Port.Guard},
		{flags.RootBlock, &l.Port.RootBlock},
	} {
		if flag.want != nil {
			*flag.have = *flag.want
		}
	}
	return nil
}

func (f *fake) PinFDB(port int, mac net.HardwareAddr) error {
	l, err := f.write(port, nil)
	if err != nil {
		return err
	}
	if l.Port == nil {
		return refuse(unix.EOPNOTSUPP)
	}
	for i := range f.pinned {
		f.pinned[i] = without(f.pinned[i], []net.HardwareAddr{mac})
	}
	f.pinned[port] = append(f.pinned[port], mac)
	return nil
}

func (f *fake) UnpinFDB(port int, mac net.HardwareAddr) error {
	if _, err := f.write(port, nil); err != nil {
		return err
	}
	before := len(f.pinned[port])
	f.pinned[port] = without(f.pinned[port], []net.HardwareAddr{mac})
	if len(f.pinned[port]) == before {
		return refuse(unix.ENOENT)
	}
	return nil
}

func (f *fake) CreateBridge(name string, group uint32) error {
	if _, err := f.write(0, nil); err != nil {
		return err
	}
	if _, err := f.LinkByName(name); err == nil {
		return refuse(unix.EEXIST)
	}
	f.add(rtnl.Link{Name: name, Kind: rtnl.KindBridge, MTU: 1500, MAC: net.HardwareAddr{2, 1, 0, 0, 0, byte(f.last)}, Group: group})
	return nil
}

func (f *fake) DeleteLink(index int) error {
	l, err := f.write(index, nil)
	if err != nil {
		return err
	}
	for _, port := range f.links {
		if port.Master == l.Index {
			port.Master, port.Port = 0, nil
			delete(f.pinned, port.Index)
		}
	}
	delete(f.links, index)
	return nil
}

func (f *fake) Filtering(bridge int) (rtnl.Filtering, error) {
	switch {
	case f.links[bridge] == nil:
		return rtnl.Filtering{}, refuse(unix.ENODEV)
	case f.noVLANs:
		return rtnl.Filtering{}, nil
	}
	return rtnl.Filtering{Supported: true, On: f.filtering[bridge], DefaultPVID: 1}, nil
}

func (f *fake) SetFiltering(bridge int) error {
	if _, err := f.write(bridge, nil); err != nil {
		return err
	}
	if f.noVLANs {
		return refuse(unix.EOPNOTSUPP)
	}
	f.filtering[bridge] = true
	return nil
}

func (f *fake) PortVLANs(_ context.Context, port int) ([]rtnl.VLANs, error) {
	var list []rtnl.VLANs
	if m := f.vlans[port]; m != nil && !f.noVLANs {
		for id, is := range m {
			if is.in {
				list = extend(list, rtnl.VLANs{First: uint16(id), Last: uint16(id), PVID: is.pvid, Untagged: is.untagged})
			}
		}
	}
	return list, nil
}

// changeVLANs finds the port's, and those that are to change. There is one VLAN at most for frames without a tag.
func (f *fake) changeVLANs(port int, v rtnl.VLANs, to membership) error {
	if _, err := f.write(port, nil); err != nil {
		return err
	}
	m := f.vlans[port]
	switch {
	case m == nil || f.noVLANs:
		return refuse(unix.EOPNOTSUPP)
	case v.First == 0 || v.First > v.Last || v.Last > maxVLAN || v.PVID && v.First != v.Last:
		return refuse(unix.EINVAL)
	}
	if to.pvid {
		for id := range m {
			m[id].pvid = false
		}
	}
	for id := v.First; id <= v.Last; id++ {
		m[id] = to
	}
	return nil
}

func (f *fake) AddVLANs(port int, v rtnl.VLANs) error {
	return f.changeVLANs(port, v, membership{in: true, pvid: v.PVID, untagged: v.Untagged})
}

func (f *fake) DeleteVLANs(port int, v rtnl.VLANs) error { return f.changeVLANs(port, v, membership{}) }
