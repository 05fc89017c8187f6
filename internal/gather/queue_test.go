package gather_test

import (
	"sync"
	"testing"

	"vifd/internal/gather"
	"vifd/internal/testhost"
)

// TestWhoWaitsSharesTheNextGroup: each request is carried out once, and Submit returns after that.
func TestWhoWaitsSharesTheNextGroup(t *testing.T) {
	t.Parallel()
	var q gather.Queue[int]
	var work sync.Mutex
	var groups [][]int
	entered, release := make(chan struct{}), make(chan struct{})
	carryOut := func(group []*int) {
		var values []int
		for _, r := range group {
			values = append(values, *r)
			*r = -1
		}
		if groups = append(groups, values); len(groups) == 1 {
			close(entered)
			<-release
		}
	}
	var all sync.WaitGroup
	submit := func(n int) {
		all.Go(func() {
			if q.Submit(&work, &n, carryOut); n != -1 {
				t.Errorf("request %d was not carried out when Submit returned", n)
			}
		})
	}
	submit(1)
	<-entered
	for n := 2; n <= 21; n++ {
		submit(n)
		testhost.Wait(t, "the request to wait", func() bool { return q.Waiting() == n-1 })
	}
	close(release)
	all.Wait()
	if len(groups) != 2 || len(groups[0]) != 1 || len(groups[1]) != 20 {
		t.Fatalf("groups are %v, want the first alone and the others together", groups)
	}
	for i, n := range groups[1] {
		if n != i+2 {
			t.Errorf("the group is %v, want it in the order of coming", groups[1])
			break
		}
	}
}
