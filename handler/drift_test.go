package handler

import (
	"errors"
	"testing"

	"vifd/internal/rtnl"
	"vifd/internal/sysctl"
)

func TestDiffers(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]string{
		`add element bridge vifd from-guest { "vif1.0" : drop }`:                Missing,
		`delete element bridge vifd guest-mac { "vif1.0" . 00:16:3e:00:00:01 }`: Extra,
		`add element bridge vifd from-guest { "x delete y" : drop }`:            Missing,
		"flush chain bridge vifd prerouting":                                    Other,
		"delete chain bridge vifd from/a":                                       Extra,
		"ip link add name xenbr0 type bridge":                                   Missing,
		"ip link set dev vif1.0 master xenbr0":                                  Missing,
		"ip link set dev vif1.0 nomaster":                                       Extra,
		"ip link set dev vif1.0 mtu 9000":                                       Other,
		"ip link delete dev xenbr0 type bridge":                                 Extra,
		"bridge fdb replace 00:16:3e:00:00:01 dev vif1.0 master static sticky":  Missing,
		"bridge fdb del 00:16:3e:00:00:01 dev vif1.0 master":                    Extra,
		"bridge vlan add dev vif1.0 vid 10":                                     Missing,
		"ip route replace 192.0.2.1 dev vif1.0":                                 Missing,
		"ip neigh del proxy 192.0.2.1 dev eth0":                                 Extra,
		"tc qdisc add dev vif1.0 root":                                          Missing,
		"tc qdisc replace dev vif1.0 root":                                      Other,
		"tc qdisc del dev vif1.0 root":                                          Extra,
		"sysctl -w net.ipv4.ip_forward=1":                                       Other,
	} {
		if got := differs(command); got != want {
			t.Errorf("%s: %s, want %s", command, got, want)
		}
	}
}

// readOnly is a kernel with one link, of which nothing but that is asked.
type readOnly struct {
	reads
	link rtnl.Link
}

func (r readOnly) LinkByName(name string) (rtnl.Link, error) {
	if name != r.link.Name {
		return rtnl.Link{}, rtnl.ErrNotFound
	}
	return r.link, nil
}

func (r readOnly) LinkByIndex(index int) (rtnl.Link, error) {
	if index != r.link.Index {
		return rtnl.Link{}, rtnl.ErrNotFound
	}
	return r.link, nil
}

// TestPretend: what is written shows, and goes no further.
func TestPretend(t *testing.T) {
	t.Parallel()
	kernel := readOnly{link: rtnl.Link{Index: 7, Name: "vif1.0", MTU: 1500, Master: 3, Port: &rtnl.Port{}, Flags: iffUp}}
	p := &pretend{reads: kernel, links: make(map[int]rtnl.Link), gone: make(map[int]bool), names: make(names)}
	for _, ch := range []rtnl.Change{{MTU: 9000}, {Master: new(0)}, {Up: new(false)}, {Group: new(uint32(5))}} {
		if err := p.Set(7, ch); err != nil {
			t.Fatal(err)
		}
	}
	l, err := p.LinkByIndex(7)
	if err != nil || l.MTU != 9000 || l.Master != 0 || l.Port != nil || l.Up() || l.Group != 5 || l.Name != "vif1.0" {
		t.Errorf("%+v, %v", l, err)
	}
	if err := p.Set(8, rtnl.Change{MTU: 9000}); !errors.Is(err, rtnl.ErrNotFound) {
		t.Errorf("of a link that is not there: %v", err)
	}
	if err := p.DeleteLink(7); err != nil {
		t.Fatal(err)
	}
	if _, err := p.LinkByIndex(7); !errors.Is(err, rtnl.ErrNotFound) {
		t.Errorf("after its deletion: %v", err)
	}
}

// TestPretendNames: a link has the name that it was given last, and no other; what the kernel has of it is found under its first.
func TestPretendNames(t *testing.T) {
	t.Parallel()
	p := newPretend(nil)
	p.reads = readOnly{link: rtnl.Link{Index: 7, Name: "vif1.0"}}
	p.links[8] = rtnl.Link{Index: 8, Name: "vif2.0"}
	for _, name := range []string{"web0", "web1"} {
		if err := p.Set(7, rtnl.Change{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	for name, there := range map[string]bool{"web1": true, "web0": false, "vif1.0": false} {
		l, err := p.LinkByName(name)
		if there && (err != nil || l.Index != 7 || l.Name != name) || !there && !errors.Is(err, rtnl.ErrNotFound) {
			t.Errorf("%s is %+v, %v", name, l, err)
		}
	}
	if err := p.Set(8, rtnl.Change{Name: "web1"}); !errors.Is(err, rtnl.ErrExists) {
		t.Errorf("a name that another link has: %v", err)
	}
	for name, want := range map[string]string{"web1": "vif1.0", "vif2.0": "vif2.0"} {
		if got := p.names.inKernel(sysctl.IPv4(name, "forwarding"))[2]; got != want {
			t.Errorf("the kernel has the settings of %s under %s, want %s", name, got, want)
		}
	}
}

// fixed are settings that all have one value, and cannot be set.
type fixed string

func (f fixed) Get(sysctl.Name) (string, error) { return string(f), nil }

func (f fixed) Set(sysctl.Name, string, func() error) (string, error) {
	return "", errors.New("it was written to")
}
func (f fixed) List(...string) ([]string, error) { return nil, nil }

func TestPretendSettings(t *testing.T) {
	t.Parallel()
	p := pretendSettings{fixed("0"), make(map[string]string), nil}
	set := func(name sysctl.Name, value string) {
		t.Helper()
		if _, err := p.Set(name, value, nil); err != nil {
			t.Fatal(err)
		}
	}
	set(sysctl.Name{"ipv4", "ip_forward"}, "1")
	set(sysctl.IPv4("vif2.0", "forwarding"), "0")
	for _, tt := range []struct {
		name sysctl.Name
		want string
	}{
		{sysctl.Name{"ipv4", "ip_forward"}, "1"},
		{sysctl.IPv4("vif1.0", "forwarding"), "1"}, // along with it
		{sysctl.IPv4("vif2.0", "forwarding"), "0"},
		{sysctl.IPv6("vif1.0", "forwarding"), "0"},
		{sysctl.IPv4("vif1.0", "proxy_arp"), "0"},
	} {
		if got, err := p.Get(tt.name); got != tt.want || err != nil {
			t.Errorf("%v is %q, %v; want %q", tt.name, got, err, tt.want)
		}
	}
}
