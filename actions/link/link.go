package link

import (
	"errors"
	"fmt"
	"strings"

	"vifd/internal/rtnl"
	"vifd/internal/sysctl"
)

// Errors a caller can do something about.
var (
	// ErrGone: there is no link with this ifindex any more.
	ErrGone = errors.New("the vif has gone")
	// ErrRenamed: the link with this ifindex has another name than expected; what is to be done with it must be decided anew.
	ErrRenamed = errors.New("the vif has been renamed")
	// ErrFixed: the device does not let an offload be changed, or does not know it.
	ErrFixed = errors.New("cannot be changed")
	// ErrUnmet: the kernel took every request, and yet the link is not as wanted.
	ErrUnmet = errors.New("not as configured")
)

// Link is the desired state. What is zero or nil is left as it is.
type Link struct {
	Ifindex   int
	Interface string // its name, which must still be the link's

	MTU        int     // bytes
	TxQueueLen *uint32 // packets
	Group      *uint32
	Alias      *string
	Offload    map[string]bool   // by ethtool -K's names (rx, tx, sg, tso, …), or the kernel's (tx-checksum-ip-generic)
	Sysctl     map[string]string // by names like ipv6.accept_ra and ipv4.neigh.proxy_delay, see SettingName
}

// SettingName finds the setting of an interface that a key stands for: FAMILY.SETTING or FAMILY.conf.SETTING is in
// /proc/sys/net/FAMILY/conf/INTERFACE, and FAMILY.neigh.SETTING in neigh there; FAMILY is ipv4 or ipv6. There is no other: nothing beyond the
// interface can be set.
func SettingName(iface, key string) (sysctl.Name, error) {
	parts := strings.Split(key, ".")
	if len(parts) == 2 {
		parts = []string{parts[0], "conf", parts[1]}
	}
	if len(parts) != 3 || parts[0] != "ipv4" && parts[0] != "ipv6" || parts[1] != "conf" && parts[1] != "neigh" || !isWord(parts[2]) {
		return nil, fmt.Errorf("%q is no setting of an interface: it is ipv4.NAME, ipv6.NAME, ipv4.neigh.NAME or ipv6.neigh.NAME", key)
	}
	return sysctl.Name{parts[0], parts[1], iface, parts[2]}, nil
}

// isWord tells what a setting's name is made of.
func isWord(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

// Links is what this package asks of the kernel's links. Errors are rtnl's.
type Links interface {
	LinkByIndex(index int) (rtnl.Link, error)
	Set(index int, change rtnl.Change) error
	SetTxQLen(index int, packets uint32) error
	SetAlias(index int, alias string) error
}

// Offloads is what it asks of the devices.
type Offloads interface {
	Features(index int) (map[string]rtnl.Feature, error)
	SetFeatures(index int, want map[string]bool) error
}

// Settings is what it asks of /proc/sys/net. Errors are sysctl's.
type Settings interface {
	Get(name sysctl.Name) (string, error)
	Set(name sysctl.Name, value string, still func() error) (old string, err error)
}

// Host is the kernel's sides, of one network namespace. Offloads and Settings may be nil where no Link and no State speaks of any.
type Host struct {
	Links    Links
	Offloads Offloads
	Settings Settings
}

var (
	_ Links    = (*rtnl.Conn)(nil)
	_ Offloads = (*rtnl.Ethtool)(nil)
	_ Settings = (*sysctl.Dir)(nil)
)
