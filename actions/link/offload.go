package link

import (
	"fmt"
	"maps"
	"path"
	"slices"

	"vifd/internal/rtnl"
)

// features are the kernel's names for what ethtool -K calls by a short name, as a pattern; empty for what has none.
func pattern(name string) string {
	switch name {
	case "rx", "rx-checksumming":
		return "rx-checksum"
	case "tx", "tx-checksumming":
		return "tx-checksum-*"
	case "sg", "scatter-gather":
		return "tx-scatter-gather*"
	case "tso", "tcp-segmentation-offload":
		return "tx-tcp*-segmentation"
	case "ufo", "udp-fragmentation-offload":
		return "tx-udp-fragmentation"
	case "gso", "generic-segmentation-offload":
		return "tx-generic-segmentation"
	case "gro", "generic-receive-offload":
		return "rx-gro"
	case "lro", "large-receive-offload":
		return "rx-lro"
	case "rxvlan", "rx-vlan-offload":
		return "rx-vlan-hw-parse"
	case "txvlan", "tx-vlan-offload":
		return "tx-vlan-hw-insert"
	case "ntuple", "ntuple-filters":
		return "rx-ntuple-filter"
	case "rxhash", "receive-hashing":
		return "rx-hashing"
	}
	return ""
}

// resolve lists the device's features that are to be turned on or off for a name. Of a short name that stands for several, those that the device
// fixes do not matter as long as it comes to what is wanted: on, where one is on in the end; off, where none is.
func resolve(name string, on bool, features map[string]rtnl.Feature) ([]string, error) {
	short := pattern(name)
	var list, fixed []string
	active := false
	for _, feature := range slices.Sorted(maps.Keys(features)) {
		f := features[feature]
		if ok, _ := path.Match(short, feature); !ok && feature != name { // the patterns are well-formed
			continue
		}
		switch {
		case !f.Fixed:
			list = append(list, feature)
		case f.Active != on:
			fixed = append(fixed, feature)
		default:
			active = active || f.Active
		}
	}
	switch {
	case len(fixed) > 0 && (!on || len(list) == 0 && !active):
		return nil, fmt.Errorf("offload %s %s %w: the device fixes %v %s ([fixed])", name, onOff(on), ErrFixed, fixed, onOff(!on))
	case len(list) == 0 && !active && (on || short == "" && features[name] == (rtnl.Feature{})):
		if _, known := features[name]; !known {
			return nil, fmt.Errorf("offload %s %s %w: this kernel has none of that name", name, onOff(on), ErrFixed)
		}
	}
	return list, nil
}
