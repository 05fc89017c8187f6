package plan

import (
	"fmt"
	"strings"

	"vifd/internal/importer/model"
)

// guards are those parts of source-guard that hold without the guest's addresses.
func guards() []Template {
	var list []Template
	for _, name := range []string{"no-mac-spoofing", "no-vlan-tags", "no-other-l2", "no-bpdu", "no-dhcp-server", "no-dhcp6-server", "no-router-advert"} {
		list = append(list, Template{Name: name})
	}
	return list
}

// sourceGuard is the guard of a vif that only may be itself, as far as the vif lets it be judged.
func (p *planner) sourceGuard(v *model.Vif, known bool) []Template {
	switch {
	case len(v.VLAN.Tagged) > 0:
		p.in.Change(v.Pos, subject(v), "the guest sends tagged frames, which source-guard drops: of its identity the MAC alone is guarded", "")
		return []Template{{Name: "no-mac-spoofing"}, {Name: "no-bpdu"}}
	case !known:
		p.in.Change(v.Pos, subject(v), "nobody says which addresses it has, and with source-guard it would have none: it is guarded but for them",
			"give them in guests, and write firewall: source-guard")
		return guards()
	}
	return []Template{{Name: "source-guard"}}
}

func subject(v *model.Vif) string {
	if v.Domain == "" {
		return "vif " + strings.Join(v.Names, ", ")
	}
	return fmt.Sprintf("vif %d of %q", v.Index, v.Domain)
}
