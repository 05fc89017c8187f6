package vifsock

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget()
		defer b.close()
		over := make(chan int, 10)
		spend := func(ifindex, n int) (pauses int) {
			for range n {
				if b.spend(ifindex, time.Now(), func() { over <- ifindex }) {
					pauses++
				}
			}
			return pauses
		}
		if n := spend(1, Burst-1); n != 0 {
			t.Fatalf("paused %d times within a burst", n)
		}
		if n := spend(1, 100); n != 1 {
			t.Fatalf("paused %d times by a flood, want once", n)
		}
		if n := spend(2, Burst/2); n != 0 || len(b.pausedOnes()) != 1 || b.pausedOnes()[0] != 1 {
			t.Errorf("another interface pays for it: paused are %v", b.pausedOnes())
		}
		start := time.Now()
		if i := <-over; i != 1 || time.Since(start) != pause {
			t.Errorf("%d goes on after %v, want 1 after %v", i, time.Since(start), pause)
		}
		if !b.resume(1) || b.resume(1) || len(b.pausedOnes()) != 0 {
			t.Error("a pause does not end once")
		}
		if n := spend(1, Burst/2-1); n != 0 {
			t.Error("half a burst is too much after a pause")
		}
		for range 100 { // at the rate there is no pause
			<-time.After(time.Second / Rate)
			if spend(2, 1) != 0 {
				t.Fatal("paused at the rate that is granted")
			}
		}
	})
}

// TestBudgetForgets: interfaces that come and go leave nothing behind, also when there are many at once.
func TestBudgetForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget()
		defer b.close()
		for i := range 20 * maxBuckets {
			b.spend(i, time.Now(), func() {})
			if i%100 == 0 {
				<-time.After(time.Second)
			}
		}
		if len(b.buckets) > 2*maxBuckets {
			t.Errorf("%d buckets are left", len(b.buckets))
		}
	})
}
