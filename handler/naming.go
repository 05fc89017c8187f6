package handler

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"vifd/internal/rtnl"
	"vifd/internal/vif"
	"vifd/internal/xen"
)

// nameWanted is the name that the guest's configuration gives the interface; false where it has it, or gives none.
func nameWanted(l *rtnl.Link, x *xen.Facts, state *xenState) (string, bool, error) {
	if x == nil || state.Offline {
		return "", false, nil
	}
	if _, kernels := vif.ParseXenName(l.Name); !kernels {
		return "", false, nil // it has been renamed, be it by us
	}
	name, ok := x.Name()
	if !ok {
		return "", false, nil
	}
	if err := fits(name, state.Emulated || slices.Contains(x.Values("type"), typeEmulated)); err != nil {
		return "", false, fmt.Errorf("vifname: %w", err)
	}
	if state.Emulated {
		name += emulatedSuffix
	}
	if name == l.Name {
		return "", false, nil
	}
	if _, kernels := vif.ParseXenName(name); kernels {
		return "", false, fmt.Errorf("vifname: %q is what another guest's interface is called, or will be: give it a name of its own", name)
	}
	return name, true, nil
}

// typeEmulated is what libxl writes as the type of a card that QEMU emulates: it has a tap beside the vif.
const typeEmulated = "vif_ioemu"

// fits refuses a name that the interface cannot have, or its tap, before either is renamed: the guest would else come up with half of it.
func fits(name string, tap bool) error {
	if err := cmp.Or(vif.CheckName(name), checkShown(name)); err != nil || !tap || len(name)+len(emulatedSuffix) <= vif.MaxNameLen {
		return err
	}
	return fmt.Errorf("the emulated card's tap would be called %q, which has %d bytes; the kernel takes at most %d: give the vif a name of at most %d bytes",
		name+emulatedSuffix, len(name)+len(emulatedSuffix), vif.MaxNameLen, vif.MaxNameLen-len(emulatedSuffix))
}

// errWent says that an interface went while it was being given its name.
var errWent = errors.New("it went while it was being renamed")

// rename gives the link the name that is wanted, before anything else is done to it. It is by ifindex, so that
// another interface of that name is never touched. The link stays one of that ifindex whatever the error, and with renamed it has the
// new name; errWent: it is there no more.
func rename(conn Links, l *rtnl.Link, name string) (renamed bool, err error) {
	if l.Up() { // kernels before 6.3 rename no link that is up (dev_change_name in net/core/dev.c)
		if err := conn.Set(l.Index, rtnl.Change{Up: new(false)}); err != nil {
			return false, fmt.Errorf("take %s down to rename it to %s: %w", l.Name, name, went(err))
		}
	}
	err = conn.Set(l.Index, rtnl.Change{Name: name})
	if errors.Is(err, rtnl.ErrExists) {
		return false, fmt.Errorf("cannot rename %s to %s (vifname): another interface has that name; it was left alone", l.Name, name)
	}
	if err != nil {
		return false, fmt.Errorf("rename %s to %s (vifname): %w", l.Name, name, went(err))
	}
	l.Name = name
	now, err := conn.LinkByIndex(l.Index)
	if err != nil {
		return true, fmt.Errorf("read %s, just renamed: %w", name, went(err))
	}
	*l = now
	return true, nil
}

// went is the error of a request about a link: errWent where there is no such link any more.
func went(err error) error {
	if errors.Is(err, rtnl.ErrNotFound) {
		return errWent
	}
	return err
}
