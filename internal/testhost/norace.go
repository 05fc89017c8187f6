package testhost

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// WithoutRaceDetector has the test that calls it run by the same test binary without the race detector, and returns true when that
// is done and there is no more to do; false where there is no race detector, so that the test itself is to be run. It is for
// tests of what goes on in one goroutine, where it has nothing to find, that do it by the hundred. The binary is built for the
// test, which needs Go.
func WithoutRaceDetector(t *testing.T) (done bool) {
	t.Helper()
	if slowdown == 1 {
		return false
	}
	program := filepath.Join(t.TempDir(), "norace.test")
	build := exec.Command("go", "test", "-c", "-o", program, ".") // tests run in the folder of their package
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("testhost: %s: %v\n%s", build, err, out)
	}
	// The parent-death signal is sent when the thread that started the child ends, so that thread must stay.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(t.Context(), program, "-test.v", "-test.run", "^"+t.Name()+"$", "-test.parallel", flag.Lookup("test.parallel").Value.String())
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()+" (") {
		t.Fatalf("without the race detector: %v\n%s", err, out)
	}
	t.Logf("without the race detector:\n%s", out)
	return true
}
