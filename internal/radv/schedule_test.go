package radv

import (
	"testing"
	"testing/synctest"
	"time"
)

// A recorder stands for the guest: it notes when it is told something, if it can be reached.
type recorder struct {
	start     time.Time
	sent      []time.Duration
	attempts  int
	reachable bool
}

func newRecorder() *recorder { return &recorder{start: time.Now(), reachable: true} }

func (r *recorder) send() bool {
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
		if len(r.sent) < 14 || len(r.sent) > 39 {
			t.Fatalf("sent %d times in 2 h", len(r.sent))
		}
		for i, at := range r.sent {
			switch {
			case i == 0:
				if at != 0 {
					t.Errorf("first sent after %v, want at once", at)
				}
			case i < initialCount:
				if d := at - r.sent[i-1]; d > initialInterval {
					t.Errorf("number %d sent after %v, want at most %v", i, d, initialInterval)
				}
			default:
				if d := at - r.sent[i-1]; d < MinInterval || d > MaxInterval {
					t.Errorf("number %d sent after %v, want within %v-%v", i, d, MinInterval, MaxInterval)
				}
			}
		}
		n := len(r.sent)
		pass(2 * time.Hour)
		if len(r.sent) != n {
			t.Error("sent after stop")
		}
	})
}

func TestSoonKeepsTheDistance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder()
		s := newSchedule(time.Time{}, r.send)
		pass(time.Hour)
		defer s.stop()
		pass(time.Until(s.last.Add(10 * time.Second)))
		r.sent, r.start = nil, time.Now()
		s.soon()
		s.soon()
		synctest.Wait()
		for range 30 { // a guest that keeps on asking
			pass(100 * time.Millisecond)
			s.soon()
		}
		pass(time.Second)
		if len(r.sent) != 2 || r.sent[0] != 0 || r.sent[1] != minDelay {
			t.Errorf("sent at %v, want at once and %v later", r.sent, minDelay)
		}
	})
}

func TestTheNextScheduleKeepsTheDistance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder()
		s := newSchedule(time.Now().Add(-time.Second), r.send)
		defer s.stop()
		pass(10 * time.Second)
		if len(r.sent) < 1 || r.sent[0] != minDelay-time.Second {
			t.Errorf("sent at %v, want after %v", r.sent, minDelay-time.Second)
		}
	})
}

func TestRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder()
		r.reachable = false
		s := newSchedule(time.Time{}, r.send)
		defer s.stop()
		pass(2 * time.Second)
		if r.attempts != 4 { // after 0, 0.25, 0.75 and 1.75 s
			t.Errorf("%d attempts in 2 s, want 4", r.attempts)
		}
		before := r.attempts
		pass(10 * time.Minute)
		if n := r.attempts - before; n > 45 {
			t.Errorf("%d attempts in 10 min", n)
		}
		r.reachable, r.start = true, time.Now()
		s.soon()
		synctest.Wait()
		if len(r.sent) != 1 {
			t.Error("not sent at once to one that has turned up")
		}
	})
}
