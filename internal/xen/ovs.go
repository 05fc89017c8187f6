package xen

import "strings"

// openVSwitch takes apart the form in which Xen's vif-openvswitch has a bridge with VLANs, NAME[.TAG][:TRUNK[:TRUNK]...]: tag is the
// port's own VLAN, and trunks come with tags. vlan is what the key vlan says of the same. False: it is not of that form, or has no VLAN.
func openVSwitch(text string) (bridge, vlan string, ok bool) {
	head, trunks, trunked := strings.Cut(text, ":")
	name, tag, tagged := strings.Cut(head, ".")
	if name == "" || !tagged && !trunked {
		return "", "", false
	}
	var terms, ids []string
	if tagged {
		terms, ids = append(terms, tag+"p"), append(ids, tag)
	}
	if trunked {
		for id := range strings.SplitSeq(trunks, ":") {
			terms, ids = append(terms, id+"-"+id), append(ids, id) // a term that stands alone would be the port's own VLAN
		}
	}
	for _, id := range ids {
		if n, ok := number(id); !ok || n == 0 || n > maxVLAN {
			return "", "", false
		}
	}
	return name, strings.Join(terms, "/"), true
}
