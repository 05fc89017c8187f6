package xl

import (
	"fmt"
	"strconv"
	"strings"

	"vifd/internal/importer/model"
	"vifd/internal/lazy"
)

// vlanTerm is ID, FIRST-LAST or FIRST+STEPxCOUNT, each with a letter behind.
var vlanTerm = lazy.Regexp(`^([0-9]{1,4})(?:-([0-9]{1,4})|\+([0-9]{1,4})x([0-9]{1,4}))?([pu]?)$`)

// vlans is what a port of a Linux bridge can have of xl's `vlan`.
type vlans struct {
	model.VLAN

	left []string // terms that are untagged, and not the port's own
}

// parseVLAN reads terms with slashes between them (xl-network-configuration(5), vlan): p marks the port's own VLAN, u one that
// reaches the guest without a tag. The one term of a plain number is the port's own.
func parseVLAN(text string) (vlans, error) {
	var v vlans
	var seen [4095]bool
	terms := strings.Split(text, "/")
	for _, term := range terms {
		m := vlanTerm().FindStringSubmatch(term)
		if m == nil {
			return v, fmt.Errorf("%q is not as in 10, 10p, 20u, 100-110 or 100+10x4", term)
		}
		ids, err := expand(m[1], m[2], m[3], m[4])
		if err != nil {
			return v, fmt.Errorf("%q: %w", term, err)
		}
		for _, id := range ids {
			if seen[id] {
				return v, fmt.Errorf("VLAN %d is named twice", id)
			}
			seen[id] = true
		}
		switch own := m[5] == "p" || len(terms) == 1 && len(ids) == 1; {
		case own && (len(ids) > 1 || v.Untagged != 0):
			return v, fmt.Errorf("%q is a second VLAN for the port's own", term)
		case own:
			v.Untagged = ids[0]
		case m[5] == "u":
			v.left = append(v.left, term)
		default:
			v.add(ids, m[3] != "")
		}
	}
	if v.Untagged == 0 {
		return v, fmt.Errorf("%q marks no VLAN with p as the port's own", text)
	}
	return v, nil
}

func (v *vlans) add(ids []int, apart bool) {
	if !apart {
		v.Tagged = append(v.Tagged, [2]int{ids[0], ids[len(ids)-1]})
		return
	}
	for _, id := range ids {
		v.Tagged = append(v.Tagged, [2]int{id, id})
	}
}

// expand lists a term's VLANs. A series has its first one, and count more.
func expand(first, last, step, count string) ([]int, error) {
	from, err := model.ParseVLANID(first)
	if err != nil {
		return nil, err
	}
	to, by := from, 1
	if last != "" {
		if to, err = model.ParseVLANID(last); err != nil {
			return nil, err
		}
	}
	if step != "" {
		by, _ = strconv.Atoi(step) // digits, as the two below
		n, _ := strconv.Atoi(count)
		to = from + by*n
	}
	if to < from || to > 4094 || by == 0 {
		return nil, fmt.Errorf("it does not lie within 1 and 4094")
	}
	var ids []int
	for id := from; id <= to; id += by {
		ids = append(ids, id)
	}
	return ids, nil
}
