package link

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"vifd/internal/rtnl"
	"vifd/internal/sysctl"
)

// fake is a kernel with links, their features and their settings in memory. It refuses what the kernel refuses; the scenarios run
// on both keep it honest.
type fake struct {
	links    map[int]*rtnl.Link
	features map[int]map[string]rtnl.Feature
	settings map[string]string // by interface and key
	last     int

	writes int
	before func(write int) error // may refuse the nth write
}

func newFake() *fake {
	return &fake{links: map[int]*rtnl.Link{}, features: map[int]map[string]rtnl.Feature{}, settings: map[string]string{}}
}

func (f *fake) host() Host { return Host{Links: f, Offloads: f, Settings: settings{f}} }

func (f *fake) Plug(_ testing.TB, name string) int {
	f.last++
	f.links[f.last] = &rtnl.Link{Index: f.last, Name: name, MTU: 1500, TxQLen: 1000}
	on := rtnl.Feature{Active: true, Wanted: true}
	f.features[f.last] = map[string]rtnl.Feature{
		"rx-checksum": on, "tx-checksum-ipv4": {Fixed: true}, "tx-checksum-ip-generic": on, "tx-checksum-sctp": on, "tx-scatter-gather": on,
		"tx-tcp-segmentation": on, "tx-generic-segmentation": on, "rx-gro": {}, "rx-lro": {Fixed: true},
	}
	f.settings[name+" ipv4.conf.proxy_arp"], f.settings[name+" ipv6.conf.accept_ra"] = "1", "1"
	f.settings[name+" ipv4.neigh.proxy_delay"] = "80"
	return f.last
}

func (f *fake) Unplug(_ testing.TB, name string) {
	for i, l := range f.links {
		if l.Name == name {
			delete(f.links, i)
			delete(f.features, i)
			maps.DeleteFunc(f.settings, func(key, _ string) bool { return strings.HasPrefix(key, name+" ") })
		}
	}
}

func (f *fake) Rename(_ testing.TB, index int, name string) {
	old := f.links[index].Name
	f.links[index].Name = name
	for key, value := range maps.Clone(f.settings) {
		if rest, ok := strings.CutPrefix(key, old+" "); ok {
			delete(f.settings, key)
			f.settings[name+" "+rest] = value
		}
	}
}

func refuse(errno unix.Errno) error { return &rtnl.Error{Op: "fake", Errno: errno} }

func (f *fake) write(index int) (*rtnl.Link, error) {
	f.writes++
	if f.before != nil {
		if err := f.before(f.writes); err != nil {
			return nil, err
		}
	}
	if l := f.links[index]; l != nil {
		return l, nil
	}
	return nil, refuse(unix.ENODEV)
}

func (f *fake) LinkByIndex(index int) (rtnl.Link, error) {
	if l := f.links[index]; l != nil {
		return *l, nil
	}
	return rtnl.Link{}, refuse(unix.ENODEV)
}

func (f *fake) Set(index int, ch rtnl.Change) error {
	l, err := f.write(index)
	if err != nil {
		return err
	}
	if ch.MTU != 0 && (ch.MTU < 68 || ch.MTU > 65535) {
		return refuse(unix.EINVAL)
	}
	if ch.MTU != 0 {
		l.MTU = ch.MTU
	}
	if ch.Group != nil {
		l.Group = *ch.Group
	}
	return nil
}

func (f *fake) SetTxQLen(index int, packets uint32) error {
	l, err := f.write(index)
	if err == nil {
		l.TxQLen = int(packets)
	}
	return err
}

func (f *fake) SetAlias(index int, alias string) error {
	l, err := f.write(index)
	if err == nil {
		l.Alias = alias
	}
	return err
}

func (f *fake) Features(index int) (map[string]rtnl.Feature, error) {
	if f.links[index] == nil {
		return nil, refuse(unix.ENODEV)
	}
	return maps.Clone(f.features[index]), nil
}

// SetFeatures knows of one dependency: segmentation needs checksums.
func (f *fake) SetFeatures(index int, want map[string]bool) error {
	if _, err := f.write(index); err != nil {
		return err
	}
	all := f.features[index]
	for name, on := range want {
		if one, ok := all[name]; ok && !one.Fixed {
			all[name] = rtnl.Feature{Active: on, Wanted: on}
		}
	}
	tso := all["tx-tcp-segmentation"]
	tso.Active = tso.Wanted && all["tx-checksum-ip-generic"].Active
	all["tx-tcp-segmentation"] = tso
	return nil
}

// settings is the fake's /proc/sys/net.
type settings struct{ f *fake }

func (s settings) key(name sysctl.Name) (string, error) {
	key := name[2] + " " + strings.Join([]string{name[0], name[1], name[3]}, ".")
	if _, ok := s.f.settings[key]; !ok {
		return "", fmt.Errorf("fake %v: %w", name, sysctl.ErrNotFound)
	}
	return key, nil
}

func (s settings) Get(name sysctl.Name) (string, error) {
	key, err := s.key(name)
	return s.f.settings[key], err
}

func (s settings) Set(name sysctl.Name, value string, still func() error) (string, error) {
	s.f.writes++
	key, err := s.key(name)
	if s.f.before != nil {
		err = errors.Join(err, s.f.before(s.f.writes))
	}
	if err != nil {
		return "", err
	}
	if err := still(); err != nil {
		return "", err
	}
	number, err := strconv.Atoi(value)
	if err != nil {
		return "", fmt.Errorf("fake %v to %s: %w", name, value, unix.EINVAL)
	}
	old := s.f.settings[key]
	if strings.HasSuffix(key, "proxy_delay") { // hundredths of a second, kept in ticks
		number = number * 250 / 100 * 100 / 250
	}
	s.f.settings[key] = strconv.Itoa(number)
	return old, nil
}
