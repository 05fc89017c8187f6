package journal

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestLockExcludes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const workers, rounds = 8, 40
	var wg sync.WaitGroup
	var inside, total atomic.Int32
	for range workers {
		j := open(t, dir)
		wg.Go(func() {
			for range rounds {
				unlock, err := j.Lock(t.Context(), 7)
				if err != nil {
					t.Error(err)
					return
				}
				if n := inside.Add(1); n != 1 {
					t.Errorf("%d hold the lock", n)
				}
				total.Add(1)
				inside.Add(-1)
				unlock()
			}
		})
	}
	wg.Wait()
	if n := total.Load(); n != workers*rounds {
		t.Errorf("%d rounds, want %d", n, workers*rounds)
	}
	if left := files(t, filepath.Join(dir, "locks")); len(left) != 0 {
		t.Errorf("lock files left behind: %q", left)
	}
}

func TestLockIsPerVifAndMindsItsContext(t *testing.T) {
	t.Parallel()
	j := open(t, t.TempDir())
	unlock7, err := j.Lock(t.Context(), 7)
	if err != nil {
		t.Fatal(err)
	}
	unlock8, err := j.Lock(t.Context(), 8) // would wait for ever were there one lock for all
	if err != nil {
		t.Fatal(err)
	}
	unlock8()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := j.Lock(ctx, 7); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Lock of a held vif: %v, want the deadline", err)
	}
	unlock7()
	unlock, err := j.Lock(t.Context(), 7)
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}

func TestStaleLockFileIsHarmless(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := open(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "locks", "7"), []byte("1234\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	unlock, err := j.Lock(t.Context(), 7)
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}
