package uevent

import (
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"vifd/internal/vif"
)

// maxAttr is the longest attribute in bytes: one page, more sysfs does not give (sysfs(5), Documentation/filesystems/sysfs.rst).
const maxAttr = 4096

// Attrs is the source of an interface's facts that stand in sysfs, which is mounted on the folder sysfs ("/sys"):
//
//   - attr.NAME: what the file NAME says, below the interface's folder class/net/IFACE, without the newline at its end;
//     NAME may have slashes, as in attr.statistics/rx_bytes;
//   - driver: the name of the driver that the interface's device is bound to, where it has a device.
//
// What is not there, is no file, or cannot be read at the moment (speed, of a link that is down) is not known. Nothing is
// read before it is asked for, nothing outside sysfs at all, and no file is left open.
func Attrs(sysfs, iface string) vif.Source { return attrs{sysfs, iface} }

type attrs struct{ sysfs, iface string }

// Values implements vif.Source.
func (a attrs) Values(key string) []string {
	name, isAttr := strings.CutPrefix(key, "attr.")
	// No name that leaves its folder: no "..", no empty element, no slash in front.
	if isAttr && !fs.ValidPath(name) || !isAttr && key != "driver" || vif.CheckName(a.iface) != nil {
		return nil
	}
	// The interface's folder is a link to one below devices, and device and driver are links again: they lead upwards, but
	// none that is the kernel's leads out of sysfs, and os.Root follows no other.
	sys, err := os.OpenRoot(a.sysfs)
	if err != nil {
		return nil
	}
	defer func() { _ = sys.Close() }() // it was only read
	var value string
	var ok bool
	if isAttr {
		value, ok = readAttr(sys, a.path(name))
	} else {
		value, ok = readDriver(sys, a.path("device/driver"))
	}
	if !ok {
		return nil
	}
	return []string{value}
}

func (a attrs) path(name string) string { return path.Join("class/net", a.iface, name) }

func readAttr(sys *os.Root, name string) (string, bool) {
	// No attribute can block, but where sysfs is not one a named pipe could.
	f, err := sys.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", false
	}
	defer func() { _ = f.Close() }() // it was only read
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return "", false
	}
	data, err := io.ReadAll(io.LimitReader(f, maxAttr+1))
	if err != nil || len(data) > maxAttr {
		return "", false
	}
	return strings.TrimSuffix(string(data), "\n"), true
}

func readDriver(sys *os.Root, name string) (string, bool) {
	link, err := sys.Readlink(name)
	return path.Base(link), err == nil
}
