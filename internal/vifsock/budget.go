package vifsock

import (
	"maps"
	"slices"
	"time"
)

const (
	// Burst is how many packets of one interface are read at once before it is left out.
	Burst = 20
	// Rate is how many packets a second of one interface are read for long.
	Rate = 10

	pause = Burst / 2 * time.Second / Rate // after which half a burst may come
	// maxPaused bounds the filter's length. Interfaces beyond it are read on.
	maxPaused = 500
	// maxBuckets is how many interfaces are remembered before those are forgotten that have been quiet.
	maxBuckets = 256
)

// A budget says how much is still read of each interface. Interfaces come and go, and are whoever's: it remembers those that have sent
// something of late.
type budget struct {
	buckets map[int]bucket
	paused  map[int]*time.Timer
	most    int // how many buckets there may be before the next look for quiet ones
}

type bucket struct {
	tokens float64 // packets that may still be read, as of filled
	filled time.Time
}

func newBudget() budget {
	return budget{buckets: make(map[int]bucket), paused: make(map[int]*time.Timer), most: maxBuckets}
}

// spend takes one packet off, and tells whether the interface is now to be left out; resume is called when that is over.
func (b *budget) spend(ifindex int, now time.Time, resume func()) (paused bool) {
	have, known := b.buckets[ifindex]
	if !known {
		b.forget(now)
		have = bucket{tokens: Burst, filled: now}
	}
	have = bucket{tokens: max(0, have.at(now)-1), filled: now}
	b.buckets[ifindex] = have
	if have.tokens >= 1 || b.paused[ifindex] != nil || len(b.paused) >= maxPaused {
		return false // what was queued before a pause is read all the same
	}
	b.paused[ifindex] = time.AfterFunc(pause, resume)
	return true
}

func (b bucket) at(now time.Time) float64 {
	return min(Burst, b.tokens+now.Sub(b.filled).Seconds()*Rate)
}

// forget drops the buckets that are full again. Where hardly any are, it looks again only when there are twice as many.
func (b *budget) forget(now time.Time) {
	if len(b.buckets) < b.most {
		return
	}
	maps.DeleteFunc(b.buckets, func(_ int, have bucket) bool { return have.at(now) >= Burst })
	b.most = max(maxBuckets, 2*len(b.buckets))
}

// resume ends an interface's pause; false if it has ended already.
func (b *budget) resume(ifindex int) bool {
	_, was := b.paused[ifindex]
	delete(b.paused, ifindex)
	return was
}

func (b *budget) pausedOnes() []int { return slices.Sorted(maps.Keys(b.paused)) }

func (b *budget) close() {
	for _, t := range b.paused {
		t.Stop()
	}
	clear(b.paused)
}
