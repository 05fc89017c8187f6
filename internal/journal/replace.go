package journal

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// replace writes data to a file of its own, locked for as long as it has its temporary name (see sweep), and renames it.
//
// It makes the five system calls that takes and no other: this is done twice for every guest that comes, and os.Root and
// os.File would make thrice as many. Neither name can lead out of the folder, for both are made here of digits and letters.
func (j *Journal) replace(name string, data []byte) error {
	temp := strconv.FormatUint(rand.Uint64(), 36) + tempSuffix
	raw, err := j.put.SyscallConn()
	if err != nil {
		return err
	}
	if cerr := raw.Control(func(dir uintptr) { err = replaceAt(int(dir), temp, name, data) }); cerr != nil {
		return cerr // closed
	}
	return err
}

// replaceAlways is replace, also while other processes open the journal.
func (j *Journal) replaceAlways(name string, data []byte) (err error) {
	for range putAttempts {
		// ErrNotExist: a process that opened the journal swept the file between its creation and its lock.
		if err = j.replace(name, data); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return err
}

func replaceAt(dir int, temp, name string, data []byte) error {
	fd, err := retry(func() (int, error) {
		return unix.Openat(dir, temp, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	})
	if err != nil {
		return &fs.PathError{Op: "openat", Path: temp, Err: err}
	}
	defer unix.Close(fd) // a close cannot fail a record that is complete: the page cache has it
	op := "flock"
	if _, err = retry(func() (int, error) { return 0, unix.Flock(fd, unix.LOCK_EX) }); err == nil {
		op, err = "write", writeAll(fd, data)
	}
	if err == nil {
		op, err = "renameat", unix.Renameat(dir, temp, dir, name)
	}
	if err != nil {
		_ = unix.Unlinkat(dir, temp, 0) // what stays is swept by the next Open
		return &fs.PathError{Op: op, Path: temp, Err: err}
	}
	return nil
}

func writeAll(fd int, data []byte) error {
	for len(data) > 0 {
		n, err := retry(func() (int, error) { return unix.Write(fd, data) })
		if err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// retry begins call anew when a signal (the Go scheduler's own included) breaks it.
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// flock is flock(2) on f.
func flock(f *os.File, how int) error {
	_, err := retry(func() (int, error) { return 0, unix.Flock(int(f.Fd()), how) })
	return err
}
