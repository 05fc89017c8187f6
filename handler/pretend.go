package handler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"vifd/actions/bridge"
	"vifd/actions/link"
	"vifd/actions/rate"
	"vifd/actions/route"
	"vifd/internal/journal"
	"vifd/internal/rtnl"
	"vifd/internal/sysctl"
)

// reads is the part of Links that changes nothing.
type reads interface {
	bridge.Reader
	route.Reader
	rate.Reader
	HasTBF() (bool, error)
	Links(ctx context.Context) ([]rtnl.Link, error)
}

// pretend is Links of which the kernel hears questions alone: what is asked to be changed of a link shows when the link is read again, and
// the rest is forgotten. It embeds no more than reads: a method that writes and has no place here does not compile. It is for one goroutine.
type pretend struct {
	reads
	links map[int]rtnl.Link // as they would be
	gone  map[int]bool
	names names
}

// names are what the kernel calls links that have been given another name, by that name.
type names map[string]string

// inKernel is where the kernel has a setting: the folder of a link's is called as the link is.
func (n names) inKernel(setting sysctl.Name) sysctl.Name {
	if len(setting) != 4 {
		return setting
	}
	if before, renamed := n[setting[2]]; renamed {
		setting = slices.Clone(setting)
		setting[2] = before
	}
	return setting
}

func newPretend(conn Links) *pretend {
	return &pretend{reads: conn, links: make(map[int]rtnl.Link), gone: make(map[int]bool), names: make(names)}
}

func (p *pretend) LinkByIndex(index int) (rtnl.Link, error) {
	if p.gone[index] {
		return rtnl.Link{}, rtnl.ErrNotFound
	}
	if l, ok := p.links[index]; ok {
		return l, nil
	}
	return p.reads.LinkByIndex(index)
}

func (p *pretend) LinkByName(name string) (rtnl.Link, error) {
	called := name
	if before, renamed := p.names[name]; renamed {
		called = before
	}
	l, err := p.reads.LinkByName(called)
	if err != nil {
		return l, err
	}
	if l, err = p.LinkByIndex(l.Index); err == nil && l.Name != name {
		return rtnl.Link{}, rtnl.ErrNotFound // it had that name
	}
	return l, err
}

func (p *pretend) Ports(ctx context.Context, bridge int) ([]rtnl.Link, error) {
	ports, err := p.reads.Ports(ctx, bridge)
	return slices.DeleteFunc(ports, func(l rtnl.Link) bool {
		now, changed := p.links[l.Index]
		return p.gone[l.Index] || changed && now.Master != bridge
	}), err
}

// change has a link look changed.
func (p *pretend) change(index int, do func(l *rtnl.Link)) error {
	l, err := p.LinkByIndex(index)
	if err != nil {
		return err
	}
	do(&l)
	p.links[index] = l
	return nil
}

// iffUp is IFF_UP of <linux/if.h>.
const iffUp = 0x1

func (p *pretend) Set(index int, ch rtnl.Change) error {
	if ch.Name != "" {
		if err := p.rename(index, ch.Name); err != nil {
			return err
		}
	}
	return p.change(index, func(l *rtnl.Link) {
		if ch.MAC != nil {
			l.MAC = ch.MAC
		}
		if ch.MTU != 0 {
			l.MTU = ch.MTU
		}
		if ch.Group != nil {
			l.Group = *ch.Group
		}
		if ch.Master != nil {
			l.Master, l.Port = *ch.Master, nil
		}
		if ch.Up != nil {
			l.Flags &^= iffUp
		}
		if ch.Up != nil && *ch.Up {
			l.Flags |= iffUp
		}
	})
}

// rename has a link bear another name, unless another link does.
func (p *pretend) rename(index int, name string) error {
	switch other, err := p.LinkByName(name); {
	case err == nil && other.Index != index:
		return rtnl.ErrExists
	case err != nil && !errors.Is(err, rtnl.ErrNotFound):
		return err
	}
	return p.change(index, func(l *rtnl.Link) {
		before, again := p.names[l.Name]
		if !again {
			before = l.Name
		}
		delete(p.names, l.Name)
		p.names[name] = before
		l.Name = name
	})
}

func (p *pretend) SetTxQLen(index int, packets uint32) error {
	return p.change(index, func(l *rtnl.Link) { l.TxQLen = int(packets) })
}

func (p *pretend) SetAlias(index int, alias string) error {
	return p.change(index, func(l *rtnl.Link) { l.Alias = alias })
}

func (p *pretend) DeleteLink(index int) error {
	p.gone[index] = true
	return nil
}

