package xen

import (
	"fmt"
	"strconv"
	"strings"

	"vifd/internal/vif"
)

// Device is one network device of a guest, as its backend knows it.
type Device struct {
	// Path is the backend's folder in xenstore. One that does not begin with a slash is of the domain that asks, dom0 or a driver
	// domain, which is what libxl and the kernel give: backend/vif/3/1.
	Path  string `json:"path"`
	Domid int    `json:"domid"` // the guest's
	Vifid int    `json:"vifid"` // Xen calls it the handle, or devid
}

// DeviceOf is the device of an interface that has its name from the kernel, or from libxl for the tap of an emulated card.
func DeviceOf(name vif.XenName) Device {
	return Device{Path: fmt.Sprintf("backend/vif/%d/%d", name.Domid, name.Vifid), Domid: name.Domid, Vifid: name.Vifid}
}

// ParsePath takes a backend's folder apart: backend/vif/<domid>/<vifid>, alone or below /local/domain/<domid of the backend>.
func ParsePath(path string) (Device, error) {
	refuse := func(why string) (Device, error) {
		return Device{}, fmt.Errorf("%q is not the xenstore folder of a network backend (backend/vif/<domid>/<vifid>): %s", path, why)
	}
	rest := path
	if absolute, ok := strings.CutPrefix(path, "/local/domain/"); ok {
		owner, below, _ := strings.Cut(absolute, "/")
		if n, ok := number(owner); !ok || n > vif.MaxDomid {
			return refuse("the backend's domain is not a number of one")
		}
		rest = below
	}
	numbers, ok := strings.CutPrefix(rest, "backend/vif/")
	if !ok {
		return refuse("it leads elsewhere")
	}
	left, right, ok := strings.Cut(numbers, "/")
	domid, first := number(left)
	vifid, second := number(right)
	switch {
	case !ok || !first || !second:
		return refuse("it does not end in two numbers")
	case domid > vif.MaxDomid:
		return refuse(fmt.Sprintf("domains have numbers up to %d", vif.MaxDomid))
	}
	return Device{Path: path, Domid: domid, Vifid: vifid}, nil
}

// Interface is the name that the kernel gives the device's interface.
func (d Device) Interface() string { return fmt.Sprintf("vif%d.%d", d.Domid, d.Vifid) }

// Same reports whether two devices are one, whichever way their paths are written.
func (d Device) Same(other Device) bool { return d.Domid == other.Domid && d.Vifid == other.Vifid }

// frontend is the guest's folder of the device. It is made of numbers: of what a guest or a custom name says, nothing leads here.
func (d Device) frontend() string {
	return fmt.Sprintf("/local/domain/%d/device/vif/%d", d.Domid, d.Vifid)
}

// key is a key of the backend's folder.
func (d Device) key(name string) string { return d.Path + "/" + name }

// number reads a decimal number without sign and leading zeros, so that every device has one spelling.
func number(s string) (int, bool) {
	n, err := strconv.ParseInt(s, 10, 32)
	return int(n), err == nil && strconv.FormatInt(n, 10) == s && n >= 0
}
