package nat

import (
	"fmt"
	"strconv"
	"strings"

	"vifd/internal/vif"
)

// ID is an interface, by the numbers from which its addresses are derived.
type ID struct{ Domid, Vifid int }

// Identify takes the numbers out of an interface's name: vif3.1, and vif3.1-emu, is interface 1 of domain 3. Where the name is
// another hypervisor's, a number at its end stands for the domain (tap7, vnet3), and one with an i behind it for the interface, as
// Proxmox has it (tap100i1). A name without is an error: such a guest has to be given its addresses.
func Identify(name string) (ID, error) {
	if xen, ok := vif.ParseXenName(name); ok {
		return ID{xen.Domid, xen.Vifid}, nil
	}
	rest, last, ok := cutNumber(name)
	if ok && strings.HasSuffix(rest, "i") {
		if rest, first, both := cutNumber(rest[:len(rest)-1]); both && isWord(rest) && first < maxNumber && last < maxVifid {
			return ID{first, last}, nil
		}
	}
	if !ok || !isWord(rest) || last >= maxNumber {
		return ID{}, fmt.Errorf("interface %s: no address can be derived from its name; give it one (guest: {ip: …})", name)
	}
	return ID{last, 0}, nil
}

// cutNumber cuts a decimal number without leading zeros off the end of s: with them, two names would have the same.
func cutNumber(s string) (rest string, n int, ok bool) {
	rest = strings.TrimRight(s, "0123456789")
	digits := s[len(rest):]
	n, err := strconv.Atoi(digits)
	return rest, n, err == nil && strconv.Itoa(n) == digits
}

// isWord reports whether s is letters: in eth0.5 and tap-3-7 nobody can tell which number is the guest's.
func isWord(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}
