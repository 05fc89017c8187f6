package route

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"vifd/internal/rtnl"
	"vifd/internal/sysctl"
)

// State is what Undo needs to know of an Apply, to be written down before it.
type State struct {
	Ifindex    int            `json:"ifindex"`
	Interface  string         `json:"interface"`
	MAC        string         `json:"mac,omitempty"` // before; empty: as wanted
	MTU        int            `json:"mtu,omitempty"` // before; 0: as wanted
	Host       []netip.Prefix `json:"host,omitempty"`
	Settings   []Setting      `json:"settings,omitempty"` // of the vif, those that are changed
	Uplink     Link           `json:"uplink,omitzero"`
	Proxied    []Proxied      `json:"proxied,omitempty"`
	Forwarding Families       `json:"forwarding,omitzero"`
}

// Proxied is an address that the host answers for at an uplink.
type Proxied struct {
	Uplink int        `json:"uplink"` // ifindex
	Addr   netip.Addr `json:"addr"`
}

// Setting is one value under /proc/sys/net.
type Setting struct {
	Name sysctl.Name `json:"name"`
	Old  string      `json:"old"`
	New  string      `json:"new"`
}

// of is the setting under the name that its interface has now.
func (s Setting) of(iface string) Setting {
	s.Name = slices.Clone(s.Name)
	s.Name[2] = iface
	return s
}

// Prepare reads what Undo will have to put back, and returns what to write down before Apply. before is what was written down for this
// vif earlier, the zero State where nothing was: what it remembers of the time before vifd stays, and what it holds that is no longer wanted is
// kept until Apply has taken it back.
func Prepare(conn Reader, sysctls Sysctls, want Route, before State) (State, error) {
	state, err := prepare(conn, sysctls, want, before)
	if err != nil {
		return State{}, fmt.Errorf("prepare %s (ifindex %d) to be routed: %w", want.Interface, want.Ifindex, err)
	}
	return state, nil
}

func prepare(conn Reader, sysctls Sysctls, want Route, before State) (State, error) {
	want, err := want.check()
	if err != nil {
		return State{}, err
	}
	link, err := findLink(conn, want.Ifindex, want.Interface)
	if err != nil {
		return State{}, err
	}
	s := State{
		Ifindex: want.Ifindex, Interface: want.Interface, Host: slices.Clone(want.Host), Uplink: want.Uplink,
		Proxied: want.proxied(), Forwarding: want.Forwarding,
	}
	if before.Ifindex != want.Ifindex {
		before = State{}
	}
	s.MAC, s.MTU = before.MAC, before.MTU
	if s.MAC == "" && len(link.MAC) > 0 && !bytes.Equal(link.MAC, want.MAC) {
		s.MAC = link.MAC.String()
	}
	if s.MTU == 0 && want.MTU != 0 && link.MTU != want.MTU {
		s.MTU = link.MTU
	}
	s.Host = union(s.Host, before.Host)
	s.Proxied = union(s.Proxied, before.Proxied)
	for _, old := range before.Settings {
		s.Settings = append(s.Settings, old.of(want.Interface))
	}
	for _, w := range want.settings() {
		if slices.ContainsFunc(s.Settings, func(old Setting) bool { return slices.Equal(old.Name, w.Name) }) {
			continue
		}
		w.Old, err = sysctls.Get(w.Name)
		switch {
		case errors.Is(err, sysctl.ErrNotFound): // Apply says so, where it matters
		case err != nil:
			return State{}, err
		case w.Old != w.New:
			s.Settings = append(s.Settings, w)
		}
	}
	return s, nil
}

// done is what is left of the state once want has been applied.
func (s State) done(want Route) State {
	s.Host, s.Proxied = slices.Clone(want.Host), want.proxied()
	return s
}

// findLink reads the vif, which must still bear its name.
func findLink(conn Reader, index int, name string) (rtnl.Link, error) {
	link, err := conn.LinkByIndex(index)
	if err != nil {
		return rtnl.Link{}, goneIsGone(err)
	}
	if link.Name != name {
		return rtnl.Link{}, fmt.Errorf("%w: it is called %s now", ErrRenamed, link.Name)
	}
	return link, nil
}

// goneIsGone makes ErrGone of what the kernel says when the vif is not there.
func goneIsGone(err error) error {
	if errors.Is(err, rtnl.ErrNotFound) {
		return fmt.Errorf("%w: %w", ErrGone, err)
	}
	return err
}

// union is a, and what of b is not in it.
func union[T comparable](a, b []T) []T {
	for _, one := range b {
		if !slices.Contains(a, one) {
			a = append(a, one)
		}
	}
	return a
}

func permanent(index int, addr netip.Addr, mac net.HardwareAddr) rtnl.Neighbour {
	return rtnl.Neighbour{Index: index, Addr: addr, MAC: mac, State: nudPermanent, Protocol: rtnl.Protocol}
}

// nudPermanent is NUD_PERMANENT (linux/neighbour.h).
const nudPermanent = 0x80

// parseMAC reads what State keeps of a MAC; nil where it keeps none.
func parseMAC(s string) net.HardwareAddr {
	mac, err := net.ParseMAC(s)
	if err != nil {
		return nil
	}
	return mac
}
