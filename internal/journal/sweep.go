package journal

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// sweep removes temporary files whose writer is dead. Records of an earlier boot it leaves (Get and List pass over them):
// between reading one and removing it, another process could put the record of this boot there.
//
// Other processes may be writing at this moment. A writer holds a lock on its temporary file until it has renamed it, so a
// file that can be locked has lost its writer, but for the instant between the file's creation and its lock: a writer swept
// in that instant finds its file gone and begins anew (Put).
func (j *Journal) sweep() error {
	entries, err := fs.ReadDir(j.vifs.FS(), ".")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := entry.Name()
		if !entry.Type().IsRegular() || !strings.HasSuffix(name, tempSuffix) {
			continue
		}
		if err := j.sweepTemp(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (j *Journal) sweepTemp(name string) error {
	f, err := j.vifs.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	switch err := flock(f, unix.LOCK_EX|unix.LOCK_NB); {
	case errors.Is(err, unix.EWOULDBLOCK):
		return nil // its writer lives
	case err != nil:
		return err
	}
	return j.vifs.Remove(name)
}
