package takeover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// version is that of the records.
const version = 1

// Phases of a record.
const (
	phaseStarting = "starting" // changes are being made: to be put back
	phaseTrying   = "trying"   // all made, to be put back at the deadline
	phaseStarted  = "started"  // to stay
	phaseStopping = "stopping" // being put back
)

// record is what is on disk of one take-over.
type record struct {
	Version  int           `json:"version"`
	ID       string        `json:"id"`   // of this take-over
	Boot     string        `json:"boot"` // of the kernel it is about
	Network  string        `json:"network"`
	Bridge   string        `json:"bridge"`
	MTU      int           `json:"mtu,omitempty"`
	Phase    string        `json:"phase"`
	Step     int           `json:"step"` // how many steps are done
	Deadline time.Duration `json:"deadline,omitempty"`
	Until    time.Time     `json:"until,omitzero"` // the deadline on the clock, for people
	Error    string        `json:"error,omitempty"`
	Snapshot *Snapshot     `json:"snapshot"`
}

// store is the folder of records.
type store struct {
	dir  string
	boot string
}

const suffix = ".json"

// openStore opens the folder, making it where it is missing. It refuses one that others can write to: records say what to
// do as root.
func openStore(dir, proc string) (*store, error) {
	boot, err := os.ReadFile(filepath.Join(proc, "sys/kernel/random/boot_id"))
	if err != nil {
		return nil, fmt.Errorf("read the boot id: %w", err)
	}
	if err := makeFolder(dir); err != nil {
		return nil, fmt.Errorf("make the folder of snapshots: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("look at the folder of snapshots: %w", err)
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; info.Mode().Perm()&0o022 != 0 || int(owner) != os.Geteuid() {
		return nil, fmt.Errorf("others can write to the folder of snapshots %s (uid %d, mode %04o): make it yours, 0700", dir, owner, info.Mode().Perm())
	}
	return &store{dir: dir, boot: strings.TrimSpace(string(boot))}, nil
}

// makeFolder makes a folder, and those above it, each of them on disk before the next.
func makeFolder(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(dir)
	if err := makeFolder(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(parent)
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// put writes a record: when it returns the record is on disk, and at any moment the one or the other is.
func (s *store) put(r *record) error {
	data, err := json.MarshalIndent(r, "", " ")
	if err == nil {
		err = s.replace(r.Network+suffix, append(data, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write the record of %s: %w", r.Network, err)
	}
	return nil
}

func (s *store) replace(name string, data []byte) error {
	temp := filepath.Join(s.dir, "."+name) // one writer, who holds the lock
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	if err := os.Rename(temp, filepath.Join(s.dir, name)); err != nil {
		return err
	}
	return syncFolder(s.dir)
}

// get reads a record: nil where there is none.
func (s *store) get(network string) (*record, error) {
	data, err := os.ReadFile(filepath.Join(s.dir, network+suffix))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	r := new(record)
	if err == nil {
		err = json.Unmarshal(data, r)
	}
	switch {
	case err != nil:
	case r.Version != version:
		err = fmt.Errorf("version %d, this vifd reads %d", r.Version, version)
	case r.Network != network || r.Snapshot == nil:
		err = errors.New("not a record of this network")
	}
	if err != nil {
		return nil, fmt.Errorf("read the record of %s in %s: %w", network, s.dir, err)
	}
	return r, nil
}

// void reports a record of another boot.
func (s *store) void(r *record) bool { return r.Boot != s.boot }

// remove forgets a record, on disk.
func (s *store) remove(network string) error {
	err := os.Remove(filepath.Join(s.dir, network+suffix))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = syncFolder(s.dir)
	}
	if err != nil {
		return fmt.Errorf("remove the record of %s: %w", network, err)
	}
	return nil
}

// networks are the names of all records.
func (s *store) networks() ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("list the records: %w", err)
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), suffix); ok && !strings.HasPrefix(name, ".") {
			names = append(names, name)
		}
	}
	return names, nil
}

// lock waits until no other process holds the lock of that name, or the context ends. It ends with the process.
func (s *store) lock(ctx context.Context, name string) (unlock func(), err error) {
	for {
		unlock, err := s.tryLock(name)
		if unlock != nil || err != nil {
			return unlock, err
		}
		if err := pause(ctx, pollEvery); err != nil {
			return nil, fmt.Errorf("wait for another vifd network to end: %w", err)
		}
	}
}

// tryLock returns nil where another process holds the lock.
func (s *store) tryLock(name string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(s.dir, name+".lock"), os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = nil
		}
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil
}

// newID tells one take-over of a network from the next.
func newID(now time.Duration) string { return strconv.FormatInt(int64(now), 36) }
