package matcher

import (
	"net"
	"strconv"
	"strings"

	"vifd/internal/vif"
	"vifd/rules"
)

// inventory finds the entry of `guests` for a vif.
type inventory struct {
	byInterface map[string]*rules.Guest
	byDomain    map[string][]*rules.Guest // a domain has an entry per vif
	byUUID      map[string][]*rules.Guest // likewise; in lower case
	byMAC       map[string]*rules.Guest
}

func newInventory(guests []rules.Guest) inventory {
	inv := inventory{
		byInterface: make(map[string]*rules.Guest, len(guests)),
		byDomain:    make(map[string][]*rules.Guest, len(guests)),
		byUUID:      make(map[string][]*rules.Guest),
		byMAC:       make(map[string]*rules.Guest, len(guests)),
	}
	for i := range guests {
		g := &guests[i]
		if g.Interface != "" {
			inv.byInterface[g.Interface] = g
		}
		if g.Domain != "" {
			inv.byDomain[g.Domain] = append(inv.byDomain[g.Domain], g)
		}
		if g.UUID != "" {
			inv.byUUID[g.UUID] = append(inv.byUUID[g.UUID], g)
		}
		if len(g.MAC) > 0 {
			inv.byMAC[g.MAC.String()] = g
		}
	}
	return inv
}

// find looks for the entry by interface, then by domain or its UUID and vif, then by MAC: from what the host gives a name to, to
// what a guest could claim.
func (inv *inventory) find(known *vif.Facts) *rules.Guest {
	for _, name := range known.Values("interface") {
		if g := inv.byInterface[name]; g != nil {
			return g
		}
	}
	if len(inv.byDomain) > 0 {
		if domain, ok := known.Value("domain"); ok {
			if g := byVif(inv.byDomain[domain], known); g != nil {
				return g
			}
		}
	}
	if len(inv.byUUID) > 0 {
		if uuid, ok := known.Value("uuid"); ok {
			if g := byVif(inv.byUUID[strings.ToLower(uuid)], known); g != nil {
				return g
			}
		}
	}
	if len(inv.byMAC) > 0 {
		if mac, ok := known.Value("mac"); ok {
			if hw, err := net.ParseMAC(mac); err == nil {
				return inv.byMAC[hw.String()]
			}
		}
	}
	return nil
}

// byVif picks a domain's entry for the vif; one that names no vif stands for all that have none of their own.
func byVif(guests []*rules.Guest, known *vif.Facts) *rules.Guest {
	vifid, ok := known.Value("vifid")
	var any *rules.Guest
	for _, g := range guests {
		switch {
		case g.Vif < 0:
			any = g
		case ok && strconv.Itoa(g.Vif) == vifid:
			return g
		}
	}
	return any
}

// entry is what the inventory knows of one vif, as a source of facts.
type entry struct {
	inventory *inventory
	known     *vif.Facts // from everybody else
}

// Values answers for domain, uuid, mac and ip.
func (e entry) Values(key string) []string {
	switch key {
	case "domain", "uuid", "mac", "ip":
	default:
		return nil
	}
	g := e.inventory.find(e.known)
	switch {
	case g == nil:
		return nil
	case key == "domain" && g.Domain != "":
		return []string{g.Domain}
	case key == "uuid" && g.UUID != "":
		return []string{g.UUID}
	case key == "mac" && len(g.MAC) > 0:
		return []string{strings.ToLower(g.MAC.String())}
	case key == "ip":
		values := make([]string, len(g.IP))
		for i, ip := range g.IP {
			values[i] = rules.GuestIPText(ip)
		}
		return values
	}
	return nil
}
