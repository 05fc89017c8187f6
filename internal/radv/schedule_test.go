package radv

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A recorder stands for the guest: it notes when it is told something, if it can be reached.
type recorder struct {
	mu        sync.Mutex
	start     time.Time
	sent      []time.Duration
	attempts  int
	reachable bool
}

func newRecorder() *recorder { return &recorder{start: time.Now(), reachable: true} }

// again begins to note anew.
func (r *recorder) again(reachable bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.start, r.sent, r.attempts, r.reachable = time.Now(), nil, 0, reachable
}

// noted is what has been sent since, and how often that was tried.
func (r *recorder) noted() (sent []time.Duration, attempts int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.sent), r.attempts
}

func (r *recorder) send() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.attempts++
	if r.reachable {
		r.sent = append(r.sent, time.Since(r.start))
	}
	return r.reachable
}

// pass lets time pass; of the bubble in which the test runs, so that nobody waits for it.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestUnsolicited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder()
		s := newSchedule(time.Time{}, r.send)
		pass(2 * time.Hour)
		s.stop()
		sent, _ := r.noted()
		if len(sent) < 14 || len(sent) > 39 {
			t.Fatalf("sent %d times in 2 h", len(sent))
		}
		for i, at := range sent {
			switch {
			case i == 0:
				if at != 0 {
					t.Errorf("first sent after %v, want at once", at)
				}
			case i < initialCount:
				if d := at - sent[i-1]; d > initialInterval {
					t.Errorf("number %d sent after %v, want at most %v", i, d, initialInterval)
				}
			default:
				if d := at - sent[i-1]; d < MinInterval || d > MaxInterval {
					t.Errorf("number %d sent after %v, want within %v-%v", i, d, MinInterval, MaxInterval)
				}
			}
		}
		pass(2 * time.Hour)
		if after, _ := r.noted(); len(after) != len(sent) {
			t.Error("sent after stop")
		}
	})
}

func TestSoonKeepsTheDistance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder()
		s := newSchedule(time.Time{}, r.send)
		defer s.stop()
		pass(10 * time.Second) // the second comes after 16
		r.again(true)
		s.soon()
		s.soon()
		synctest.Wait()
		for range 30 { // a guest that keeps on asking
			pass(100 * time.Millisecond)
			s.soon()
		}
		pass(time.Second)
		if sent, _ := r.noted(); len(sent) != 2 || sent[0] != 0 || sent[1] != minDelay {
			t.Errorf("sent at %v, want at once and %v later", sent, minDelay)
		}
	})
}

func TestTheNextScheduleKeepsTheDistance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder()
		s := newSchedule(time.Now().Add(-time.Second), r.send)
		defer s.stop()
		pass(10 * time.Second)
		if sent, _ := r.noted(); len(sent) < 1 || sent[0] != minDelay-time.Second {
			t.Errorf("sent at %v, want after %v", sent, minDelay-time.Second)
		}
	})
}

func TestRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder()
		r.again(false)
		s := newSchedule(time.Time{}, r.send)
		defer s.stop()
		pass(2 * time.Second)
		if _, n := r.noted(); n != 4 { // after 0, 0.25, 0.75 and 1.75 s
			t.Errorf("%d attempts in 2 s, want 4", n)
		}
		r.again(false)
		pass(10 * time.Minute)
		if _, n := r.noted(); n > 45 {
			t.Errorf("%d attempts in 10 min", n)
		}
		r.again(true)
		s.soon()
		synctest.Wait()
		if sent, _ := r.noted(); len(sent) != 1 {
			t.Error("not sent at once to one that has turned up")
		}
	})
}