func (p *pretend) SetPort(int, rtnl.PortFlags) error                { return nil }
func (p *pretend) PinFDB(int, net.HardwareAddr) error               { return nil }
func (p *pretend) UnpinFDB(int, net.HardwareAddr) error             { return nil }
func (p *pretend) AddVLANs(int, rtnl.VLANs) error                   { return nil }
func (p *pretend) DeleteVLANs(int, rtnl.VLANs) error                { return nil }
func (p *pretend) SetFiltering(int) error                           { return nil }
func (p *pretend) CreateBridge(string, uint32) error                { return nil }
func (p *pretend) ReplaceAddress(rtnl.Address) error                { return nil }
func (p *pretend) DeleteAddress(rtnl.Address) error                 { return nil }
func (p *pretend) ReplaceRoute(rtnl.Route) error                    { return nil }
func (p *pretend) DeleteRoute(rtnl.Route) error                     { return nil }
func (p *pretend) SetNeighbour(rtnl.Neighbour) error                { return nil }
func (p *pretend) DeleteNeighbour(int, netip.Addr) error            { return nil }
func (p *pretend) AddProxy(int, netip.Addr, uint8) error            { return nil }
func (p *pretend) DeleteProxy(int, netip.Addr) error                { return nil }
func (p *pretend) CreateIFB(string, uint32, int) error              { return nil }
func (p *pretend) AddTBF(int, uint32, rtnl.TBF) error               { return nil }
func (p *pretend) ChangeTBF(int, uint32, rtnl.TBF) error            { return nil }
func (p *pretend) ReplaceTBF(int, uint32, rtnl.TBF) error           { return nil }
func (p *pretend) DeleteRootQdisc(int, string, uint32) error        { return nil }
func (p *pretend) AddIngress(int) error                             { return nil }
func (p *pretend) DeleteIngress(int) error                          { return nil }
func (p *pretend) Redirect(int, uint16, rtnl.Classifier, int) error { return nil }
func (p *pretend) Unredirect(int, uint16) error                     { return nil }

// pretendSettings are settings that are only ever read; what is set is remembered, and what the kernel sets along with it.
type pretendSettings struct {
	route.Sysctls
	set   map[string]string
	names names
}

func (p pretendSettings) Get(name sysctl.Name) (string, error) {
	if value, ok := p.set[name.String()]; ok {
		return value, nil
	}
	// Who has the host forward has every interface forward (inet_forward_change, net/ipv4/devinet.c; addrconf_fixup_forwarding,
	// net/ipv6/addrconf.c).
	if len(name) == 4 && name[1] == "conf" && name[3] == "forwarding" {
		for _, all := range []sysctl.Name{{name[0], "ip_forward"}, {name[0], "conf", "all", "forwarding"}} {
			if value, ok := p.set[all.String()]; ok {
				return value, nil
			}
		}
	}
	return p.Sysctls.Get(p.names.inKernel(name))
}

func (p pretendSettings) Set(name sysctl.Name, value string, _ func() error) (old string, err error) {
	if old, err = p.Get(name); err == nil {
		p.set[name.String()] = value
	}
	return old, err
}

// pretendOffloads are offloads that nobody changes.
type pretendOffloads struct{ link.Offloads }

func (pretendOffloads) SetFeatures(int, map[string]bool) error { return nil }

// pretendHooks are programs that nobody runs: those that would be are listed.
type pretendHooks struct{ list []Change }

func (p *pretendHooks) Run(_ context.Context, argv, env []string) (said string, err error) {
	event, differs := hookUp, Missing
	if slices.Contains(env, "VIFD_EVENT="+hookDown) {
		event, differs = hookDown, Extra
	}
	p.list = append(p.list, Change{facetHook, differs, fmt.Sprintf("# run (%s): %s", event, shellWords(argv))})
	return "", nil
}

// pretendRecords are what has been written down, and nothing more is.
type pretendRecords struct {
	list []journal.Record
	host json.RawMessage
}

func (p pretendRecords) List() ([]journal.Record, error)                  { return p.list, nil }
func (p pretendRecords) Host() (json.RawMessage, error)                   { return p.host, nil }
func (pretendRecords) Put(journal.Record) error                           { return nil }
func (pretendRecords) Delete(int) error                                   { return nil }
func (pretendRecords) PutHost(json.RawMessage) error                      { return nil }
func (pretendRecords) Lock(context.Context, int) (unlock func(), _ error) { return func() {}, nil }

var (
	_ Links         = (*pretend)(nil)
	_ route.Sysctls = pretendSettings{}
	_ link.Settings = pretendSettings{}
	_ link.Offloads = pretendOffloads{}
	_ Hooks         = (*pretendHooks)(nil)
	_ Records       = pretendRecords{}
)
