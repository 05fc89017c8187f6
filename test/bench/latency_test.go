package bench

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

const (
	warmUp = 10
	laps   = 300
)

// BenchmarkLatency measures budgets 1 and 2: from the uevent to a vif that is guarded, in its bridge and up. The sides take
// turns, so that whatever else the machine does falls on all of them.
func BenchmarkLatency(b *testing.B) {
	program := build(b)
	vifd, bare := newSide(b, program, "vifd", 10), newSide(b, program, "bare", 10)
	crowd, alone := newSide(b, program, "vifd", 5_000), newSide(b, program, "bare", 5_000)
	for range b.N {
		race(b, vifd, bare, crowd, alone)
	}
	for _, s := range []*side{vifd, bare, crowd, alone} {
		fmt.Println(s)
	}
	verdict("1: vifd against a bare program, p50", vifd.p(50).Seconds()/bare.p(50).Seconds(), 1.25)
	verdict("2: with 5 000 guests against 10, p50", crowd.p(50).Seconds()/vifd.p(50).Seconds(), 1.2)
	// What the kernel itself takes longer for with so many links.
	fmt.Printf("the bare program with 5 000 guests against 10, p50: %.2f\n", alone.p(50).Seconds()/bare.p(50).Seconds())
}

// side is one of the programs that are compared, on a host of its own.
type side struct {
	name   string
	guests int
	watch  *stopwatch
	times  []time.Duration
}

// newSide plugs all guests in, has vifd configure them, and leaves the program called name running.
func newSide(b *testing.B, program, name string, guests int) *side {
	b.Helper()
	h := newHost(b, program, guests)
	h.Veths(b, h.far, names(guests)...)
	p := h.listen(b)
	if name == "bare" {
		stop(b, p)
		p = h.startBare(b)
	}
	return &side{name: name, guests: guests, watch: newStopwatch(b, h, p)}
}

// race lets the sides take turns.
func race(b *testing.B, sides ...*side) {
	b.Helper()
	for i := range warmUp + laps {
		for _, s := range sides {
			took := s.watch.lap(b)
			if i >= warmUp {
				s.times = append(s.times, took)
			}
		}
	}
	for _, s := range sides {
		slices.Sort(s.times)
	}
}

// p is a percentile of the times.
func (s *side) p(percent int) time.Duration { return s.times[(len(s.times)-1)*percent/100] }

func (s *side) String() string {
	return fmt.Sprintf("event to configured, %5d guests, %s: p50 %v p99 %v (%d times)", s.guests, s.name,
		s.p(50).Round(time.Microsecond), s.p(99).Round(time.Microsecond), len(s.times))
}

// verdict prints a budget that is an upper bound.
func verdict(what string, got, budget float64) {
	word := "met"
	if got > budget {
		word = "MISSED"
	}
	fmt.Printf("budget %s: %.2f, at most %.2f: %s\n", what, got, budget, word)
}
