package xenreplay

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// programVariable names a vifd that was built before, for tests run by somebody who has no Go.
const programVariable = "VIFD_PROGRAM"

// built is the program that tests share while one of them runs.
var built struct {
	sync.Mutex
	users int
	dir   string
}

// build makes the program as its users get it and returns its path. It is gone when the last test that uses it has ended.
func build(t testing.TB) string {
	t.Helper()
	if program := os.Getenv(programVariable); program != "" {
		return program
	}
	built.Lock()
	defer built.Unlock()
	if built.users == 0 {
		if err := compile(); err != nil {
			t.Fatal(err)
		}
	}
	built.users++
	t.Cleanup(func() {
		built.Lock()
		defer built.Unlock()
		if built.users--; built.users == 0 {
			_ = os.RemoveAll(built.dir)
		}
	})
	return filepath.Join(built.dir, "vifd")
}

func compile() (err error) {
	if built.dir, err = os.MkdirTemp("", "xrbuild"); err != nil {
		return err
	}
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", filepath.Join(built.dir, "vifd"), "vifd/cmd/vifd")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		_ = os.RemoveAll(built.dir)
		return fmt.Errorf("%s (%s may name one that is built already): %w\n%s", cmd, programVariable, err, out)
	}
	return nil
}
