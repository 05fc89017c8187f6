// Package xen knows how Xen's tools, its network backend and a guest's configuration meet in xenstore: the folder that each vif
// has there, what its keys say of the guest, and how to tell that a vif is ready, or why it is not.
//
// The contract is that of Xen's hotplug scripts (tools/hotplug/Linux/vif-common.sh and docs/misc/xenstore-paths.pandoc of Xen, and
// drivers/net/xen-netback/xenbus.c of Linux). Everything read is hostile until it has been checked: a guest may write below its own
// /local/domain/<domid>, and its configuration is another program's. Nothing here holds state; methods may be called from several
// goroutines at once, and block until xenstored has answered or their context ends.
package xen
