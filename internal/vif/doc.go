// Package vif names virtual interfaces and says what is known of one: its events, its name's parts and its facts.
//
// It is a leaf: it does no I/O and imports nothing of vifd. A vif is identified by its ifindex, which the kernel does not
// give out twice while a host is up; a name may be taken over by another device between any two system calls.
package vif
