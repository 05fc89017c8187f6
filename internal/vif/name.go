package vif

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// MaxNameLen is the longest interface name the kernel takes, in bytes: IFNAMSIZ of <linux/if.h> less the closing NUL.
const MaxNameLen = 15

// MaxDomid is the highest domain number a Xen guest can have: DOMID_FIRST_RESERVED (0x7ff0) of xen/include/public/xen.h, less one.
const MaxDomid = 0x7ff0 - 1

// CheckName reports why name cannot be an interface's, by the rules of dev_valid_name in net/core/dev.c; nil means that it can.
func CheckName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("an interface name cannot be empty")
	case len(name) > MaxNameLen:
		return fmt.Errorf("interface name %q has %d bytes; the kernel takes at most %d", name, len(name), MaxNameLen)
	case name == "." || name == "..":
		return fmt.Errorf("%q cannot be an interface name", name)
	}
	for i := range len(name) {
		switch c := name[i]; c {
		case '/', ':', ' ', '\t', '\n', '\v', '\f', '\r', 0xa0, 0x85:
			return fmt.Errorf("interface name %q holds %q, which the kernel refuses", name, c)
		}
	}
	return nil
}

// XenName is the name xen-netback and libxl give a guest's interface: vif<domid>.<vifid>, or with the suffix -emu for the
// tap of an emulated card.
type XenName struct {
	Domid, Vifid int
	Emulated     bool
}

// ParseXenName takes a Xen interface name apart; false means that name is not one. Numbers are decimal without leading
// zeros, so that every interface has one spelling.
func ParseXenName(name string) (XenName, bool) {
	rest, ok := strings.CutPrefix(name, "vif")
	if !ok {
		return XenName{}, false
	}
	rest, emulated := strings.CutSuffix(rest, "-emu")
	left, right, ok := strings.Cut(rest, ".")
	if !ok {
		return XenName{}, false
	}
	domid, ok1 := decimal(left)
	vifid, ok2 := decimal(right)
	if !ok1 || !ok2 || domid > MaxDomid {
		return XenName{}, false
	}
	return XenName{Domid: domid, Vifid: vifid, Emulated: emulated}, true
}

// CompareNames orders interface names as people do: vif2.0 before vif10.0.
func CompareNames(a, b string) int {
	for a != "" && b != "" {
		na, nb := digits(a), digits(b)
		if na > 0 && nb > 0 {
			x, y := strings.TrimLeft(a[:na], "0"), strings.TrimLeft(b[:nb], "0")
			if c := cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(x, y)); c != 0 {
				return c
			}
			a, b = a[na:], b[nb:]
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}

// digits is how many decimal digits s begins with.
func digits(s string) int { return len(s) - len(strings.TrimLeft(s, "0123456789")) }

func decimal(s string) (int, bool) {
	if s == "" || (len(s) > 1 && s[0] == '0') {
		return 0, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.Atoi(s)
	return n, err == nil
}
