package bench

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"vifd/internal/testhost"
)

const (
	warmUp = 10
	laps   = 300
)

// BenchmarkLatency measures budgets 1 and 2: from the uevent to a vif that is guarded, in its bridge and up.
func BenchmarkLatency(b *testing.B) {
	program := build(b)
	few := side{b: b, program: program, guests: 10}
	sides := []*side{few.with("vifd"), few.with("bare"), few.with("vifd1"), few.with("bare1")}
	for range b.N {
		race(sides)
	}
	for _, s := range sides {
		fmt.Println(s)
	}
	verdict("1: vifd against a bare program, p50", sides[0].p(50).Seconds()/sides[1].p(50).Seconds(), 1.25)
}

// side is one of the programs that are compared, on a host of its own.
type side struct {
	b       *testing.B
	program string
	name    string
	guests  int
	watch   *stopwatch
	times   []time.Duration
}

// with plugs all guests in, has vifd configure them, and starts the program called name.
func (s side) with(name string) *side {
	s.name = name
	h := newHost(s.b, s.program, s.guests)
	h.Veths(s.b, h.far, names(1, s.guests)...)
	p := h.listen(s.b, strings.Fields(os.Getenv("X_"+name))...)
	if strings.HasPrefix(name, "bare") {
		stop(s.b, p)
		p = h.startBare(s.b, strings.Fields(os.Getenv("X_"+name))...)
	}
	s.watch = newStopwatch(s.b, h, p)
	return &s
}

// race lets the sides take turns.
func race(sides []*side) {
	for i := range warmUp + laps {
		for _, s := range sides {
			took := s.watch.lap(s.b)
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

var (
	_ = testhost.Patience
	_ = syscall.SIGTERM
)
