package testhost

import (
	"testing"
	"time"
)

// Patience is how long a test waits for what must happen: far longer than it takes, so that only a fault uses it up.
const Patience = slowdown * 10 * time.Second

const pollEvery = 2 * time.Millisecond

// Wait polls cond until it holds. After Patience it fails the test with what, which completes the words "timed out waiting
// for". Cond runs on the test's goroutine and may fail the test itself.
func Wait(t testing.TB, what string, cond func() bool) {
	t.Helper()
	if cond() {
		return
	}
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for deadline := time.Now().Add(Patience); time.Now().Before(deadline); {
		<-tick.C
		if cond() {
			return
		}
	}
	t.Fatalf("timed out after %v waiting for %s", Patience, what)
}
