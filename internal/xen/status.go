package xen

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"vifd/internal/xenstore"
)

// The keys by which the backend and Xen's tools hear of a vif. Netback goes on when it reads exactly "connected"
// (hotplug_status_changed in drivers/net/xen-netback/xenbus.c); libxl prints hotplug-error when its script has failed.
const (
	keyStatus = "hotplug-status"
	keyError  = "hotplug-error"

	statusConnected = "connected"
	statusError     = "error"
)

// maxError is how much of an error is written, in bytes: a message of xenstore's takes 4096 with its path.
const maxError = 1024

// ErrGone says that the device's folder is not there any more, or never was: nothing was written, for a value written then would
// bring the folder back, and nobody would take it away again.
var ErrGone = errors.New("the device's folder in xenstore has gone")

// Writer is what telling takes of xenstore.
type Writer interface {
	Do(ctx context.Context, f func(*xenstore.Tx) error) error
}

// Connected tells the backend that the device's vif is ready, and the guest the MTU of it where mtu is not 0. The backend is told
// last. What is there already is written only with again: netback of some kernels takes the key away once it has read it, and a
// frontend that connects anew waits for it anew.
func Connected(ctx context.Context, store Writer, d Device, mtu int, again bool) error {
	err := store.Do(ctx, func(tx *xenstore.Tx) error {
		// Asked together, for each answer is a way there and back; within the transaction, so that a folder which goes meanwhile makes it
		// fail.
		paths := []string{d.key(keyFrontend), d.key(keyStatus), d.key(keyError), d.frontend(), d.frontend() + "/mtu"}
		now, err := tx.ReadMany(ctx, paths...)
		if errors.Is(err, fs.ErrPermission) { // a driver domain has no say in the guest's folder: its frontend keeps what it has
			mtu = 0
			now, err = tx.ReadMany(ctx, paths[:3]...)
		}
		switch {
		case err != nil:
			return err
		case !now[0].OK:
			return ErrGone
		}
		if text := strconv.Itoa(mtu); mtu > 0 && now[3].OK && now[4].Text != text {
			// docs/man/xl-network-configuration: mtu
			if err := tx.Write(ctx, paths[4], text); err != nil && !errors.Is(err, fs.ErrPermission) {
				return err
			}
		}
		if now[2].OK {
			if err := tx.Remove(ctx, d.key(keyError)); err != nil {
				return err
			}
		}
		if now[1].Text == statusConnected && !again {
			return nil
		}
		return tx.Write(ctx, d.key(keyStatus), statusConnected)
	})
	if err != nil {
		return fmt.Errorf("tell Xen that %s is connected: %w", d.Interface(), err)
	}
	return nil
}

// Failed tells the backend and Xen's tools why the device's vif is not ready. The reason goes on one line. What is there already is written
// only with again: what was said is asked of the store, which may not have heard it, or have been started anew since.
func Failed(ctx context.Context, store Writer, d Device, reason string, again bool) error {
	reason = line(reason)
	err := store.Do(ctx, func(tx *xenstore.Tx) error {
		// Within the transaction, so that a folder which goes meanwhile makes it fail.
		now, err := tx.ReadMany(ctx, d.key(keyFrontend), d.key(keyStatus), d.key(keyError))
		switch {
		case err != nil:
			return err
		case !now[0].OK:
			return ErrGone
		case now[1].Text == statusError && now[2].Text == reason && !again:
			return nil
		}
		if err := tx.Write(ctx, d.key(keyError), reason); err != nil {
			return err
		}
		return tx.Write(ctx, d.key(keyStatus), statusError)
	})
	if err != nil {
		return fmt.Errorf("tell Xen why %s is not connected: %w", d.Interface(), err)
	}
	return nil
}

// line makes one line of a reason, in ASCII: Xen's tools show every other byte as a number.
func line(reason string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case r < ' ' || r >= 0x7f:
			return '?'
		}
		return r
	}, strings.ReplaceAll(strings.TrimSpace(reason), "\u2026", "..."))
	return clean[:min(len(clean), maxError)]
}
