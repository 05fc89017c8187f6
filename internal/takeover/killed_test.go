package takeover_test

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"vifd/internal/testhost"
)

// killWorlds is how many hosts share the points of one verb: start and stop wait for the kernel most of their time.
const killWorlds = 3

// TestKilled kills start and stop at every point, before and after every change to the kernel and to the record.
func TestKilled(t *testing.T) {
	t.Parallel()
	if testhost.WithoutRaceDetector(t) { // there is no goroutine here for it to watch, and the other tests go the same ways with it
		return
	}
	stride := 1
	if testhost.Unprivileged() {
		stride = 7 // the same again, for what an ordinary user may do
	}
	for _, verb := range []string{"start", "stop"} {
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			var last atomic.Int64 // as many points as it has
			t.Cleanup(func() {    // after all the worlds
				t.Logf("%s: %d points", verb, last.Load())
				if last.Load() < 50 {
					t.Errorf("%s has %d points only", verb, last.Load())
				}
			})
			for first := range killWorlds {
				t.Run(fmt.Sprint(first), func(t *testing.T) {
					t.Parallel()
					w := newWorld(t)
					must(t, os.Mkdir(w.dir, 0o700))
					w.Tmpfs(t, w.dir) // a disk would make it slow, and shows nothing that a kill could
					w.Run(t, "chmod", "700", w.dir)
					before := w.state(t)
					for at := 1 + stride*first; ; at += stride * killWorlds {
						points, killed := w.kill(t, verb, at, before)
						if !killed {
							last.Store(int64(points))
							break
						}
					}
					same(t, "at the end", before, w.state(t))
				})
			}
		})
	}
}

// kill kills verb at a point and has the host put back as it was before. Where verb has no such point it comes to its end, and
// kill returns how many it has.
func (w *world) kill(t *testing.T, verb string, at int, before string) (points int, killed bool) {
	t.Helper()
	if verb == "stop" {
		_, err := w.start(t)
		must(t, err)
	}
	out, err := w.child(verb, at)
	killed = err != nil && strings.Contains(out, "killed ")
	if err != nil && !killed {
		t.Fatalf("%s %d: %v\n%s", verb, at, err, out)
	}
	if !killed {
		if _, err := fmt.Sscanf(out[strings.LastIndex(out, "points "):], "points %d", &points); err != nil {
			t.Fatalf("%s %d: %v:\n%s", verb, at, err, out)
		}
		if verb == "start" {
			must(t, w.stop(t, false))
		}
		return points, false
	}
	what := fmt.Sprintf("%s killed at point %d (%s)", verb, at, strings.TrimSpace(out))
	list, err := w.recover(t)
	if err != nil {
		t.Fatalf("recover after %s: %v", what, err)
	}
	for _, r := range list {
		if r.Err != nil {
			t.Errorf("recover after %s: %v", what, r.Err)
		}
	}
	now := w.state(t)
	if strings.Contains(now, "xenbr0") { // the take-over was complete, or its end was not begun
		must(t, w.stop(t, true))
		now = w.state(t)
	}
	same(t, what, before, now)
	if t.Failed() {
		t.FailNow()
	}
	return 0, true
}

// child has this test binary do verb in the host and kill itself at a point.
func (w *world) child(verb string, at int) (string, error) {
	cmd := w.Command("/proc/self/exe")
	cmd.Env = append(cmd.Environ(), fmt.Sprintf("%s=%s %d %s", childEnv, verb, at, w.dir), "GORACE=atexit_sleep_ms=0")
	out, err := cmd.CombinedOutput()
	return string(out), err
}
