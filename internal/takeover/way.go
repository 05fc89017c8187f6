package takeover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"vifd/internal/rtnl"
)

// takeOver goes the way there and verifies where it has led.
func (w *work) takeOver(ctx context.Context) error {
	if err := w.walk(ctx, w.there()); err != nil {
		return err
	}
	diffs, err := w.broken(ctx)
	if err := errors.Join(err, errDiffers(diffs)); err != nil {
		return err
	}
	b, err := w.bridge()
	if err != nil {
		return err
	}
	return w.k.silent(ctx, b.Index, w.rec.Snapshot.Gateways)
}

// walk goes a way, noting each step that is done.
func (w *work) walk(ctx context.Context, way []step) error {
	for i, s := range way {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		w.rec.Step = i + 1
		if err := w.save(); err != nil {
			return err
		}
	}
	return nil
}

// putBack goes the way back after a failure, whatever became of the context, and says whether that went well.
func (w *work) putBack(cause error) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	w.interrupted = true
	if err := w.restore(ctx); err != nil {
		return fmt.Errorf("%w; AND NOT EVERYTHING COULD BE PUT BACK: %w", cause, err)
	}
	return fmt.Errorf("%w; everything is as it was", cause)
}

// restore goes the way back and verifies where it has led. The record goes only when all is as it was.
func (w *work) restore(ctx context.Context) error {
	err := w.restoreOnce(ctx)
	if err == nil {
		return w.forget()
	}
	w.rec.Error = err.Error()
	return errors.Join(err, w.save())
}

func (w *work) restoreOnce(ctx context.Context) error {
	up := w.rec.Snapshot.Uplink
	l, err := w.k.links.LinkByIndex(up.Index)
	switch {
	case errors.Is(err, rtnl.ErrNotFound):
		return fmt.Errorf("%s has gone: %w (stop --force lets go of it)", up.Name, errGone)
	case err != nil:
		return err
	case !sameLink(&l, up):
		return fmt.Errorf("%s (ifindex %d) is called %s now: %w (stop --force lets go of it)", up.Name, up.Index, l.Name, errGone)
	}
	w.rec.Phase, w.rec.Step, w.rec.Error = phaseStopping, 0, ""
	if err := w.save(); err != nil {
		return err
	}
	if err := w.walk(ctx, w.back()); err != nil {
		return err
	}
	s, err := w.sideUplink()
	if err != nil {
		return err
	}
	diffs, err := s.differences(ctx)
	return errors.Join(err, errDiffers(diffs))
}

// broken says what is not as Start left it.
func (w *work) broken(ctx context.Context) ([]string, error) {
	up := w.rec.Snapshot.Uplink
	l, err := w.k.links.LinkByIndex(up.Index)
	if errors.Is(err, rtnl.ErrNotFound) || err == nil && !sameLink(&l, up) {
		return []string{up.Name + " has gone"}, nil
	}
	if err != nil {
		return nil, err
	}
	b, err := w.bridge()
	if err != nil {
		return nil, err
	}
	if b == nil {
		return []string{w.rec.Bridge + " has gone"}, nil
	}
	var diffs []string
	if l.Master != b.Index {
		diffs = append(diffs, up.Name+" is not in the bridge")
	}
	if !b.Up() {
		diffs = append(diffs, b.Name+" is down")
	}
	if !slices.Equal(b.MAC, net.HardwareAddr(up.MAC)) {
		diffs = append(diffs, fmt.Sprintf("%s has the address %v, not the uplink's", b.Name, b.MAC))
	}
	more, err := toBridge(w.k, w.rec.Snapshot, w.before, linkOf(b)).differences(ctx)
	return append(diffs, more...), err
}
