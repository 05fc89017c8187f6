package uevent

import (
	"fmt"
	"strconv"

	udev "github.com/pilebones/go-udev/netlink"

	"vifd/internal/vif"
)

// newEvent makes our event of the library's. Interface and Ifindex are checked, for names become paths and numbers identities:
// an event of the subsystem net must name an interface, others may.
func newEvent(u udev.UEvent) (vif.Event, error) {
	e := vif.Event{
		Action:     string(u.Action),
		Subsystem:  u.Env["SUBSYSTEM"],
		Devpath:    u.KObj,
		DevpathOld: u.Env["DEVPATH_OLD"],
		Interface:  u.Env["INTERFACE"],
		Env:        u.Env,
	}
	if e.Subsystem == "xen-backend" && e.Interface == "" {
		e.Interface = e.Env["vif"] // netback_uevent in drivers/net/xen-netback/xenbus.c: the name at that time
	}
	if e.Interface != "" || e.Subsystem == "net" {
		if err := vif.CheckName(e.Interface); err != nil {
			return vif.Event{}, err
		}
	}
	if text, ok := e.Env["IFINDEX"]; ok {
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil || n <= 0 {
			return vif.Event{}, fmt.Errorf("IFINDEX %q is not a number above 0", text)
		}
		e.Ifindex = int(n)
	}
	return e, nil
}
