package ctl

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	socketName = "vifd.sock"
	lockName   = "listen.lock"

	// maxSocketPath is the room in sockaddr_un.sun_path, less the closing NUL (unix(7)).
	maxSocketPath = 107
)

// ErrListening says that another vifd listens in the same state folder.
var ErrListening = errors.New("another vifd listens")

// listen takes the state folder's lock and then its socket. The folder must exist and be writable by us alone
// (journal.Open sees to both).
func listen(ctx context.Context, dir string) (*net.UnixListener, *os.File, error) {
	path := filepath.Join(dir, socketName)
	if len(path) > maxSocketPath {
		return nil, nil, fmt.Errorf("the socket's path %s has %d bytes; the kernel takes at most %d: use a shorter state folder", path, len(path), maxSocketPath)
	}
	lock, err := takeLock(filepath.Join(dir, lockName), path)
	if err != nil {
		return nil, nil, err
	}
	// With the lock held, a socket that is there is a dead listener's.
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, errors.Join(fmt.Errorf("remove the socket of a dead listener: %w", err), lock.Close())
	}
	config := net.ListenConfig{Control: privateSocket}
	l, err := config.Listen(ctx, "unix", path)
	if err != nil {
		return nil, nil, errors.Join(err, lock.Close())
	}
	return l.(*net.UnixListener), lock, nil
}

// privateSocket sets the mode of a Unix socket before it is bound, so that its file never has another: unix_bind
// (net/unix/af_unix.c) makes the file with the mode of the socket's own inode, less the umask, which is the whole process's
// and so not ours to change.
func privateSocket(_, _ string, conn syscall.RawConn) error {
	var chmodErr error
	err := conn.Control(func(fd uintptr) { chmodErr = unix.Fchmod(int(fd), 0o600) })
	return errors.Join(err, chmodErr)
}

// takeLock takes the lock that says who listens. It is the kernel's (flock(2)) and ends with its process, so unlike a probe
// of the socket it cannot be fooled by a listener that is busy, starting or stopping. The file itself stays.
func takeLock(name, socket string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the listener's lock: %w", err)
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		who := make([]byte, 16)
		n, _ := f.ReadAt(who, 0) // what it holds is for people only
		err = fmt.Errorf("%w on %s (pid %s)", ErrListening, socket, strings.TrimSpace(string(who[:n])))
	case err != nil:
		err = fmt.Errorf("take the listener's lock: %w", err)
	default:
		pid := strconv.AppendInt(nil, int64(os.Getpid()), 10)
		if err = f.Truncate(0); err == nil {
			_, err = f.WriteAt(append(pid, '\n'), 0)
		}
		if err == nil {
			return f, nil
		}
		err = fmt.Errorf("write the listener's lock: %w", err)
	}
	return nil, errors.Join(err, f.Close())
}
