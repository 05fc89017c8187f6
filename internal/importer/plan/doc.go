// Package plan makes rules, networks and guests of what was read.
//
// Xen's vifs are matched by domain and number, and all that are like the host's default have the default rule alone. What a domain's
// vif has that is its own becomes a rule; rules that do the same to several domains are one. Interfaces of QEMU's are matched by their
// name where it stays, else by the address that libvirt gives the tap: the guest's MAC that begins with fe.
//
// Where the source guarded guests, vifd does: `antispoof`, addresses (`ip`), nwfilters, Qubes' sets. Where it did not, no guard is
// made up. A guard that needs addresses which nobody knows is replaced by its parts that do without, and that is noted.
//
// Make is pure: the same Input gives the same Output.
package plan
