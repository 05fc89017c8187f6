package radv

import (
	"math/rand/v2"
	"sync"
	"time"
)

// RFC 4861, 6.2.1 and 10.
const (
	// MaxInterval and MinInterval lie between unsolicited advertisements.
	MaxInterval = 600 * time.Second
	MinInterval = 200 * time.Second

	initialInterval = 16 * time.Second
	initialCount    = 3
	minDelay        = 3 * time.Second // between advertisements to all nodes

	// firstRetry lies between the first two attempts at an advertisement that cannot be sent; it doubles up to maxRetry.
	firstRetry = 250 * time.Millisecond
	maxRetry   = initialInterval
)

// A schedule says when all nodes on one vif are sent an advertisement. Its send is called by one goroutine at a time, and never after
// stop has returned.
type schedule struct {
	send func() (sent bool)

	mu      sync.Mutex
	timer   *time.Timer
	due     time.Time     // when the timer fires
	last    time.Time     // when the latest advertisement was sent
	begin   int           // how many of the first ones are still to come
	retry   time.Duration // interval to the next attempt, if the latest has failed
	stopped bool
}

// newSchedule begins with an advertisement at once; last is when the one before was sent, if there was any.
func newSchedule(last time.Time, send func() bool) *schedule {
	s := &schedule{send: send, begin: initialCount, last: last}
	s.mu.Lock()
	defer s.mu.Unlock()
	delay := s.earliest()
	s.due = time.Now().Add(delay)
	s.timer = time.AfterFunc(delay, s.fire)
	return s
}

func (s *schedule) fire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || time.Now().Before(s.due) {
		return // put off in the moment in which the timer fired
	}
	if s.send() {
		s.last, s.retry = time.Now(), 0
		s.begin = max(0, s.begin-1)
		s.in(s.interval())
		return
	}
	s.retry = min(max(firstRetry, 2*s.retry), s.longestRetry())
	s.in(s.retry)
}

// soon is for somebody who waits: the next advertisement is due as early as may be.
func (s *schedule) soon() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retry = 0
	if delay := s.earliest(); !s.stopped && time.Now().Add(delay).Before(s.due) {
		s.in(delay)
	}
}

// stop ends the schedule; a send under way is waited for. It returns when the latest advertisement was sent.
func (s *schedule) stop() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	s.timer.Stop()
	return s.last
}

func (s *schedule) in(d time.Duration) {
	s.due = time.Now().Add(d)
	s.timer.Reset(d)
}

// earliest is how long the next advertisement to all nodes has to wait.
func (s *schedule) earliest() time.Duration {
	if s.last.IsZero() {
		return 0
	}
	return max(0, time.Until(s.last.Add(minDelay)))
}

func (s *schedule) interval() time.Duration {
	d := MinInterval + rand.N(MaxInterval-MinInterval)
	if s.begin > 0 {
		d = min(d, initialInterval)
	}
	return d
}

// longestRetry is short until the guest has heard something, since it may be waiting.
func (s *schedule) longestRetry() time.Duration {
	if s.begin > 0 {
		return maxRetry
	}
	return MinInterval
}
