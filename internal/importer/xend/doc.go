// Package xend reads xend-config.sxp, of Xen up to 4.4: which script set the host's network up, and which one the vifs.
//
// Of everything else in the file nothing is said, since it is not about the network. Arguments are taken apart as xend does, at
// spaces, and never shown to a shell. It does no I/O and keeps nothing between calls.
package xend
