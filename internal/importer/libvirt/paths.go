package libvirt

import (
	"strings"
)

// paths say what becomes of each element and attribute of an interface. One without function is the guest's hardware, or says how
// its host's side is made, which stay libvirt's.
var paths = map[string]func(r *reader, e *element, value string){
	"@type":                  func(r *reader, _ *element, value string) { r.kind = value },
	"@managed":               nil,
	"@trustGuestRxFilters":   nil,
	"mac/@address":           (*reader).mac,
	"mac/@type":              nil,
	"mac/@check":             nil,
	"mac/@currentAddress":    nil,
	"source/@bridge":         nil, // read by connect
	"source/@network":        nil,
	"source/@portgroup":      nil,
	"source/@portid":         nil,
	"source/@dev":            nil,
	"source/@mode":           nil,
	"target/@dev":            (*reader).target,
	"target/@managed":        nil,
	"model/@type":            nil,
	"script/@path":           nil,
	"virtualport/@type":      (*reader).virtualport,
	"virtualport/parameters": nil, // noted with its type
	"vlan/@trunk":            nil, // read by vlan
	"vlan/tag/@id":           nil,
	"vlan/tag/@nativeMode":   nil,
	"vlan":                   (*reader).vlan,
	"bandwidth":              nil,
	"bandwidth/inbound":      func(r *reader, e *element, _ string) { r.vif.To = r.bandwidth(e) },
	"bandwidth/outbound":     func(r *reader, e *element, _ string) { r.vif.From = r.bandwidth(e) },
	"bandwidth/*/@average":   nil,
	"bandwidth/*/@burst":     nil,
	"bandwidth/*/@peak":      lost("vifd has one limit, the average", ""),
	"bandwidth/*/@floor":     lost("vifd promises no guest its share", ""),
	"filterref":              (*reader).filterref,
	"filterref/@filter":      nil,
	"filterref/parameter":    nil, // read by filterref
	"mtu/@size":              (*reader).mtu,
	"link/@state":            (*reader).link,
	"port/@isolated": func(r *reader, _ *element, value string) {
		r.vif.Isolated, r.vif.Joined = value == "yes", value == "no"
	},
	"ip":                       (*reader).ip,
	"ip/@*":                    nil,
	"route":                    lost("routes inside of a guest are not vifd's", "configure them in the guest"),
	"route/@*":                 nil,
	"source/ip":                lost("addresses of the host's side are not those of a port", "a rule of kind route has address"),
	"source/ip/@*":             nil,
	"source/route":             lost("routes on the host's side are not vifd's", ""),
	"source/route/@*":          nil,
	"driver":                   nil,
	"driver/*":                 nil,
	"address":                  nil,
	"address/*":                nil,
	"alias":                    nil,
	"alias/*":                  nil,
	"boot":                     nil,
	"boot/*":                   nil,
	"rom":                      nil,
	"rom/*":                    nil,
	"guest":                    nil,
	"guest/*":                  nil,
	"acpi":                     nil,
	"acpi/*":                   nil,
	"backend":                  nil,
	"backend/*":                nil,
	"tune":                     nil,
	"tune/*":                   nil,
	"coalesce":                 lost("it is not among the offloads that vifd sets", "set it with ethtool -C"),
	"coalesce/*":               nil,
	"teaming":                  nil,
	"teaming/*":                nil,
	"downscript":               lost("vifd takes everything back by itself", ""),
	"downscript/*":             nil,
	"backenddomain":            lost("the vif is in that domain, not here", "run vifd there, and import the file there as well"),
	"backenddomain/*":          nil,
	"mac":                      nil,
	"source":                   nil,
	"target":                   nil,
	"model":                    nil,
	"script":                   nil,
	"virtualport":              nil,
	"virtualport/parameters/*": nil,
	"filterref/parameter/*":    nil,
	"vlan/tag":                 nil,
	"mtu":                      nil,
	"link":                     nil,
	"port":                     nil,
}

// Keys are the elements and attributes of an interface that are known; a * stands for whatever is within.
func Keys() []string { return names(paths) }

// lost notes what has no counterpart.
func lost(why, do string) func(*reader, *element, string) {
	return func(r *reader, e *element, _ string) { r.in.Lose(e.pos, r.path, why, do) }
}

// lookup finds what becomes of a path: as it is, or by the * that stands for its last part, or for the one before it.
func lookup(path string) (func(*reader, *element, string), bool) {
	parts := strings.Split(path, "/")
	last := len(parts) - 1
	tries := []string{path}
	for i := last; i > 0; i-- {
		tries = append(tries, strings.Join(parts[:i], "/")+"/*")
		if i == last && strings.HasPrefix(parts[i], "@") {
			tries = append(tries, strings.Join(parts[:i], "/")+"/@*")
		}
	}
	if last == 2 {
		tries = append(tries, parts[0]+"/*/"+parts[2])
	}
	for _, t := range tries {
		if f, ok := paths[t]; ok {
			return f, true
		}
	}
	return nil, false
}
