// Package importer turns what configures Xen's, libvirt's and Qubes OS's networks into vifd's rules.
//
// Readers of each format (xend, xl, libvirt, qubes) add to one model, plan makes rules of it, and write prints them. Import reads the
// files that it is given, in their order, folders by the names in them, and below those the ones that libvirt and Xen's tools keep
// domains, networks and filters in; a file that two names lead to is read once, and standard input is.
// It changes nothing.
//
// Failure: a file that cannot be read as what it is is refused with its place, and with it the whole import, since half of a
// configuration is not what anybody asked for. What is understood and has no counterpart is in the Result's notes.
package importer
