// Package qubes reads which addresses Qubes OS lets each vif have: the sets of its tables as `nft list ruleset` prints them, in the
// domain that the vifs are in, and the list of connected addresses that QubesDB holds.
//
// Only what is in the tables called qubes is read; all others are somebody else's. The package does no I/O and keeps nothing between
// calls.
package qubes
