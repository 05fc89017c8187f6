package xen

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"vifd/internal/vif"
)

// The commands that hotplug scripts are called with: for the vif, and for the tap of an emulated card.
const (
	Online  = "online"
	Offline = "offline"
	Add     = "add"
	Remove  = "remove"
)

// Commands are all of them.
func Commands() []string { return []string{Online, Offline, Add, Remove} }

// Scripts are the names of Xen's scripts that a hotplug program can stand in for, and vifd's own.
func Scripts() []string { return []string{"vif-bridge", "vif-route", "vif-nat", "vif-vifd"} }

// Call is one call of a hotplug program, as libxl, `xl devd`, xend and udev make it.
type Call struct {
	Command string
	Tap     bool   // about the emulated card's tap
	As      string // the script's name that the program was called by; empty: none of Scripts
	Device  Device
	// Interface is what the caller calls the interface: the kernel's or QEMU's name for it, or after a rename the new one.
	Interface string
	Nothing   bool // this call is not for a program that deals with this kind of device: it is done at once
	ByUdev    bool // udev called, which Xen 4.2 to 4.5 could switch off (libxl/disable_udev)
}

// Up reports whether the device comes; else it goes.
func (c *Call) Up() bool { return c.Command == Online || c.Command == Add }

// A UsageError says that the program was not called as a hotplug program is.
type UsageError struct{ Reason string }

func (e *UsageError) Error() string { return e.Reason }

// ParseCall reads a call: program is what it was called by (argv[0]), args what follows, environ the environment in os.Environ's
// form. A command that is none is a *UsageError; everything else that is wrong with a call is an error about the device.
// Of args, type_if=vif|tap counts, and the variables that Xen's scripts take from there before the environment; of what they let
// be set besides (ip=, bridge=, …) nothing does: rules say that, and the guest's configuration.
func ParseCall(program string, args, environ []string) (Call, error) {
	c := Call{}
	if name := filepath.Base(program); slices.Contains(Scripts(), name) {
		c.As = name
	}
	vars, err := variables(&c, args, environ)
	if err != nil {
		return c, err
	}
	kind := "vif"
	if given := vars["type_if"]; given != "" {
		kind = given
	}
	switch kind {
	case "vif", "tap":
		c.Tap = kind == "tap"
	default:
		return c, &UsageError{fmt.Sprintf("type_if=%s is neither vif nor tap", kind)}
	}
	// libxl calls each program for both, and each deals with its own.
	if c.Nothing = c.Tap == (c.Command == Online || c.Command == Offline); c.Nothing {
		return c, nil
	}
	c.ByUdev = vars["UDEV_CALL"] == "1"
	if c.Tap {
		return c, c.tap(vars)
	}
	return c, c.vif(vars)
}

// variables finds the command among args, and gathers what the call says: arguments go before the environment.
func variables(c *Call, args, environ []string) (map[string]string, error) {
	vars := make(map[string]string)
	for _, list := range [][]string{environ, args} {
		for _, word := range list {
			if key, value, ok := strings.Cut(word, "="); ok {
				vars[key] = value
			}
		}
	}
	var commands []string
	for _, arg := range args {
		if !strings.Contains(arg, "=") {
			commands = append(commands, arg)
		}
	}
	known := strings.Join(Commands(), ", ")
	switch {
	case len(commands) == 0:
		return nil, &UsageError{"no command: it is one of " + known}
	case len(commands) > 1:
		return nil, &UsageError{fmt.Sprintf("%q after the command %q: one command, then NAME=VALUE", commands[1], commands[0])}
	case !slices.Contains(Commands(), commands[0]):
		return nil, &UsageError{fmt.Sprintf("unknown command %q: it is one of %s", commands[0], known)}
	}
	c.Command = commands[0]
	return vars, nil
}

func (c *Call) vif(vars map[string]string) error {
	path := vars["XENBUS_PATH"]
	if path == "" {
		return fmt.Errorf("XENBUS_PATH is not set: libxl and udev say there which device is meant")
	}
	var err error
	if c.Device, err = ParsePath(path); err != nil {
		return fmt.Errorf("XENBUS_PATH: %w", err)
	}
	c.Interface = vars["vif"]
	if c.Interface == "" {
		c.Interface = c.Device.Interface()
	}
	if err := vif.CheckName(c.Interface); err != nil {
		return fmt.Errorf("vif: %w", err)
	}
	return c.agree(false)
}

// tap finds the device of a tap. libxl gives its path, relative to the domain that runs the program, which is right in a driver
// domain as well; udev knows no more than the name.
func (c *Call) tap(vars map[string]string) error {
	c.Interface = vars["INTERFACE"]
	if c.Interface == "" {
		return fmt.Errorf("INTERFACE is not set: libxl and udev say there which tap is meant")
	}
	if err := vif.CheckName(c.Interface); err != nil {
		return fmt.Errorf("INTERFACE: %w", err)
	}
	if path := vars["XENBUS_PATH"]; path != "" {
		var err error
		if c.Device, err = ParsePath(path); err != nil {
			return fmt.Errorf("XENBUS_PATH: %w", err)
		}
		return c.agree(true)
	}
	name, ok := vif.ParseXenName(c.Interface)
	if !ok || !name.Emulated {
		return fmt.Errorf("INTERFACE: %q is not the tap of an emulated card (vif<domid>.<vifid>-emu), and XENBUS_PATH does not say whose it is", c.Interface)
	}
	c.Device = DeviceOf(name)
	return nil
}

// agree refuses a call whose name and path speak of two devices: one of them would be dealt with in the other's name.
func (c *Call) agree(emulated bool) error {
	name, ok := vif.ParseXenName(c.Interface)
	if !ok {
		return nil // a name of the guest's configuration
	}
	if other := DeviceOf(name); !other.Same(c.Device) || name.Emulated != emulated {
		return fmt.Errorf("interface %q and XENBUS_PATH %q are of two devices", c.Interface, c.Device.Path)
	}
	return nil
}
