package xen

import (
	"slices"
	"strings"
)

// Backends is the folder of all network backends of the domain that asks, to be watched.
const Backends = "backend/vif"

// Watched takes the path of a watch's event apart: a device and the key of its folder, which is empty where the folder itself came
// or went, or that of all its domain's. all says that the path is above every domain: anything may have changed.
func Watched(path string) (d Device, key string, all bool) {
	at := strings.Index(path, Backends)
	if at < 0 {
		return Device{}, "", true
	}
	parts := strings.SplitN(strings.Trim(path[at+len(Backends):], "/"), "/", 3)
	switch {
	case parts[0] == "":
		return Device{}, "", true
	case len(parts) == 1: // a domain's first or last vif: of the others of the host it says nothing
		return Device{}, "", false
	}
	d, err := ParsePath(Backends + "/" + parts[0] + "/" + parts[1])
	if err != nil {
		return Device{}, "", false
	}
	if len(parts) == 3 {
		key = parts[2]
	}
	return d, key, false
}

// configuring are the keys that a toolstack configures a vif by, while a guest runs as well, and the one that comes with every folder:
// a tap may be there before it. The others are those by which backend and frontend find each other, and change all the time.
var configuring = []string{keyFrontend, "mac", "ip", "bridge", "script", "type", "mtu", "rate", "vlan", "gatewaydev"}

// Configures reports whether a key says how a vif is to be connected.
func Configures(key string) bool { return slices.Contains(configuring, key) }
