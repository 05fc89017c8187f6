package takeover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// Config is where a Manager works.
type Config struct {
	Dir   string // of the records: one that outlives a loss of power
	Sysfs string // /sys
	Proc  string // /proc
	Run   string // /run, where NetworkManager and systemd-networkd say what they manage
	Alias string // ifalias of bridges that vifd makes
	Group uint32 // device group of one that is not finished
	Log   *slog.Logger

	// Hook, where not nil, is told the name of every change to the kernel or to a record before and after it is made: "before ip link …".
	Hook func(point string)
}

// Network is a bridge network of the rules.
type Network struct {
	Name   string // the bridge's too
	Uplink string
	Create bool
	MTU    int // of a bridge that is made; 0: the uplink's
}

// Manager takes networks over and gives them back.
type Manager struct {
	cfg   Config
	store *store
}

// Open opens the folder of records, making it where it is missing.
func Open(cfg Config) (*Manager, error) {
	s, err := openStore(cfg.Dir, cfg.Proc)
	if err != nil {
		return nil, err
	}
	return &Manager{cfg: cfg, store: s}, nil
}

// work is one take-over under way, with the lock held.
type work struct {
	m      *Manager
	k      *kernel
	rec    *record
	before view // the snapshot, taken apart

	interrupted bool // somebody died, or failed, in the middle
}

// allLock lets one process in at a time.
const allLock = ".all"

// begin takes the lock and opens the kernel.
func (m *Manager) begin(ctx context.Context) (*work, func(), error) {
	unlock, err := m.store.lock(ctx, allLock)
	if err != nil {
		return nil, nil, err
	}
	k, err := openKernel(&m.cfg)
	if err != nil {
		unlock()
		return nil, nil, err
	}
	k.told = func(line string) { m.cfg.Log.Debug("done", "command", line) }
	return &work{m: m, k: k}, func() { k.close(); unlock() }, nil
}

// load reads a record and takes its snapshot apart; false where there is none of this boot.
func (w *work) load(network string) (bool, error) {
	r, err := w.m.store.get(network)
	if err != nil || r == nil {
		return false, err
	}
	if w.m.store.void(r) {
		w.m.cfg.Log.Info("the record is of an earlier boot, which the kernel has forgotten", "network", network, "phase", r.Phase)
		return false, w.m.store.remove(network)
	}
	w.rec = r
	w.interrupted = r.Phase == phaseStarting || r.Phase == phaseStopping
	w.before, err = r.Snapshot.view()
	return true, err
}

// save writes the record, between two changes to the kernel.
func (w *work) save() error {
	return w.k.do(fmt.Sprintf("record %s, %d steps", w.rec.Phase, w.rec.Step), func() error { return w.m.store.put(w.rec) })
}

// forget removes the record: everything is as it was.
func (w *work) forget() error {
	return w.k.do("forget the record", func() error { return w.m.store.remove(w.rec.Network) })
}

// Result is what Start and Try have done.
type Result struct {
	Already  bool      // it was so before
	Warnings []string  // what a person should know
	Until    time.Time // when Try puts it back
}

// Start moves the host's network from the uplink to the bridge. Called again it does nothing. ErrRefused: nothing was changed.
// After any other error everything has been put back, or the error says what could not be.
func (m *Manager) Start(ctx context.Context, n Network) (Result, error) {
	return m.start(ctx, n, 0, nil)
}

// Try is Start until a time is over, which Confirm ends. watch starts the process that then calls Watch; it is called once the
// record is on disk and before the first change.
func (m *Manager) Try(ctx context.Context, n Network, timeout time.Duration, watch func() error) (Result, error) {
	return m.start(ctx, n, timeout, watch)
}

func (m *Manager) start(ctx context.Context, n Network, timeout time.Duration, watch func() error) (Result, error) {
	w, end, err := m.begin(ctx)
	if err != nil {
		return Result{}, err
	}
	defer end()
	result, err := w.start(ctx, n, timeout, watch)
	if err != nil {
		err = fmt.Errorf("put %s behind %s: %w", n.Uplink, n.Name, err)
	}
	return result, err
}

func (w *work) start(ctx context.Context, n Network, timeout time.Duration, watch func() error) (Result, error) {
	found, err := w.load(n.Name)
	if err != nil {
		return Result{}, err
	}
	if found {
		switch done, err := w.already(ctx, n, timeout); {
		case err != nil:
			return Result{}, err
		case done:
			return Result{Already: true, Until: w.rec.Until}, nil
		}
	}
	warnings, err := w.plan(ctx, n)
	if err != nil {
		return Result{}, err
	}
	if timeout != 0 {
		w.rec.Deadline = w.rec.Snapshot.Taken + timeout
		w.rec.Until = time.Now().Add(timeout).Round(time.Second)
	}
	if err := w.save(); err != nil {
		return Result{}, err
	}
	if watch != nil {
		if err := watch(); err != nil {
			return Result{}, errors.Join(fmt.Errorf("start the watchdog: %w", err), w.forget())
		}
	}
	if err := w.takeOver(ctx); err != nil {
		return Result{}, w.putBack(err)
	}
	w.rec.Phase = phaseStarted
	if timeout != 0 {
		w.rec.Phase = phaseTrying
	}
	if err := w.save(); err != nil {
		return Result{}, w.putBack(err)
	}
	return Result{Warnings: warnings, Until: w.rec.Until}, nil
}

// already deals with a record that is there: true where there is nothing to do, false where there is nothing left of it.
func (w *work) already(ctx context.Context, n Network, timeout time.Duration) (bool, error) {
	switch w.rec.Phase {
	case phaseStarted, phaseTrying:
		if w.rec.Snapshot.Uplink.Name != n.Uplink {
			return false, refuse("%s was started with the uplink %s: stop it first", n.Name, w.rec.Snapshot.Uplink.Name)
		}
		if w.rec.Phase == phaseTrying && timeout == 0 {
			return false, refuse("%s is being tried until %s: confirm it, or stop it first", n.Name, w.rec.Until.Format(time.TimeOnly))
		}
		if w.rec.Phase == phaseStarted && timeout != 0 {
			return false, refuse("%s is started already: there is nothing to try", n.Name)
		}
		return true, w.sound(ctx)
	default:
		w.m.cfg.Log.Warn("an earlier process did not come to its end; what it did is put back first", "network", n.Name, "phase", w.rec.Phase)
		return false, w.restore(ctx)
	}
}

// sound is an error that says what is not as it should be.
func (w *work) sound(ctx context.Context) error {
	diffs, err := w.broken(ctx)
	if err == nil && len(diffs) > 0 {
		err = fmt.Errorf("%s was started, but has been changed since: %s; stop it and start it again", w.rec.Network, strings.Join(diffs, "; "))
	}
	return err
}
