// Package doctor looks for what on a host keeps vifd, or the guests that it connects, from working: other software's
// firewalls and network managers, settings of the kernel, parts that it lacks. It changes nothing, and every finding names its
// cure.
package doctor
