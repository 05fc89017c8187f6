package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"vifd/handler"
	"vifd/internal/ctl"
)

// Handle answers a client of the socket, unless the listener is on its way out before it has come to what is asked for: then the client is to
// do it itself, or with the next listener.
func (l *listener) Handle(ctx context.Context, req ctl.Request) ctl.Response {
	switch req := req.(type) {
	case ctl.EventRequest:
		l.standIn(ctx, req.Event.Env[handler.HotplugEnv])
		out, err := l.handler.Do(ctx, req.Event)
		switch {
		case errors.Is(err, handler.ErrStopped):
			return nil
		case err != nil:
			return ctl.Failure{Reason: err.Error()}
		}
		return out
	case ctl.ReloadRequest:
		return l.await(ctx, turn{reload: true, why: "vifd reload"})
	case ctl.SyncRequest:
		outs, err := l.handler.Sync(ctx, req.Interfaces)
		switch {
		case errors.Is(err, handler.ErrStopped):
			return nil
		case err != nil:
			return ctl.SyncResult{Problems: err.Error()}
		}
		return ctl.SyncResult{Vifs: outs}
	case ctl.StatusRequest:
		return l.handler.Status()
	case ctl.VersionRequest:
		return ctl.Version{Version: version(), Pid: os.Getpid()}
	}
	return ctl.Failure{Reason: fmt.Sprintf("unknown request %T", req)}
}

// await has t carried out and returns what came of it; nil where the listener ends before that.
func (l *listener) await(ctx context.Context, t turn) ctl.Response {
	done := make(chan ctl.Response, 1)
	t.done = done
	select {
	case l.turns <- t:
	case <-l.stopping:
		return nil
	case <-ctx.Done():
		return ctl.Failure{Reason: "the listener is busy with other reloads"}
	}
	select {
	case resp := <-done:
		return resp
	case <-l.stopping:
		return nil
	case <-ctx.Done():
		return ctl.Failure{Reason: "the reload takes longer than the listener waits for it; it goes on"}
	}
}

// standIn has the rules of one of Xen's scripts loaded behind the others, when vifd is first called by its name: they are not there
// before, for a host that nobody translates addresses on shall not track connections.
func (l *listener) standIn(ctx context.Context, script string) {
	if handler.StandsIn(script) && !l.standsIn(script) {
		l.await(ctx, turn{reload: true, script: script, why: "called as " + script})
	}
}

// standsIn reports whether the rules of one of Xen's scripts are loaded.
func (l *listener) standsIn(script string) bool {
	loaded := func(file string) bool { return strings.HasSuffix(file, scriptRules(script)) }
	return slices.ContainsFunc(l.handler.Rules().Set().Files, loaded)
}
