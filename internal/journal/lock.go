package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// How often a lock that another holds is asked for. flock(2) cannot be given up once it waits, so Lock asks instead of waiting.
const (
	lockPollMin = 500 * time.Microsecond
	lockPollMax = 20 * time.Millisecond
)

// Lock waits until the caller alone works on vif ifindex, among all goroutines and processes that lock it, or until ctx
// ends. Call unlock once. The lock is the kernel's (flock(2)): it ends with its process, and a lock file left behind by a
// kill means nothing. It is made for processes: goroutines that share memory need a mutex besides, since Go's memory model
// knows nothing of it.
func (j *Journal) Lock(ctx context.Context, ifindex int) (unlock func(), err error) {
	name := strconv.Itoa(ifindex)
	for wait := lockPollMin; ; wait = min(2*wait, lockPollMax) {
		f, err := j.tryLock(name)
		if err != nil {
			return nil, fmt.Errorf("lock ifindex %d: %w", ifindex, err)
		}
		if f != nil {
			return func() {
				_ = j.locks.Remove(name) // first, while the lock is held: see tryLock
				_ = f.Close()
			}, nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, fmt.Errorf("wait for the lock of ifindex %d: %w", ifindex, ctx.Err())
		case <-timer.C:
		}
	}
}

// tryLock returns the locked file, or nil where another holds it.
//
// The holder removes the file before it lets go, lest one stay for every vif there ever was. So a file may be locked that
// has just lost its name, while another process makes and locks the next one of that name: a lock counts only if the name
// still leads to the file that was locked.
func (j *Journal) tryLock(name string) (*os.File, error) {
	f, err := j.locks.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := flock(f, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = nil
		}
		return nil, errors.Join(err, f.Close())
	}
	held, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	named, err := j.locks.Stat(name)
	switch {
	case err == nil && os.SameFile(held, named):
		return f, nil
	case err == nil, errors.Is(err, fs.ErrNotExist):
		return nil, f.Close()
	}
	return nil, errors.Join(err, f.Close())
}
