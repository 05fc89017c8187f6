package testhost

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// growthTries is how often a growth that is too large is measured again before it is believed.
const growthTries = 3

// Growth runs work for one size and for a size that is times larger, and fails the test where the larger one costs more than
// margin times what a linear growth explains: quadratic work costs times² as much. The cost is the processor's time of the thread that
// runs work (CLOCK_THREAD_CPUTIME_ID, clock_gettime(2)), so other programs' load is not in it, and no machine is too slow. What load
// does to caches is left to margin, and to taking the least of several tries. Work that starts goroutines is not seen in full.
func Growth(t testing.TB, times, margin int, work func(larger bool)) {
	t.Helper()
	var small, large time.Duration
	for range growthTries {
		small, large = processorTime(t, func() { work(false) }), processorTime(t, func() { work(true) })
		if large <= small*time.Duration(times*margin) {
			return
		}
	}
	t.Errorf("%d times the size takes %.0f times the work (%v, then %v)", times, float64(large)/float64(small), small, large)
}

func processorTime(t testing.TB, f func()) time.Duration {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, after unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &before); err != nil {
		t.Fatalf("reading this thread's clock: %v", err)
	}
	f()
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &after); err != nil {
		t.Fatalf("reading this thread's clock: %v", err)
	}
	return time.Duration(after.Nano() - before.Nano())
}

// Memory is what this process has in use, heap and stacks, in bytes.
func Memory() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // frees what the finalizers of the first let go of
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
