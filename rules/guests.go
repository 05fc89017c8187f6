package rules

import (
	"fmt"
	"math"
	"strings"

	"gopkg.in/yaml.v3"
)

// guest reads one entry of `guests`.
func (d *decoder) guest(n *yaml.Node) {
	g := Guest{Vif: -1}
	at := map[string]*yaml.Node{}
	s := schema{what: "a guest", known: []string{"interface", "domain", "uuid", "vif", "mac", "ip"}}
	ok := d.fields(n, s, func(key string, _, v *yaml.Node) {
		at[key] = v
		switch key {
		case "interface":
			g.Interface, _ = d.interfaceName(v, "interface")
		case "domain":
			if domain, ok := d.text(v, "domain"); ok && !d.substituted(v, "domain") {
				g.Domain = domain
			}
		case "uuid":
			if uuid, ok := d.text(v, "uuid"); ok && !d.substituted(v, "uuid") {
				verr := checkUUID(uuid)
				if verr != nil {
					d.value(v, verr)
				}
				g.UUID = strings.ToLower(uuid)
			}
		case "vif":
			if i, ok := d.integer(v, "vif", 0, math.MaxInt32); ok {
				g.Vif = i
			}
		case "mac":
			if mac, ok := d.text(v, "mac"); ok && !d.substituted(v, "mac") {
				addr, verr := parseGuestMAC(mac)
				if verr != nil {
					d.value(v, verr)
				}
				g.MAC = addr
			}
		case "ip":
			d.guestAddrs(v, &g)
		}
	})
	if !ok {
		return
	}
	g.Pos = d.src.node(n)
	if !hasKey(n, "interface") && !hasKey(n, "domain") && !hasKey(n, "uuid") && !hasKey(n, "mac") {
		d.problem(g.Pos, codeMissingKey, "a guest needs one of the keys interface, domain, uuid and mac, by which its vifs are found", "")
	}
	if at["vif"] != nil && !hasKey(n, "domain") && !hasKey(n, "uuid") {
		d.problem(d.src.node(at["vif"]), codeMissingKey, `vif needs the key "domain" or "uuid" beside it`, "")
	}
	d.indexGuest(&g, at)
	d.set.set.Guests = append(d.set.set.Guests, g)
}

func (d *decoder) guestAddrs(n *yaml.Node, g *Guest) {
	for _, item := range d.oneOrMore(n, "ip") {
		v, ok := d.text(item, "ip")
		if !ok || d.substituted(item, "ip") {
			continue
		}
		addr, verr := parseGuestIP(v)
		if verr != nil {
			d.value(item, verr)
			continue
		}
		d.set.guests.addrs = append(d.set.guests.addrs, guestAddr{addr, d.src.node(item)})
		g.IP = append(g.IP, addr)
	}
}

// checkUUID refuses what is no UUID as libxl and libvirt write it (RFC 9562, 4).
func checkUUID(s string) *valueError {
	ok := len(s) == 36
	for i := 0; ok && i < len(s); i++ {
		switch i {
		case 8, 13, 18, 23:
			ok = s[i] == '-'
		default:
			ok = isDigit(s[i]) || s[i]|0x20 >= 'a' && s[i]|0x20 <= 'f'
		}
	}
	if ok {
		return nil
	}
	return &valueError{
		code: codeText, len: len(s), msg: short(s) + " is no UUID", hint: "write it as in 5f7a0e2c-9d0b-4d6e-8a55-0242ac120002 (xl list --long, virsh domuuid)",
	}
}

// indexGuest reports what another guest has as well. A domain's entry without vif stands for those of its vifs that have none of
// their own, so the two do not collide.
func (d *decoder) indexGuest(g *Guest, at map[string]*yaml.Node) {
	index := &d.set.guests
	if g.Interface != "" {
		unique(d, index.interfaces, g.Interface, at["interface"], fmt.Sprintf("interface %q", g.Interface))
	}
	if g.MAC != nil {
		unique(d, index.macs, g.MAC.String(), at["mac"], fmt.Sprintf("MAC address %s", g.MAC))
	}
	if g.Domain != "" {
		what := fmt.Sprintf("domain %q", g.Domain)
		if g.Vif >= 0 {
			what = fmt.Sprintf("vif %d of domain %q", g.Vif, g.Domain)
		}
		unique(d, index.domains, domainVif{g.Domain, g.Vif}, at["domain"], what)
	}
	if g.UUID != "" {
		what := fmt.Sprintf("UUID %s", g.UUID)
		if g.Vif >= 0 {
			what = fmt.Sprintf("vif %d of UUID %s", g.Vif, g.UUID)
		}
		unique(d, index.uuids, domainVif{g.UUID, g.Vif}, at["uuid"], what)
	}
}

// unique notes that key is given at n, and reports it where it was given before.
func unique[K comparable](d *decoder, seen map[K]Pos, key K, n *yaml.Node, what string) bool {
	first, taken := seen[key]
	if !taken {
		seen[key] = d.src.node(n)
		return true
	}
	d.rep.add(Problem{
		Pos: d.src.node(n), Code: codeGuestTwice, Msg: what + " is given twice; it can be one guest's only",
		Related: &Related{Pos: first, Msg: "first given here"},
	})
	return false
}
