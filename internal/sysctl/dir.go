package sysctl

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrNotFound says that there is no such setting: its interface has gone, or the kernel lacks what it is about.
var ErrNotFound = errors.New("no such setting")

// root is where the kernel shows the network's settings.
const root = "/proc/sys/net"

// maxValue is more than any setting under net holds, in bytes.
const maxValue = 4096

// Dir is the settings of one network namespace.
type Dir struct {
	folders map[string]*os.File // what is directly below net: ipv4, ipv6, core, …
}

// Open finds the settings of the calling thread's network namespace.
//
// It is the folders below net that are a namespace's own; net itself shows whoever looks the folders of his own.
func Open() (*Dir, error) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, fmt.Errorf("open network settings: %w", err)
	}
	d := &Dir{folders: make(map[string]*os.File)}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		fd, err := unix.Open(path.Join(root, e.Name()), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open network settings %s: %w", e.Name(), err), d.Close())
		}
		d.folders[e.Name()] = os.NewFile(uintptr(fd), path.Join(root, e.Name()))
	}
	return d, nil
}

// Close releases the Dir, once no call is under way. Calls made after it fail.
func (d *Dir) Close() error {
	var errs []error
	for _, f := range d.folders {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// Get reads a setting, without the newline at its end.
func (d *Dir) Get(name Name) (string, error) {
	value, err := d.get(name)
	if err != nil {
		return "", fmt.Errorf("read %v: %w", name, err)
	}
	return value, nil
}

func (d *Dir) get(name Name) (string, error) {
	f, err := d.open(name, unix.O_RDONLY)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // nothing was written
	return read(f)
}

// Set sets a setting and returns what it was. still, where it is not nil, is asked between opening and reading, and its error ends
// the call: it is to tell whether the interface that is named still bears that name.
func (d *Dir) Set(name Name, value string, still func() error) (old string, err error) {
	if old, err = d.set(name, value, still); err != nil {
		return "", fmt.Errorf("set %v to %s: %w", name, value, err)
	}
	return old, nil
}

func (d *Dir) set(name Name, value string, still func() error) (old string, err error) {
	f, err := d.open(name, unix.O_RDWR)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if still != nil {
		if err := still(); err != nil {
			return "", err
		}
	}
	if old, err = read(f); err != nil {
		return "", err
	}
	// From the start: the kernel takes a value in one piece there and nowhere else (sysctl_writes_strict).
	if _, err = f.WriteAt([]byte(value), 0); err != nil {
		return "", sentinel(err)
	}
	return old, nil
}

// List names what is in a folder: List("ipv4", "conf") the interfaces, with all and default.
func (d *Dir) List(folder ...string) ([]string, error) {
	f, err := d.open(folder, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, fmt.Errorf("list %v: %w", Name(folder), err)
	}
	defer func() { _ = f.Close() }() // nothing was written
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list %v: %w", Name(folder), sentinel(err))
	}
	slices.Sort(names)
	return names, nil
}

func (d *Dir) open(name Name, flags int) (*os.File, error) {
	if !name.valid() {
		return nil, fmt.Errorf("%w: not a name", unix.EINVAL)
	}
	folder, ok := d.folders[name[0]]
	if !ok {
		return nil, ErrNotFound
	}
	raw, err := folder.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	// Not by folder.Fd(): the descriptor must not be closed meanwhile.
	if cerr := raw.Control(func(dir uintptr) {
		fd, err = unix.Openat(int(dir), path.Join(name[1:]...), flags|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	}); cerr != nil {
		return nil, cerr
	}
	if err != nil {
		return nil, sentinel(err)
	}
	return os.NewFile(uintptr(fd), name.String()), nil
}

// read reads a value from the start.
func read(f *os.File) (string, error) {
	var b [maxValue]byte
	n, err := unix.Pread(int(f.Fd()), b[:], 0)
	if err != nil {
		return "", sentinel(err)
	}
	return strings.TrimSuffix(string(b[:n]), "\n"), nil
}

// sentinel adds ErrNotFound to what the kernel says of what is not there.
func sentinel(err error) error {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	return err
}
