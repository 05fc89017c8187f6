// Package xenreplay plays what a real Xen host was heard doing (Xen 4.17.7, Linux 6.1) to vifd on an ordinary kernel: the calls of its
// hotplug program, with their arguments, their environment and what xenstore held at that moment, and the uevents of its kernel,
// in the order of time in which they were recorded. It also holds what docs/xen.md says of Xen's scripts against the tests that it names.
//
// What the recordings give is taken as it is: the messages' bytes, ifindexes, names, xenstore's keys and values, exit codes, and the
// hotplug-status that each call left. Xen's own xenstored keeps the store. What they cannot give stands in for itself:
//
//   - A veth is netback's interface, a tap without QEMU the emulated card's. So /sys has no xen-backend device with its nodename and
//     its uevent file, which is where vifd looks first for whose an interface is; here the name and the events have to do.
//   - Nobody can have an ordinary kernel send a xen-backend event that vifd would believe. The messages go to internal/uevent's parser
//     and from there to a handler, in a process that is put together as `vifd listen` is (listener_test.go), but for its sockets of
//     events: what rtnetlink would tell it besides, and the veths' own uevents, it does not hear.
//   - The frontend's folder and the domain's name were not recorded with each call, and are made up.
//   - Netback's side of hotplug-status: the key is taken away when the backend goes, but no state changes by what it says.
//
// The program is built once for all tests, or is the one that VIFD_PROGRAM names: for tests that are run where nothing can be built.
package xenreplay
