package rules

import (
	"strings"

	"vifd/internal/vif"
)

// xenPrefix is what Xen's names of interfaces begin with: vif<domid>.<vifid>, and -emu behind that for the tap of an emulated card.
const xenPrefix = "vif"

// XenDomid returns the domain that has all the interfaces whose names p matches, p being a pattern for names: 3 of vif3.0 and of vif3.*;
// false where they are of several domains, or none of Xen's. Whoever names another interface vif3.web is not thought of.
func (p *Pattern) XenDomid() (int, bool) {
	domid, _, dot := strings.Cut(p.Prefix(), ".")
	if !dot {
		return 0, false
	}
	name, ok := vif.ParseXenName(domid + ".0")
	return name.Domid, ok
}

// XenVifid returns which of their domains' interfaces all those are that p matches, as XenDomid: 1 of vif3.1, vif*.1 and vif*.1-emu.
func (p *Pattern) XenVifid() (int, bool) {
	if text, ok := p.Literal(); ok {
		name, ok := vif.ParseXenName(text)
		return name.Vifid, ok
	}
	before, vifid, dot := strings.Cut(literalSuffix(p.glob), ".")
	if !dot || strings.Trim(before, "0123456789") != "" || !strings.HasPrefix(p.Prefix(), xenPrefix) || strings.Contains(p.Prefix(), ".") {
		return 0, false
	}
	name, ok := vif.ParseXenName(xenPrefix + "0." + vifid)
	return name.Vifid, ok
}
