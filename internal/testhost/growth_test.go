package testhost

import "testing"

// verdict is a test that notes whether it failed.
type verdict struct {
	testing.TB
	failed bool
}

func (*verdict) Helper()                 {}
func (v *verdict) Errorf(string, ...any) { v.failed = true }

// Growth lets linear work pass, and fails work that is quadratic.
func TestGrowth(t *testing.T) {
	const size, times = 200, 8
	sum := 0
	spin := func(n int) {
		for i := range n {
			sum += i ^ sum
		}
	}
	of := func(larger bool) int {
		if larger {
			return size * times
		}
		return size
	}
	linear, quadratic := verdict{TB: t}, verdict{TB: t}
	Growth(&linear, times, 3, func(larger bool) { spin(1000 * of(larger)) })
	Growth(&quadratic, times, 3, func(larger bool) { spin(of(larger) * of(larger)) })
	if linear.failed || !quadratic.failed {
		t.Errorf("linear work failed: %t, quadratic work failed: %t", linear.failed, quadratic.failed)
	}
}
