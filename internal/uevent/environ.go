package uevent

import (
	"errors"
	"fmt"
	"strings"

	udev "github.com/pilebones/go-udev/netlink"

	"vifd/internal/vif"
)

// FromEnviron makes an event of the environment, in os.Environ's form, that udevd gives a program of RUN= (udev(7)): the
// device's properties. Env gets every variable whose name is in capitals, as properties' names are; udevd's own, PATH and
// the like, are among them. The event must be one of a network interface.
func FromEnviron(environ []string) (vif.Event, error) {
	env := make(map[string]string, len(environ))
	for _, variable := range environ {
		if key, value, ok := strings.Cut(variable, "="); ok && isProperty(key) {
			env[key] = value
		}
	}
	if env["ACTION"] == "" {
		return vif.Event{}, errors.New("the environment holds no udev event: ACTION is not set")
	}
	if s := env["SUBSYSTEM"]; s != "net" {
		return vif.Event{}, fmt.Errorf("the environment's event is not one of a network interface: SUBSYSTEM is %q, not %q", s, "net")
	}
	if env["INTERFACE"] == "" {
		return vif.Event{}, errors.New("the environment's event names no interface: INTERFACE is not set")
	}
	if p := env["DEVPATH"]; p != "" && !strings.HasPrefix(p, "/") {
		return vif.Event{}, fmt.Errorf("the environment's event is of no device: DEVPATH %q does not begin with a slash", p)
	}
	e, err := newEvent(udev.UEvent{Action: udev.KObjAction(env["ACTION"]), KObj: env["DEVPATH"], Env: env})
	if err != nil {
		return vif.Event{}, fmt.Errorf("the environment's event: %w", err)
	}
	return e, nil
}

// isProperty tells whether name is spelled as udev's properties are.
func isProperty(name string) bool {
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'A' && c <= 'Z', c == '_':
		case c >= '0' && c <= '9' && i > 0:
		default:
			return false
		}
	}
	return name != ""
}
