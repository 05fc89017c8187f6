package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

const (
	recordSuffix = ".json"
	tempSuffix   = ".tmp"

	// putAttempts bounds how often a Put is begun anew because a sweep took its file in the instant before it was locked.
	putAttempts = 100
)

// Journal is an open state folder.
type Journal struct {
	vifs  *os.Root
	put   *os.File // the folder of vifs, for Put
	locks *os.Root
	boot  string
}

// Open opens the state folder dir, making it (0700, with its parents) where it is missing, and sweeps away
// what killed writers left half written. It refuses a folder that is not ours or that others can write, since records say
// what to undo as root.
func Open(dir string) (*Journal, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return nil, fmt.Errorf("read the boot id: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the state folder: %w", err)
	}
	state, err := openFolder(dir, os.OpenRoot)
	if err != nil {
		return nil, err
	}
	defer state.Close()
	vifs, err := openSub(state, "vifs")
	if err != nil {
		return nil, err
	}
	locks, err := openSub(state, "locks")
	if err != nil {
		return nil, errors.Join(err, vifs.Close())
	}
	put, err := vifs.Open(".")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the state folder: %w", err), vifs.Close(), locks.Close())
	}
	j := &Journal{vifs: vifs, put: put, locks: locks, boot: strings.TrimSpace(string(boot))}
	if err := j.sweep(); err != nil {
		return nil, errors.Join(fmt.Errorf("sweep %s: %w", dir, err), j.Close())
	}
	return j, nil
}

// Close gives the folder's descriptors back. Locks that are held stay held.
func (j *Journal) Close() error {
	return errors.Join(j.vifs.Close(), j.put.Close(), j.locks.Close())
}

func openSub(state *os.Root, name string) (*os.Root, error) {
	if err := state.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make %s in the state folder: %w", name, err)
	}
	return openFolder(name, state.OpenRoot)
}

// openFolder opens a folder and then checks what it opened, so that nothing can be put in its place between.
func openFolder(name string, open func(string) (*os.Root, error)) (*os.Root, error) {
	root, err := open(name)
	if err != nil {
		return nil, fmt.Errorf("open the state folder: %w", err)
	}
	info, err := root.Stat(".")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("look at the state folder: %w", err), root.Close())
	}
	if err := checkFolder(root.Name(), info, os.Geteuid()); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return root, nil
}

func checkFolder(name string, info fs.FileInfo, euid int) error {
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("others can write to the state folder %s (mode %04o): make it 0700", name, info.Mode().Perm())
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; int(owner) != euid {
		return fmt.Errorf("the state folder %s belongs to uid %d, not to uid %d that vifd runs as", name, owner, euid)
	}
	return nil
}

// Put writes the record of vif r.Ifindex, replacing the one before in one step.
//
// Nothing is synced to a disk, on purpose: what rename has made visible lies in the page cache, which outlives the process
// however it is killed, and every process reads it from there. A sync would only help against the loss of the kernel
// itself, and with it everything that the record is about is gone too.
func (j *Journal) Put(r Record) error {
	if r.Ifindex <= 0 {
		return fmt.Errorf("put a record of %q: %d is no ifindex", r.Interface, r.Ifindex)
	}
	r.Version, r.Boot = Version, j.boot
	data, err := encode(&r)
	if err != nil {
		return fmt.Errorf("put the record of ifindex %d: %w", r.Ifindex, err)
	}
	if err := j.replaceAlways(recordName(r.Ifindex), data); err != nil {
		return fmt.Errorf("put the record of ifindex %d: %w", r.Ifindex, err)
	}
	return nil
}

// Get reads the record of one vif. errors.Is(err, fs.ErrNotExist) where there is none; a *DamagedError where it is unusable.
func (j *Journal) Get(ifindex int) (Record, error) {
	r, err := j.read(recordName(ifindex), ifindex)
	if errors.Is(err, errOtherBoot) {
		err = fs.ErrNotExist
	}
	if err != nil {
		return Record{}, fmt.Errorf("read the record of ifindex %d: %w", ifindex, err)
	}
	return r, nil
}

// Delete removes the record of one vif, damaged or not. It is no error if there is none.
func (j *Journal) Delete(ifindex int) error {
	if err := j.vifs.Remove(recordName(ifindex)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete the record of ifindex %d: %w", ifindex, err)
	}
	return nil
}

// List returns every good record, by ifindex. A file that is not one does not hide the others: the error joins a
// *DamagedError for each, beside the records. Only when the folder itself cannot be read are there no records.
func (j *Journal) List() ([]Record, error) {
	entries, err := fs.ReadDir(j.vifs.FS(), ".")
	if err != nil {
		return nil, fmt.Errorf("list records: %w", err)
	}
	records := make([]Record, 0, len(entries))
	var damaged []error
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasSuffix(name, tempSuffix) || name == hostName {
			continue // being written at this moment, or no vif's
		}
		ifindex, ok := parseName(name)
		if !ok || !entry.Type().IsRegular() {
			damaged = append(damaged, &DamagedError{File: "vifs/" + name, Ifindex: ifindex, Err: errors.New("not a record's file")})
			continue
		}
		r, err := j.read(name, ifindex)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, errOtherBoot): // deleted since the folder was read, or void
		case err != nil:
			damaged = append(damaged, err)
		default:
			records = append(records, r)
		}
	}
	slices.SortFunc(records, func(a, b Record) int { return a.Ifindex - b.Ifindex })
	return records, errors.Join(damaged...)
}

// read reads one record; any error but fs.ErrNotExist is a *DamagedError.
func (j *Journal) read(name string, ifindex int) (Record, error) {
	f, err := j.vifs.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return Record{}, err
	}
	var r Record
	if err == nil {
		defer f.Close()
		var data []byte
		if data, err = io.ReadAll(io.LimitReader(f, maxRecord+2)); err == nil {
			r, err = decode(data, ifindex, j.boot)
		}
	}
	if err != nil {
		return Record{}, &DamagedError{File: "vifs/" + name, Ifindex: ifindex, Err: err}
	}
	return r, nil
}

func recordName(ifindex int) string { return strconv.Itoa(ifindex) + recordSuffix }

// parseName returns the ifindex in a record's file name; false means that vifd gives no such name.
func parseName(name string) (int, bool) {
	digits, ok := strings.CutSuffix(name, recordSuffix)
	ifindex, err := strconv.Atoi(digits)
	if !ok || err != nil || ifindex <= 0 || recordName(ifindex) != name {
		return 0, false
	}
	return ifindex, true
}
