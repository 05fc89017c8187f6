package rules

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"vifd/internal/nearest"
)

const (
	maxTxQueueLen = 1_000_000 // packets; far beyond what any queue holds
	maxAlias      = 255       // bytes: IFALIASZ of <linux/if.h>, less its NUL
)

// features returns the offloads that ethtool -K switches by a short word (ethtool(8)).
func features() []string {
	return []string{"rx", "tx", "sg", "tso", "ufo", "gso", "gro", "lro", "rxvlan", "txvlan", "ntuple", "rxhash"}
}

// link reads a rule's `link`.
func (d *decoder) link(n *yaml.Node) Link {
	var l Link
	s := schema{what: "link", known: []string{"mtu", "txqueuelen", "group", "alias", "offload", "sysctl"}}
	d.fields(n, s, func(key string, _, v *yaml.Node) {
		switch key {
		case "mtu":
			l.MTU, _ = d.integer(v, key, minMTU, maxMTU)
		case "txqueuelen":
			if length, ok := d.integer(v, key, 0, maxTxQueueLen); ok {
				l.TxQueueLen = &length
			}
		case "group":
			if group, ok := d.number(v, key, 0, math.MaxUint32); ok {
				number := uint32(group)
				l.Group = &number
			}
		case "alias":
			l.Alias = d.alias(v)
		case "offload":
			l.Offload = d.offloads(v)
		case "sysctl":
			l.Sysctl = d.sysctls(v)
		}
	})
	return l
}

// CheckAlias reports why text cannot be an interface's alias; nil means that it can. ip prints an alias on a line of its own.
func CheckAlias(text string) error {
	switch {
	case len(text) > maxAlias:
		return fmt.Errorf("an alias has at most %d bytes, found %d", maxAlias, len(text))
	case strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return errors.New("an alias holds no control characters")
	}
	return nil
}

func (d *decoder) alias(n *yaml.Node) *Text {
	text, ok := d.expandable(n, "alias", func(s string) *valueError {
		if err := CheckAlias(s); err != nil {
			return &valueError{code: codeName, len: len(s), msg: err.Error()}
		}
		return nil
	})
	switch {
	case !ok:
		return nil
	case slices.Contains(text.Facts(), "alias"):
		d.problem(d.src.node(n), codeConflict, "an alias that is made of the alias changes whenever it is set", "name another fact")
		return nil
	}
	return &text
}

func (d *decoder) offloads(n *yaml.Node) []Offload {
	var list []Offload
	d.fields(n, schema{what: "offload", known: features()}, func(key string, _, v *yaml.Node) {
		if on, ok := d.onOff(v, key); ok {
			list = append(list, Offload{key, on})
		}
	})
	slices.SortFunc(list, func(a, b Offload) int { return cmp.Compare(a.Feature, b.Feature) })
	return list
}

func (d *decoder) sysctls(n *yaml.Node) []Sysctl {
	var list []Sysctl
	d.entries(n, "sysctl", func(k, v *yaml.Node) {
		allowed, ok := lookupSysctl(k.Value)
		if !ok {
			d.unknownSysctl(k)
			return
		}
		if v.Kind == yaml.ScalarNode && !d.src.handled[v] && classify(v) == scalarEmpty {
			d.problem(d.src.node(k), codeEmpty, fmt.Sprintf("key %q has no value", k.Value), "write a value, or remove the key")
			return
		}
		if value, ok := d.number(v, k.Value, allowed.lo, allowed.hi); ok {
			list = append(list, Sysctl{k.Value, value})
		}
	})
	slices.SortFunc(list, func(a, b Sysctl) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

func (d *decoder) unknownSysctl(k *yaml.Node) {
	key := k.Value
	if by := setBy(key); by != "" {
		d.problem(d.src.node(k), codeConflict, fmt.Sprintf("%s is not for link to set: %s", key, by), "remove it")
		return
	}
	hint := nearest.Hint(key, sysctlNames())
	if hint == "" {
		hint = "a name is ipv4.NAME, ipv6.NAME, ipv4.neigh.NAME or ipv6.neigh.NAME, as in /proc/sys/net/ipv4/conf/IFACE/NAME; those that are a host's alone are left out"
	}
	d.problem(d.src.node(k), codeUnknownKey, fmt.Sprintf("unknown key %s in sysctl", short(key)), hint)
}
