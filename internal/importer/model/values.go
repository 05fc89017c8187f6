package model

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"vifd/internal/lazy"
	"vifd/internal/vif"
	"vifd/rules"
)

// MaxFile is the largest file that is imported, in bytes.
const MaxFile = 4 << 20

// CheckName reports why a domain's name cannot stand in rules; nil means that it can. Globs and quotes are no reason.
func CheckName(name string) error {
	switch {
	case name == "":
		return errors.New("it is empty")
	case len(name) > 200:
		return fmt.Errorf("it has %d bytes; at most 200 are taken", len(name))
	case !utf8.ValidString(name):
		return errors.New("it is not UTF-8")
	case strings.Contains(name, "${"):
		return errors.New("rules take ${ for a substitution")
	case strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == '\ufeff' }):
		return errors.New("it holds a control character")
	}
	return nil
}

// CheckInterface reports why rules cannot name an interface so; nil means that they can.
func CheckInterface(name string) error {
	if err := vif.CheckName(name); err != nil {
		return err
	}
	if strings.Contains(name, "$") {
		return errors.New("rules take $ for a substitution")
	}
	return CheckName(name)
}

// ParseMAC reads a guest's MAC address as Xen and libvirt take it: with colons, dashes or dots.
func ParseMAC(text string) (net.HardwareAddr, error) {
	mac, err := net.ParseMAC(text)
	switch {
	case err != nil || len(mac) != 6:
		return nil, fmt.Errorf("%q is not a MAC address", text)
	case mac[0]&1 != 0 || [6]byte(mac) == [6]byte{}:
		return nil, fmt.Errorf("%q is no address of a single interface", text)
	}
	return mac, nil
}

// ParseIP reads an address or prefix of a guest's. Of an address with its network's length, as vif-nat takes it, the address is
// meant; then changed is true.
func ParseIP(text string) (p netip.Prefix, changed bool, err error) {
	if full, perr := netip.ParsePrefix(text); perr == nil && full != full.Masked() {
		text, changed = full.Addr().String(), true
	}
	p, err = rules.ParseGuestIP(text)
	return p, changed, err
}

// xlRate is the form that xl-network-configuration(5) documents.
var xlRate = lazy.Regexp(`^([0-9]{1,15})([GMK]?)([Bb])/s(?:@([0-9]{1,9})(ms|us|s)?)?$`)

// CheckRate reports why a rate as xl has it cannot be one of the rules': they take from 8kbit to 100tbit a second, and a time from
// 1us to 10s.
func CheckRate(text string) error {
	m := xlRate().FindStringSubmatch(text)
	if m == nil {
		return errors.New("it is not as in 10Mb/s, 250KB/s or 1MB/s@20ms")
	}
	bits, _ := strconv.ParseFloat(m[1], 64) // digits
	bits *= map[string]float64{"": 1, "K": 1e3, "M": 1e6, "G": 1e9}[m[2]]
	if m[3] == "B" {
		bits *= 8
	}
	if bits < 8e3 || bits > 1e14 {
		return errors.New("vifd takes from 8Kb/s to 100000Gb/s")
	}
	if m[4] != "" {
		n, _ := strconv.ParseFloat(m[4], 64) // digits
		n *= map[string]float64{"us": 1, "ms": 1e3, "s": 1e6, "": 1e6}[m[5]]
		if n < 1 || n > 10e6 {
			return errors.New("its time is not from 1us to 10s")
		}
	}
	return nil
}

// ParseMTU reads an MTU in bytes.
func ParseMTU(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 68 || n > 65535 {
		return 0, fmt.Errorf("%q is not a number from 68 to 65535", text)
	}
	return n, nil
}

// ParseVLANID reads a VLAN's number.
func ParseVLANID(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 4094 {
		return 0, fmt.Errorf("%q is not a number from 1 to 4094", text)
	}
	return n, nil
}

// ParseOVS reads NAME[.TAG][:TRUNK…]: a port of VLAN TAG, and a trunk of the others (vif-openvswitch of Xen's scripts).
func ParseOVS(text string) (bridge string, vlan VLAN, err error) {
	head, trunks, isTrunk := strings.Cut(text, ":")
	bridge, tag, tagged := strings.Cut(head, ".")
	if tagged {
		if vlan.Untagged, err = ParseVLANID(tag); err != nil {
			return "", VLAN{}, err
		}
	}
	if !isTrunk {
		return bridge, vlan, nil
	}
	for trunk := range strings.SplitSeq(trunks, ":") {
		id, err := ParseVLANID(trunk)
		if err != nil {
			return "", VLAN{}, err
		}
		vlan.Tagged = append(vlan.Tagged, [2]int{id, id})
	}
	return bridge, vlan, nil
}
