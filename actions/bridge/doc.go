// Package bridge makes a vif a port of a bridge, and takes that back.
//
// Port is the desired state, Diff compares it with what is, Apply makes it so, Undo takes it back. A Step prints itself as the
// ip(8) or bridge(8) command a person would type.
//
// Ordering: whoever calls Apply has committed the guest's firewall before. Apply itself goes: bridge, link down where it must be,
// MAC, MTU, master, port flags, VLANs, FDB, link up. So nothing passes before the port is as wanted, and the bridge, whose
// MTU follows the smallest of its ports, never sees the wrong one. Undo goes: down, out of the bridge, and the bridge itself if vifd made it
// and nobody uses it.
//
// Idempotency: Apply writes only what differs. Called again it reads the link and the bridge (and the FDB where addresses are
// pinned) and writes nothing. A flag that is nil, and VLANs and a static FDB that are not wanted, are left as they are: to be rid of what an
// earlier desired state has set, Undo comes first.
//
// Identity: a vif is its ifindex, a bridge that was joined is its ifindex. A vif whose name is no longer the expected one is not
// touched.
//
// Concurrency: functions may be called from any goroutine, for one vif by one at a time. Several vifs may share a bridge that has to be
// created or deleted: whoever finds that another was faster begins again. A bridge deleted between the last port's leaving
// and a new one's joining is created again; if it goes after Apply's last look, the link messages of the kernel tell.
//
// Failure: Apply stops at the first refusal and leaves what was done; its Result says what that is and Undo takes it back, as it does
// after a kill at any instant. A link is up only if all went well, unless it was up and in this bridge before.
package bridge
