package plan

// needs are what an nwfilter of libvirt's asks of the guest.
type needs int

const (
	nothing needs = iota
	ipv4
	ipv6
	server  // DHCPSERVER
	gateway // GATEWAY_MAC
)

// shipped is one of libvirt's own nwfilters.
type shipped struct {
	template string
	needs    needs
	stage    int // guards first, then what is let through, then what closes
	with     []Argument
}

const (
	guarding = iota
	allowing
	closing
)

// filters are libvirt's own nwfilters, by name (src/nwfilter/xml). no-other-l2-traffic closes everything, unlike no-other-l2; the
// two that are called after DHCP servers are about clients who may be answered by one.
var filters = map[string]shipped{
	"allow-arp":               {template: "allow-arp", stage: allowing},
	"allow-dhcp":              {template: "allow-dhcp", stage: allowing},
	"allow-dhcp-server":       {template: "allow-dhcp", needs: server, stage: allowing},
	"allow-dhcpv6":            {template: "allow-dhcp6", stage: allowing},
	"allow-dhcpv6-server":     {template: "allow-dhcp6", needs: server, stage: allowing},
	"allow-incoming-ipv4":     {template: "allow-ipv4", stage: allowing, with: []Argument{{Name: "outgoing", Values: []string{"false"}, Bool: true}}},
	"allow-incoming-ipv6":     {template: "allow-ipv6", stage: allowing, with: []Argument{{Name: "outgoing", Values: []string{"false"}, Bool: true}}},
	"allow-ipv4":              {template: "allow-ipv4", stage: allowing},
	"allow-ipv6":              {template: "allow-ipv6", stage: allowing},
	"clean-traffic":           {template: "clean-traffic", needs: ipv4},
	"clean-traffic-gateway":   {template: "clean-traffic-gateway", needs: gateway},
	"no-arp-ip-spoofing":      {template: "no-arp-spoofing", needs: ipv4},
	"no-arp-mac-spoofing":     {template: "no-arp-spoofing", needs: ipv4},
	"no-arp-spoofing":         {template: "no-arp-spoofing", needs: ipv4},
	"no-ip-multicast":         {template: "no-ip-multicast"},
	"no-ip-spoofing":          {template: "no-ip-spoofing", needs: ipv4},
	"no-ipv6-multicast":       {template: "no-ip6-multicast"},
	"no-ipv6-spoofing":        {template: "no-ip6-spoofing", needs: ipv6},
	"no-mac-broadcast":        {template: "no-mac-broadcast"},
	"no-mac-spoofing":         {template: "no-mac-spoofing"},
	"no-other-l2-traffic":     {template: "no-other-traffic", stage: closing},
	"no-other-rarp-traffic":   {template: "no-arp-spoofing", needs: ipv4},
	"qemu-announce-self":      {template: "announce-self", stage: allowing},
	"qemu-announce-self-rarp": {template: "announce-self", stage: allowing},
}

// Filters are the names of the nwfilters that have a counterpart, and of what that is.
func Filters() map[string]string {
	names := map[string]string{}
	for name, f := range filters {
		names[name] = f.template
	}
	return names
}

// cleanParts are those parts of clean-traffic that hold without the guest's addresses.
func cleanParts() []Template {
	return []Template{
		{Name: "no-mac-spoofing"},
		{Name: "ethertypes", With: []Argument{{Name: "types", Values: []string{"0x0800", "0x0806", "0x8035"}}}},
		{Name: "no-bpdu"},
		{Name: "no-dhcp-server"},
	}
}
