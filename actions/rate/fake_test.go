package rate

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"vifd/internal/rtnl"
)

// fake is a kernel with links and their qdiscs in memory. It refuses what the kernel refuses; the scenarios run on both keep it honest.
type fake struct {
	links   map[int]*rtnl.Link
	root    map[int]*rtnl.Qdisc
	ingress map[int]string // kind
	filters map[int][]rtnl.Filter
	last    int
	lacking map[string]bool // parts of the kernel, by module

	writes int
	before func(write int) error // may refuse the nth write
}

func newFake() *fake {
	f := &fake{
		links: map[int]*rtnl.Link{}, root: map[int]*rtnl.Qdisc{}, ingress: map[int]string{}, filters: map[int][]rtnl.Filter{},
		lacking: map[string]bool{},
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
	return f.add(rtnl.Link{Name: name, Kind: "veth", MTU: 1500, Flags: unix.IFF_UP, MAC: net.HardwareAddr{2, 0, 0, 0, 0, byte(f.last)}})
}

func (f *fake) Unplug(_ testing.TB, name string) {
	l, _ := f.find(name)
	f.remove(l.Index)
}

func (f *fake) Rename(_ testing.TB, index int, name string) { f.links[index].Name = name }

// Person knows the few commands that the scenarios use.
func (f *fake) Person(t testing.TB, command string) {
	t.Helper()
	args := strings.Fields(command)
	dev := args[slices.Index(args, "dev")+1]
	l, err := f.find(dev)
	must(t, err)
	switch rest := strings.Join(slices.DeleteFunc(args, func(a string) bool { return a == dev }), " "); rest {
	case "tc qdisc replace dev root handle 8001: pfifo":
		f.root[l.Index] = &rtnl.Qdisc{Kind: "pfifo", Handle: 0x8001 << 16}
	case "tc qdisc del dev root":
		delete(f.root, l.Index)
	case "tc qdisc add dev clsact":
		f.ingress[l.Index] = "clsact"
	case "tc qdisc add dev ingress":
		f.ingress[l.Index] = rtnl.KindIngress
	case "tc qdisc del dev ingress":
		delete(f.ingress, l.Index)
		delete(f.filters, l.Index)
	case "tc filter add dev parent ffff: protocol ip pref 9 u32 match u32 0 0 flowid 1:1":
		f.filters[l.Index] = append(f.filters[l.Index], rtnl.Filter{Pref: 9, Kind: rtnl.U32})
	case "tc filter del dev parent ffff: pref 30310":
		must(t, f.Unredirect(l.Index, pref))
	case "ip link set dev down":
		l.Flags &^= unix.IFF_UP
	case "ip link set dev mtu 9000":
		l.MTU = 9000
	case "ip link set dev alias mine":
		l.Alias = "mine"
	case "ip link del dev":
		f.remove(l.Index)
	default:
		t.Fatalf("the fake does not know %q", rest)
	}
}

func refuse(errno unix.Errno) error { return &rtnl.Error{Op: "fake", Errno: errno} }

func (f *fake) find(name string) (*rtnl.Link, error) {
	for _, l := range f.links {
		if l.Name == name {
			return l, nil
		}
	}
	return nil, refuse(unix.ENODEV)
}

func (f *fake) LinkByIndex(index int) (rtnl.Link, error) {
	if l, ok := f.links[index]; ok {
		return *l, nil
	}
	return rtnl.Link{}, refuse(unix.ENODEV)
}

func (f *fake) LinkByName(name string) (rtnl.Link, error) {
	l, err := f.find(name)
	if err != nil {
		return rtnl.Link{}, err
	}
	return *l, nil
}

func (f *fake) RootQdisc(index int) (rtnl.Qdisc, error) {
	if f.links[index] == nil {
		return rtnl.Qdisc{}, refuse(unix.ENODEV)
	}
	if q := f.root[index]; q != nil {
		return *q, nil
	}
	return rtnl.Qdisc{Kind: "noqueue"}, nil
}

func (f *fake) IngressQdisc(index int) (rtnl.Qdisc, error) {
	if f.links[index] == nil {
		return rtnl.Qdisc{}, refuse(unix.ENODEV)
	}
	return rtnl.Qdisc{Kind: f.ingress[index]}, nil
}

func (f *fake) IngressFilters(_ context.Context, index int) ([]rtnl.Filter, error) {
	return slices.Clone(f.filters[index]), nil
}

// write counts a write to a link that has to be there.
func (f *fake) write(index int) error {
	f.writes++
	if f.before != nil {
		if err := f.before(f.writes); err != nil {
			return err
		}
	}
	if f.links[index] == nil {
		return refuse(unix.ENODEV)
	}
	return nil
}

func (f *fake) Set(index int, ch rtnl.Change) error {
	if err := f.write(index); err != nil {
		return err
	}
	l := f.links[index]
	if ch.Alias != "" {
		l.Alias = ch.Alias
	}
	if ch.Group != nil {
		l.Group = *ch.Group
	}
	if ch.Up != nil && *ch.Up {
		l.Flags |= unix.IFF_UP
	}
	return nil
}

func (f *fake) DeleteLink(index int) error {
	if err := f.write(index); err != nil {
		return err
	}
	f.remove(index)
	return nil
}

func (f *fake) remove(index int) {
	delete(f.links, index)
	delete(f.root, index)
	delete(f.ingress, index)
	delete(f.filters, index)
	for _, list := range f.filters {
		for i := range list {
			if list[i].Redirect == index {
				list[i].Redirect = 0
			}
		}
	}
}

func (f *fake) CreateIFB(name string, group uint32, txqlen int) error {
	if err := f.write(1); err != nil {
		return err
	}
	if f.lacking["ifb"] {
		return refuse(unix.EOPNOTSUPP)
	}
	if _, err := f.find(name); err == nil {
		return refuse(unix.EEXIST)
	}
	f.add(rtnl.Link{Name: name, Kind: rtnl.KindIFB, MTU: 1500, Group: group, TxQLen: txqlen})
	return nil
}

func (f *fake) AddTBF(index int, handle uint32, t rtnl.TBF) error {
	if err := f.write(index); err != nil {
		return err
	}
	switch {
	case f.root[index] != nil:
		return refuse(unix.EEXIST)
	case f.lacking["sch_tbf"]:
		return refuse(unix.ENOENT)
	}
	f.root[index] = &rtnl.Qdisc{Kind: rtnl.KindTBF, Handle: handle, TBF: t}
	return nil
}

func (f *fake) ChangeTBF(index int, handle uint32, t rtnl.TBF) error {
	if err := f.write(index); err != nil {
		return err
	}
	q := f.root[index]
	if q == nil || q.Handle != handle {
		return refuse(unix.ENOENT)
	}
	q.TBF = t
	return nil
}

func (f *fake) ReplaceTBF(index int, handle uint32, t rtnl.TBF) error {
	if err := f.write(index); err != nil {
		return err
	}
	f.root[index] = &rtnl.Qdisc{Kind: rtnl.KindTBF, Handle: handle, TBF: t}
	return nil
}

func (f *fake) DeleteRootQdisc(index int, kind string, handle uint32) error {
	if err := f.write(index); err != nil {
		return err
	}
	if q := f.root[index]; q == nil || q.Handle != handle || q.Kind != kind {
		return refuse(unix.EINVAL)
	}
	delete(f.root, index)
	return nil
}

func (f *fake) AddIngress(index int) error {
	if err := f.write(index); err != nil {
		return err
	}
	switch {
	case f.lacking["sch_ingress"]:
		return refuse(unix.ENOENT)
	case f.ingress[index] != "":
		return refuse(unix.EEXIST)
	}
	f.ingress[index] = rtnl.KindIngress
	return nil
}

func (f *fake) DeleteIngress(index int) error {
	if err := f.write(index); err != nil {
		return err
	}
	if f.ingress[index] != rtnl.KindIngress {
		return refuse(unix.EINVAL)
	}
	delete(f.ingress, index)
	delete(f.filters, index)
	return nil
}

func (f *fake) Redirect(index int, pref uint16, by rtnl.Classifier, to int) error {
	if err := f.write(index); err != nil {
		return err
	}
	switch {
	case f.ingress[index] == "":
		return refuse(unix.EINVAL)
	case f.lacking["cls_"+string(by)], to != 0 && f.lacking["act_mirred"]:
		return refuse(unix.ENOENT)
	}
	f.filters[index] = append(f.filters[index], rtnl.Filter{Pref: pref, Kind: by, Everything: true, Redirect: to})
	return nil
}

func (f *fake) Unredirect(index int, pref uint16) error {
	if err := f.write(index); err != nil {
		return err
	}
	before := len(f.filters[index])
	f.filters[index] = slices.DeleteFunc(f.filters[index], func(one rtnl.Filter) bool { return one.Pref == pref })
	if len(f.filters[index]) == before {
		return refuse(unix.ENOENT)
	}
	return nil
}

func (f *fake) HasTBF() (bool, error) {
	if f.before != nil {
		if err := f.before(0); errors.Is(err, unix.EPERM) {
			return false, err
		}
	}
	return !f.lacking["sch_tbf"], nil
}
