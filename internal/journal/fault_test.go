package journal

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// onTmpfs runs do in a mount namespace of its own, where dir is a tmpfs of the given size. The thread is thrown away.
func onTmpfs(t *testing.T, dir, size string, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_NEWNS)
		if err == nil {
			err = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
		}
		if err == nil {
			err = unix.Mount("vifd-test", dir, "tmpfs", 0, "mode=0700,size="+size)
		}
		if err != nil {
			t.Errorf("mounting a tmpfs in a namespace of its own: %v (run as root, or under unshare -rnm)", err)
			return
		}
		do()
	}()
	<-done
}

func TestReadOnlyFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	onTmpfs(t, dir, "1m", func() {
		j, err := Open(dir)
		if err != nil {
			t.Error(err)
			return
		}
		defer j.Close()
		if err := j.Put(sample(7)); err != nil {
			t.Error(err)
		}
		if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
			t.Error(err)
		}
		if err := j.Put(sample(8)); !errors.Is(err, unix.EROFS) {
			t.Errorf("Put: %v, want EROFS", err)
		}
		if err := j.Delete(7); !errors.Is(err, unix.EROFS) {
			t.Errorf("Delete: %v, want EROFS", err)
		}
		if _, err := j.Lock(t.Context(), 7); !errors.Is(err, unix.EROFS) {
			t.Errorf("Lock: %v, want EROFS", err)
		}
		if got, err := j.List(); len(got) != 1 || err != nil {
			t.Errorf("List: %+v, %v; reading must still work", got, err)
		}
		again, err := Open(dir)
		if err != nil {
			t.Errorf("a folder that is there and in order must open read-only: %v", err)
			return
		}
		if err := again.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestFullFolderKeepsTheRecordBefore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	onTmpfs(t, dir, "64k", func() {
		j, err := Open(dir)
		if err != nil {
			t.Error(err)
			return
		}
		defer j.Close()
		if err := j.Put(sample(7)); err != nil {
			t.Error(err)
		}
		big := sample(7)
		big.Own = json.RawMessage(`"` + strings.Repeat("x", 128<<10) + `"`)
		if err := j.Put(big); !errors.Is(err, unix.ENOSPC) {
			t.Errorf("Put: %v, want ENOSPC", err)
		}
		if got, err := j.Get(7); err != nil || len(got.Own) != len(sample(7).Own) {
			t.Errorf("the record before is gone: %+v, %v", got, err)
		}
		entries, err := os.ReadDir(filepath.Join(dir, "vifs"))
		if len(entries) != 1 || err != nil {
			t.Errorf("a failed Put left %v, %v", entries, err)
		}
	})
}

func TestOpenSweepsOnlyDeadWritersFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := open(t, dir)
	dead, alive := filepath.Join(dir, "vifs", "dead"+tempSuffix), filepath.Join(dir, "vifs", "alive"+tempSuffix)
	for _, name := range []string{dead, alive} {
		if err := os.WriteFile(name, []byte(`{"version":1,"boot`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Open(alive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := flock(f, unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if got, err := j.List(); len(got) != 0 || err != nil {
		t.Errorf("List shows files being written: %+v, %v", got, err)
	}
	open(t, dir)
	if _, err := os.Stat(dead); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a dead writer's file is still there: %v", err)
	}
	if _, err := os.Stat(alive); err != nil {
		t.Errorf("a living writer's file was taken: %v", err)
	}
}

const crashDir = "VIFD_JOURNAL_CRASH_DIR"

// TestCrashWriter is the child of TestKilledWriterLeavesWholeRecords: it puts records until it is killed.
func TestCrashWriter(t *testing.T) {
	dir := os.Getenv(crashDir)
	if dir == "" {
		return // run as a test of its own: there is nothing to show
	}
	j := open(t, dir)
	for i := 0; ; i++ {
		r := sample(1 + i%8)
		r.Error = strings.Repeat("x", 17*i%40000) // over several pages, so that a write takes long enough to be hit
		if err := j.Put(r); err != nil {
			t.Fatal(err)
		}
		if i == 8 {
			fmt.Println("under way")
		}
	}
}

func TestKilledWriterLeavesWholeRecords(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	temps, kills := 0, 0
	for ; kills < 40 || (temps == 0 && kills < 400); kills++ {
		cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^TestCrashWriter$", "-test.v")
		cmd.Env = append(os.Environ(), crashDir+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		started := false
		for lines := bufio.NewScanner(out); !started && lines.Scan(); {
			started = lines.Text() == "under way"
		}
		if !started {
			t.Fatalf("the writer said nothing: %v", cmd.Wait())
		}
		// The instant of the kill is spread over a Put's length; what is waited for has already come.
		for spin := time.Now(); time.Since(spin) < time.Duration(kills%40*37)*time.Microsecond; {
			runtime.Gosched()
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait() // "signal: killed"
		for _, name := range files(t, filepath.Join(dir, "vifs")) {
			if strings.HasSuffix(name, tempSuffix) {
				temps++
			}
		}
		j, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		got, err := j.List()
		if len(got) != 8 || err != nil {
			t.Fatalf("after kill %d: %d records, %v; want 8 good ones", kills, len(got), err)
		}
		if left := files(t, filepath.Join(dir, "vifs")); len(left) != 8 {
			t.Fatalf("after kill %d: Open left %q", kills, left)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if temps == 0 {
		t.Errorf("none of %d kills hit a record half written: the test shows nothing", kills)
	}
}
