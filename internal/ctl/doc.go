// Package ctl is the Unix socket vifd.sock in the state folder, between `vifd listen` and the other verbs.
//
// A conversation is one line of JSON each way, then the connection is closed. Each line is an object that starts with
// "apiVersion" and "kind". Requests: EventRequest, ReloadRequest, StatusRequest, SyncRequest, VersionRequest. Responses: Outcome,
// ReloadResult, Status, SyncResult, Version, or Failure where the request could not be served at all.
//
// Who may talk: the socket has mode 0600, and besides each side asks the kernel who the other is (SO_PEERCRED, unix(7)) and
// takes only uid 0 and its own user.
//
// One listener: whoever holds the lock on listen.lock owns the socket. A socket left by a listener that was killed is
// replaced; one that lives is never taken over.
//
// Ordering: none between clients. Each is served in a goroutine of its own; Server.MaxConns bounds them, and further
// clients wait in the kernel's queue. Blocking: a client that does not
// send its line within Server.ReadTimeout is dropped; a handler has Server.HandleTimeout, which it sees as its context's
// deadline. From Listen until Serve clients connect and wait, so a listener can bind early and answer once it is ready.
// Failure: when Serve's context ends, requests that have been read are still answered; a client that was not served sees
// ErrNoAnswer, and as every request is idempotent it may do the work itself.
package ctl
